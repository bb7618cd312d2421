#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Events for the browser tests, through the acknowledged tap of TILLWATCH_TAP_ROUTER.
Usage: fill.py estate|more|many|one|hostile   (what is sent is committed when it ends)"""

import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from publish import Acked, body, event  # noqa: E402

# Strings that become code where somebody forgets that they are text.
HOSTILE = [
    "<script>document.title='owned'</script>",
    "<img src=x onerror=document.title='owned'>",
    "\"><svg onload=document.title='owned'>",
    "javascript:document.title='owned'",
    "';document.title='owned';//",
    "{{constructor.constructor('document.title=1')()}}",
    "</title><script>document.title='owned'</script>",
    "%3Cscript%3Edocument.title='owned'%3C/script%3E",
    "\u202egnp.exe \u0000 \ufeff\u2028",
    "../../../../etc/passwd",
    "=HYPERLINK(\"http://example.invalid\",\"x\")",
    "+1+1", "-2+3", "@SUM(A1)", "\t=1+1", "＝1+1",
    "a;=1+1,\"b\"\r\n=2",
    "null", "undefined", "NaN", "None", "__proto__", "constructor", "0", " ",
    "\u200f\u05d0\u05d1\u05d2\u200f 12 \u202dABC\u202c \u2066x\u2069",
    "W" * 300,
    "\u0301" * 40 + "z",
    "%", "%2F", "%00", "?a=b&c=d", "#frag", "a/b/../c", "\\\\host\\share", "//example.invalid/x",
    "${7*7}", "<!--", "]]>", "\U0001f4a9" * 20,
]


def estate():
    """One order with a shared parcel, a failure, a duplicate, a conflict and a double effect."""
    order = {"orderid": "W-1001", "transactionid": None, "storeid": None}
    made = [
        event("/ecommerce/web", 1, type="com.example.order.created", customerref="C-7",
              amount="129.90", currency="EUR",
              data={"customer": {"email": "jane@example.com", "name": "Jane Doe"}}, **order),
        event("/payment/psp", 2, type="com.example.payment.authorized", paymentid="PAY-1", **order),
        event("/erp/core", 3, type="com.example.order.posted", outcome="failed", errorcode="429",
              errorclass="throttled", errormessage="Too many requests", **order),
        event("/erp/core", 4, type="com.example.order.posted", **order),
        event("/wms/dc", 5, type="com.example.parcel.packed", orderid="W-1001 W-1002",
              shipmentid="PARCEL-9", transactionid=None),
        event("/payment/psp", 6, type="com.tillwatch.payment.captured", paymentid="PAY-1", **order),
        event("/payment/psp", 7, type="com.tillwatch.payment.captured", paymentid="PAY-1", **order),
    ]
    made.append(made[1])
    made.append({**made[3], "data": {"total": "99.99"}})
    made += [event("/pos/store-%04d" % s, n, storeid="%04d" % s, transactionid=str(n),
                   type="com.example.sale.completed") for s in range(1, 13) for n in range(1, 6)]
    made.append(event("/pos/store-0001", 6, storeid="0001", transactionid="6",
                      type="com.example.sale.completed", sequence="00000001"))
    made.append(event("/pos/store-0001", 7, storeid="0001", transactionid="7",
                      type="com.example.sale.completed", sequence="00000009"))
    made += sales()
    broken = [b'{"specversion":"1.0","id":"x"', b"\x00\xff bytes",
              b'{"foreign":"' + b"y" * 6000 + b'"}']
    return [body(one) for one in made] + broken


def sale(number, store, *kinds, **more):
    """Events of one sale as the sale-posting workflow knows them: the last one with `more`."""
    made = []
    for kind in kinds:
        system = kind.split(".", maxsplit=1)[0]
        made.append(event("/%s/main" % system, number * 10 + len(made), storeid=store,
                          transactionid="S%d" % number, type="com.tillwatch." + kind))
    made[-1].update(more)
    return made


def sales():
    """One sale that waits for its stock, and one that ERP refused."""
    return sale(9001, "0042", "pos.sale.completed", "middleware.sale.received",
                "erp.sale.posted") + sale(
                    9002, "0042", "pos.sale.completed", "middleware.sale.received",
                    "erp.sale.rejected", outcome="failed", errorclass="master-data",
                    errorcode="VP-112", errormessage="no such article")


def more():
    """Later events of the same order."""
    return [body(event("/wms/dc", 50 + n, type="com.example.parcel.scanned", orderid="W-1001",
                       transactionid=None)) for n in range(3)]


def many():
    """260 failed sales, more than a page loads at once: amounts, codes and stores in no order, a
    few without an amount; some texts are formulae."""
    codes = ["=1+1", "+2", "-3", "@SUM(A1)", "E;=4", 'say "5"', "E-6", "a,b"]
    sent = []
    for n in range(260):
        amount = {} if n % 13 == 0 else {"amount": "%d.%02d" % ((n * 7919) % 1000, n % 100),
                                         "currency": "EUR"}
        made = sale(20000 + n, "%04d" % (100 + (n * 37) % 61), "pos.sale.completed",
                    "middleware.sale.received", "erp.sale.rejected", outcome="failed",
                    errorclass=["master-data", "timeout", "rejected"][n % 3],
                    errorcode=codes[n % len(codes)])
        made[0].update(amount)
        sent += [body(one) for one in made]
    return sent


def one():
    """Another sale that ERP refuses, and one event more of the order."""
    number = 40000 + time.time_ns() // 1000000 % 10000000
    made = sale(number, "0042", "pos.sale.completed", "middleware.sale.received",
                "erp.sale.rejected", outcome="failed", errorclass="timeout", errorcode="NEW")
    made.append(event("/wms/dc", number, type="com.example.parcel.scanned", orderid="W-1001",
                      transactionid=None))
    return [body(one) for one in made]


def hostile():
    """The same strings in every place that a page shows."""
    sent = []
    for n, text in enumerate(HOSTILE):
        plain = text.replace("\u0000", "").replace(" ", "_").strip() or "_"
        word = "".join(c for c in plain if c not in "\r\n\t")
        sent.append(body(event("/bad/" + word, 100 + n, type=word, subject=word, orderid="X-%d" % n,
                               shipmentid=word, storeid=word, system=word, outcome="failed",
                               errorcode=word, errormessage=word, errorclass=word, channel=word,
                               customerref=word, transactionid=None,
                               data={text: text, "nested": [{text: [text]}]})))
        # Some of these are refused for it, which the quarantine shows.
        for k, name in enumerate(("amount", "currency", "sequence", "dataschema", "replayid",
                                  "paymentid", "region", "time", "datacontenttype", "id")):
            sent.append(body(event("/odd/%s" % name, 100 + n, orderid="X-%d" % n,
                                   transactionid=None, type="com.example.odd%d" % k,
                                   **{name: word})))
        sent.append(body(event("/bad/outcome", 100 + n, type=word, orderid="X-%d" % n, outcome=word,
                               transactionid=None)))
        for k, kind in enumerate(("pos.sale.completed", "erp.sale.rejected")):
            sent.append(body(event("/pos/" + word, 200 + 2 * n + k, type="com.tillwatch." + kind,
                                   storeid=word, transactionid=word, region=word, amount="12.90",
                                   currency="EUR", errorcode=word, errorclass=word,
                                   errormessage=word)))
        sent.append(json.dumps({"unmapped": text}).encode())
        sent.append(json.dumps({"specversion": "1.0", "id": text, "source": text, "type": text,
                                "time": text}).encode())
        sent.append(text.encode())
    return sent


def main():
    link = Acked(os.environ["TILLWATCH_TAP_ROUTER"])
    kinds = {"estate": estate, "more": more, "many": many, "one": one, "hostile": hostile}
    for message in kinds[sys.argv[1]]():
        link.send(message)
    link.flush()
    link.close()


if __name__ == "__main__":
    main()
