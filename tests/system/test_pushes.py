#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""More alerts than one request to an Alertmanager takes: delivery alone, with up to 20,000 of them,
large ones, and a request that is refused in between. TAP."""

import json
import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from receivers_kit import Delivery, Receiver, make_store  # noqa: E402
from tap import Tap  # noqa: E402
from tower import wait_until  # noqa: E402


def check_batches(tap, directory):
    """All of them, each once, whatever a request comes to."""
    def some(count):
        return [{"labels": {"alertname": "StoreSilent", "severity": "warning",
                            "store": "%05d" % n}, "annotations": {"summary": "silent \u20ac"},
                 "starts": now - 60, "ended": 0} for n in range(count)]

    def told(first):
        """Sizes of the requests behind the first so many; the stores that they name."""
        bodies = [json.loads(r.body) for r in server.got("/api/v2/alerts")[first:]]
        return [len(b) for b in bodies], {a["labels"]["store"] for b in bodies for a in b}

    now = int(time.time())
    with Receiver() as server:
        settings = {"allow": ["127.0.0.0/8"], "route": {"receiver": "am"}, "receivers": [
            {"name": "am", "alertmanager": [{"url": server.url("")}]}]}
        with Delivery(directory, settings) as d:
            seen = 0
            for count, sizes in ((1000, [1000]), (1001, [1000, 1]),
                                 (20000, [1000] * 20)):
                tap.equal(d.order(alerts=some(count)), 0, "%d alerts: told" % count)
                server.wait("/api/v2/alerts", seen + len(sizes))
                wait_until(lambda: d.order(under_way=True) == 0, "the replies")
                found, stores = told(seen)
                tap.equal((found, len(stores)), (sizes, count),
                          "%d alerts: each once, 1,000 in a request" % count)
                seen += len(found)
            big = [dict(one, annotations={"description": "x" * 60000}) for one in some(100)]
            tap.equal(d.order(alerts=big), 0, "large alerts: told")
            server.wait("/api/v2/alerts", seen + 3)
            wait_until(lambda: d.order(under_way=True) == 0, "the replies")
            found, stores = told(seen)
            tap.ok(len(stores) == 100 and sum(found) == 100 and 3 <= len(found) <= 4,
                   "large alerts: in several requests", found)
            seen += len(found)
            with server.lock:
                server.script["/api/v2/alerts"] = [200, (503, {"Retry-After": "1"}, b""), 200]
            d.order(alerts=some(3000))
            server.wait("/api/v2/alerts", seen + 2)
            wait_until(lambda: d.order(under_way=True) == 0, "the replies")
            tap.equal(told(seen)[0], [1000, 1000], "one is refused: no further ones")
            seen += 2
            wait_until(lambda: d.order(wants=True) == 1, "the next try")
            d.order(alerts=some(2500))
            server.wait("/api/v2/alerts", seen + 3)
            wait_until(lambda: d.order(under_way=True) == 0, "the replies")
            found, stores = told(seen)
            tap.equal((found, len(stores)), ([1000, 1000, 500], 2500),
                      "one is refused: with what is true then")


def main():
    """A store of its own."""
    with Tap() as tap, tempfile.TemporaryDirectory(prefix="tw-pushes-") as empty, \
            tempfile.TemporaryDirectory(prefix="tw-pushes-") as directory:
        Delivery.empty = make_store(empty)
        check_batches(tap, directory)


if __name__ == "__main__":
    main()
