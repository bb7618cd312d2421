#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The web half over raw sockets: malformed requests, limits at their edges, security headers on
every route and every error, slow clients, paths that try to leave the table, methods, and what the
API answers for events that were just sent."""

import base64
import json
import os
import re
import select
import shutil
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import Tap  # noqa: E402
from tower import ROOT, Tower, wait_until  # noqa: E402

try:
    import zmq
    from publish import Acked, body, event
except ImportError:
    zmq = None

SECURITY = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
                               "connect-src 'self'; img-src 'self' data:; font-src 'self'; "
                               "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
MAX_URL = 4096
MAX_HEADERS = 64
MAX_HEAD = 16384
MAX_BODY = 4096  # of the configuration below
TIMEOUT_S = 2    # likewise
XSS = "<script>alert('x')</script>"
RETRY = "/api/v1/quarantine/retry"


class Answer:
    """Status, headers (lower case, a list of values each) and body of one answer."""

    def __init__(self, raw):
        self.raw = raw
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        words = lines[0].split(" ", 2)
        self.status = int(words[1]) if len(words) > 1 and words[0].startswith("HTTP/1.") else 0
        self.headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.headers.setdefault(name.lower(), []).append(value.strip())

    def header(self, name):
        """The value of a header that is there exactly once, else None."""
        values = self.headers.get(name, [])
        return values[0] if len(values) == 1 else None

    def json(self):
        """The body, parsed; None when it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


class Web:
    """Raw requests to a tower."""

    def __init__(self, tower):
        self.address = ("127.0.0.1", int(tower.url.rsplit(":", 1)[1]))
        self.host = "127.0.0.1:%d" % self.address[1]

    def connect(self):
        """A new connection."""
        return socket.create_connection(self.address, timeout=20)

    def send(self, data, shut=False):
        """One connection, these bytes; everything that comes until the end of the answer."""
        with self.connect() as s:
            try:
                s.sendall(data)
            except ConnectionError:
                pass  # the answer may have come before the end of the request
            if shut:
                s.shutdown(socket.SHUT_WR)
            return Answer(read_answer(s))

    def request(self, method, path, headers=(), data=b"", host=None):
        """A well-formed request with these header lines besides Host."""
        lines = ["%s %s HTTP/1.1" % (method, path), "Host: " + (host or self.host), *headers]
        return self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + data)

    def get(self, path, *headers):
        """GET."""
        return self.request("GET", path, headers)

    def post(self, path, data, *headers, kind="application/json"):
        """POST with Content-Length and the given type."""
        return self.request("POST", path, ("Content-Type: " + kind,
                                           "Content-Length: %d" % len(data), *headers), data)


def read_answer(s):
    """Bytes until the connection ends or the announced body is there."""
    raw = b""
    while True:
        try:
            part = s.recv(65536)
        except (ConnectionError, socket.timeout):
            return raw
        if not part:
            return raw
        raw += part
        head, sep, rest = raw.partition(b"\r\n\r\n")
        if sep:
            for line in head.split(b"\r\n"):
                if line.lower().startswith(b"content-length:"):
                    if len(rest) >= int(line.split(b":")[1]):
                        return raw


# --- tables

def check_security(tap, web):
    """Headers on every route, of errors too."""
    paths = ["/", "/ui/app.js", "/ui/nothing.js", "/healthz", "/readyz", "/metrics",
             "/api/v1/status", "/api/v1/search?q=1", "/api/v1/search", "/api/v1/nothing",
             "/api/v1/journeys/order:1", "/api/v1/journeys/bad", "/api/v1/events/999999",
             "/api/v1/taps", "/api/v1/quarantine", "/journey/order:1", "/api/v1/search?q=%",
             "/api/v1/runs", "/api/v1/runs?state=x", "/api/v1/workflows/none", "/workflows"]
    answers = [("GET " + p, web.get(p)) for p in paths]
    answers += [("DELETE /", web.request("DELETE", "/")),
                ("POST text", web.post(RETRY, b"x", kind="text/plain")),
                ("foreign host", web.request("GET", "/", host="evil.example")),
                ("long URL", web.get("/" + "a" * MAX_URL)),
                ("two lengths", web.request("GET", "/", ("Content-Length: 0",
                                                         "Content-Length: 0"))),
                ("long header", web.get("/", "X-A: " + "b" * MAX_HEAD))]
    wrong = []
    for name, answer in answers:
        for header, value in SECURITY.items():
            if answer.header(header) != value:
                wrong.append("%s: %d %s is %r" % (name, answer.status, header,
                                                  answer.headers.get(header)))
        kind = answer.header("content-type") or ""
        is_file = answer.status == 200 and ("text/html" in kind or "javascript" in kind)
        if answer.header("cache-control") != ("no-cache" if is_file else "no-store"):
            wrong.append("%s: %d cache-control %r" % (name, answer.status,
                                                      answer.headers.get("cache-control")))
        if answer.status >= 400 and answer.header("content-type") != "application/problem+json":
            wrong.append("%s: %d is %r" % (name, answer.status, answer.header("content-type")))
        if answer.status >= 400:
            problem = answer.json() or {}
            is_urn = str(problem.get("type", "")).startswith("urn:")
            if problem.get("status") != answer.status or not is_urn or not problem.get("title"):
                wrong.append("%s: %r" % (name, answer.body))
    tap.ok(not wrong, "security headers and problem+json on every answer of %d" % len(answers),
           "\n".join(wrong))


def check_malformed(tap, web):
    """What is ambiguous or not HTTP is refused, and the connection is not used again."""
    host = b"Host: " + web.host.encode() + b"\r\n"
    post = b"POST " + RETRY.encode() + b" HTTP/1.1\r\n" + host
    post += b"Content-Type: application/json\r\n"
    smuggled = b"GET /healthz HTTP/1.1\r\n" + host + b"\r\n"
    rows = [
        ("two Content-Length, equal", post + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
         {400}),
        ("two Content-Length, different",
         post + b"Content-Length: 2\r\nContent-Length: 60\r\n\r\n{}" + smuggled, {400}),
        ("Transfer-Encoding and Content-Length",
         post + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + smuggled,
         {400}),
        ("Content-Length and Transfer-Encoding",
         post + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled,
         {400}),
        ("Transfer-Encoding alone",
         post + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", {411}),
        ("Content-Length with a sign", post + b"Content-Length: +2\r\n\r\n{}", {400}),
        ("Content-Length in hex", post + b"Content-Length: 0x2\r\n\r\n{}", {400}),
        ("Content-Length of 30 digits", post + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n{}",
         {400, 413}),
        ("blank before the colon", post + b"Content-Length : 2\r\n\r\n{}", {400}),
        ("NUL in a value", b"GET / HTTP/1.1\r\n" + host + b"X-A: a\0b\r\n\r\n", {400}),
        ("control byte in a value", b"GET / HTTP/1.1\r\n" + host + b"X-A: a\x01b\r\n\r\n", {400}),
        ("control byte in a name", b"GET / HTTP/1.1\r\n" + host + b"X\x01A: a\r\n\r\n", {400}),
        ("two Host", b"GET / HTTP/1.1\r\n" + host + host + b"\r\n", {400}),
        ("no Host", b"GET / HTTP/1.1\r\n\r\n", {400, 421}),
        ("HTTP/0.9", b"GET /\r\n\r\n", {0, 400, 421, 505}),
        ("HTTP/2.0", b"GET / HTTP/2.0\r\n" + host + b"\r\n", {400, 505}),
        ("HTTP/1.2", b"GET / HTTP/1.2\r\n" + host + b"\r\n", {400, 505}),
        ("no HTTP at all", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
         {0, 400, 404, 405, 421, 505}),
        ("absolute form of elsewhere", b"GET http://evil.example/ HTTP/1.1\r\n" + host + b"\r\n",
         {400, 404}),
        ("bad percent in the query", b"GET /api/v1/search?q=% HTTP/1.1\r\n" + host + b"\r\n",
         {400}),
        ("NUL by percent", b"GET /api/v1/search?q=a%00b HTTP/1.1\r\n" + host + b"\r\n", {400}),
        ("line break by percent", b"GET /api/v1/search?q=a%0d%0aX:1 HTTP/1.1\r\n" + host + b"\r\n",
         {400}),
        ("a parameter twice", b"GET /api/v1/search?q=a&q=b HTTP/1.1\r\n" + host + b"\r\n", {400}),
        ("unknown parameter", b"GET /api/v1/search?q=a&x=b HTTP/1.1\r\n" + host + b"\r\n", {400}),
        ("body of a GET", b"GET /healthz HTTP/1.1\r\n" + host + b"Content-Length: 3\r\n\r\nabc"
         + smuggled, {400}),
        ("folded line", b"GET / HTTP/1.1\r\n" + host + b"X-A: a\r\n b\r\n\r\n", {400}),
        ("foreign Host", b"GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n", {421}),
    ]
    for name, data, allowed in rows:
        answer = web.send(data, shut=True)
        tap.ok(answer.status in allowed, "%s: refused" % name,
               "status %d\n%r" % (answer.status, answer.raw[:300]))
        if smuggled in data:
            tap.ok(answer.raw.count(b"HTTP/1.1 ") == 1 and answer.header("connection") == "close",
                   name + ": what follows is not taken for a request", answer.raw[:2000])
    tap.equal(web.get("/healthz").status, 200, "it answers afterwards")


def check_limits(tap, web):
    """Each bound: the last that passes and the first that does not."""
    base = "/api/v1/search?q="
    tap.equal(web.get("/healthz?" + "a" * (MAX_URL - 9)).status, 200, "URL of %d bytes" % MAX_URL)
    tap.equal(web.get("/healthz?" + "a" * (MAX_URL - 8)).status, 414,
              "URL of %d bytes" % (MAX_URL + 1))
    tap.equal(web.get("/" + "a" * 60000).status, 414, "URL of 60 kB")
    tap.equal(web.get(base + "a" * 600).status, 200, "q of 600 bytes")
    tap.equal(web.get(base + "a" * 601).status, 400, "q of 601 bytes")
    lines = ["X-%d: 1" % i for i in range(MAX_HEADERS - 1)]
    tap.equal(web.get("/healthz", *lines).status, 200, "%d header lines" % MAX_HEADERS)
    tap.equal(web.get("/healthz", *lines, "X-Y: 1").status, 431,
              "%d header lines" % (MAX_HEADERS + 1))
    own = len("Host") + len(web.host) + len("X-A")
    tap.equal(web.get("/healthz", "X-A: " + "b" * (MAX_HEAD - own)).status, 200,
              "%d bytes of header" % MAX_HEAD)
    tap.equal(web.get("/healthz", "X-A: " + "b" * (MAX_HEAD - own + 1)).status, 431,
              "%d bytes of header" % (MAX_HEAD + 1))
    tap.ok(web.get("/healthz", "X-A: " + "b" * 200000).status in (400, 431, 413, 0),
           "200 kB of header")
    tap.equal(web.get("/healthz", "Cookie: " + "c" * 30000).status, 431, "30 kB of cookie")
    padded = b'{"ids":[1]' + b" " * (MAX_BODY - 11) + b"}"
    tap.equal(len(padded), MAX_BODY, "(a body of the limit)")
    tap.equal(web.post(RETRY, padded).status, 202, "body of %d bytes" % MAX_BODY)
    tap.equal(web.post(RETRY, padded + b" ").status, 413, "body of %d bytes" % (MAX_BODY + 1))
    huge = web.request("POST", RETRY, ("Content-Type: application/json",
                                       "Content-Length: 5000000000"))
    tap.equal(huge.status, 413, "5 GB announced: refused before it is read")
    for limit, status in (("1", 200), ("1000", 200), ("0", 400), ("1001", 400), ("x", 400),
                          ("-1", 400), ("", 400)):
        tap.equal(web.get(base + "1&limit=" + limit).status, status, "limit=" + limit)


def check_methods(tap, web):
    """Each path has its methods, and says so."""
    rows = [("/", "GET, HEAD"), ("/healthz", "GET, HEAD"), ("/metrics", "GET, HEAD"),
            ("/api/v1/search", "GET, HEAD"), ("/api/v1/events/1", "GET, HEAD"), (RETRY, "POST"),
            ("/ui/app.js", "GET, HEAD"), ("/api/v1/quarantine", "GET, HEAD")]
    wrong = []
    for path, allow in rows:
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE",
                       "CONNECT", "FOO"):
            if method in allow or (method == "GET" and "HEAD" in allow):
                continue
            answer = web.request(method, path)
            if method == "CONNECT" and answer.status in (400, 404):
                continue
            if answer.status != 405 or answer.header("allow") != allow:
                wrong.append("%s %s: %d, Allow %r" % (method, path, answer.status,
                                                      answer.headers.get("allow")))
    tap.ok(not wrong, "every other method is 405 with Allow", "\n".join(wrong))
    head = web.request("HEAD", "/healthz")
    tap.ok(head.status == 200 and head.body == b"" and int(head.header("content-length")) > 0,
           "HEAD has the headers and no body", head.raw)


def check_paths(tap, web):
    """No path leads out of the table of files."""
    tries = ["/ui/../../../etc/passwd", "/ui/..%2f..%2fetc%2fpasswd",
             "/ui/%2e%2e/%2e%2e/etc/passwd",
             "/ui//etc/passwd", "/ui/pages/../../../../etc/passwd", "/ui/....//....//etc/passwd",
             "/ui/..\\..\\etc\\passwd", "/ui/..%5c..%5cetc%5cpasswd", "/ui/%c0%ae%c0%ae/etc/passwd",
             "/ui/%252e%252e%252fetc%252fpasswd", "/ui/app.js/", "/ui/app.js/..", "/ui/./app.js",
             "/ui/pages",
             "/ui/pages/", "/ui/", "/ui", "/ui/local.mk", "/ui/.hidden", "/ui/app.js%00.css",
             "/ui/app.js%20",
             "/ui/~root", "/../etc/passwd", "//etc/passwd", "/etc/passwd", "/proc/self/environ"]
    wrong = ["%s: %d" % (p, a.status) for p in tries for a in [web.get(p)]
             if a.status not in (400, 404) or b"root:" in a.body]
    tap.ok(not wrong, "%d ways out of the directory lead nowhere" % len(tries), "\n".join(wrong))


def check_files(tap, web):
    """The pages and their scripts, with tags."""
    listed = []
    ui = os.path.join(ROOT, "web", "ui")
    for folder, _, names in os.walk(ui):
        listed += [os.path.relpath(os.path.join(folder, n), ui) for n in names]
    types = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
             ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
    wrong = []
    for name in listed:
        answer = web.get("/ui/" + name)
        with open(os.path.join(ui, name), "rb") as f:
            same = f.read() == answer.body
        if answer.status != 200 or not same or answer.header("content-type") != types[
                os.path.splitext(name)[1]]:
            wrong.append("%s: %d %r" % (name, answer.status, answer.header("content-type")))
    tap.ok(listed and not wrong, "every file of the interface is served as it is", "\n".join(wrong))
    tag = web.get("/ui/app.js").header("etag")
    again = web.get("/ui/app.js", "If-None-Match: " + tag)
    tap.ok(again.status == 304 and again.body == b"",
           "a file that the browser has is not sent again", again.raw)
    tap.equal(web.get("/ui/app.js", 'If-None-Match: "other"').status, 200,
              "another tag gets the file")
    index = web.get("/").body
    same = all(web.get(p).body == index for p in ("/search?q=1", "/journey/order:4711", "/event/1",
                                                  "/taps", "/quarantine"))
    tap.ok(same and b"<script" in index, "every page is the one page")
    named = re.findall(rb'<script type="module" src="/ui/[a-z]+\.js"(?: async)?></script>', index)
    tap.ok(b"onload=" not in index and b"style=" not in index and b"<style" not in index and
           index.count(b"<script") == len(named) > 0,
           "it has no script and no style of its own")


def check_origin(tap, web):
    """POST: only from our own pages, or from programs."""
    good = b'{"ids":[1]}'
    tap.equal(web.post(RETRY, good).status, 202, "a program may")
    tap.equal(web.post(RETRY, good, "Origin: http://" + web.host,
                       "Sec-Fetch-Site: same-origin").status, 202, "our page may")
    for lines in (["Origin: http://evil.example"], ["Origin: null"], ["Sec-Fetch-Site: cross-site"],
                  ["Sec-Fetch-Site: same-site"], ["Origin: http://" + web.host + ".evil.example"]):
        tap.equal(web.post(RETRY, good, *lines).status, 403, lines[0] + " may not")
    for kind in ("text/plain", "application/x-www-form-urlencoded",
                 "multipart/form-data; boundary=x"):
        tap.equal(web.post(RETRY, good, kind=kind).status, 415, kind + " is no JSON")
    for data in (b"", b"{}", b"[]", b"{", b'{"ids":[]}', b'{"ids":["1"]}', b'{"ids":[0]}',
                 b'{"all":false}',
                 b'{"reason":"nonsense"}', b'{"all":true,"reason":"json"}',
                 b'{"ids":[1],"ids":[2]}', b'{"x":1}',
                 b'\xff', b'{"ids":[1.5]}'):
        answer = web.post(RETRY, data)
        tap.equal(answer.status, 400, "body %r is refused" % data)


def check_keep_alive(tap, web):
    """Several requests on one connection, also after errors without a body."""
    one = ("GET /healthz HTTP/1.1\r\nHost: %s\r\n\r\n" % web.host).encode()
    missing = ("GET /nothing HTTP/1.1\r\nHost: %s\r\n\r\n" % web.host).encode()
    with web.connect() as s:
        statuses = []
        for data in (one, missing, one):
            s.sendall(data)
            statuses.append(Answer(read_answer(s)).status)
    tap.equal(statuses, [200, 404, 200], "a connection lives on after an error")
    with web.connect() as s:
        s.sendall(one * 20)
        raw = b""
        while raw.count(b"HTTP/1.1 200") < 20:
            part = s.recv(65536)
            if not part:
                break
            raw += part
    tap.equal(raw.count(b"HTTP/1.1 200"), 20, "twenty requests at once get twenty answers")


def closed_after(s, send=None, limit=60.0):
    """Seconds until the other side closed; `send` is called meanwhile every 0.2 s."""
    started = time.monotonic()
    while time.monotonic() - started < limit:
        if send:
            try:
                send()
            except OSError:
                return time.monotonic() - started
        readable, _, _ = select.select([s], [], [], 0.2)
        if readable:
            try:
                if not s.recv(65536):
                    return time.monotonic() - started
            except OSError:
                return time.monotonic() - started
    return limit


def check_slow(tap, web):
    """Connections that do nothing, or nearly nothing, are ended; others are served meanwhile."""
    idle = [web.connect() for _ in range(30)]
    dripping = web.connect()
    dripping.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Drip: ")
    slow_body = web.connect()
    slow_body.sendall(
            ("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"
             "Content-Length: 4000\r\n\r\n"
                       % (RETRY, web.host)).encode())
    started = time.monotonic()
    tap.equal(web.get("/healthz").status, 200, "30 silent connections: others are served")

    def drip():
        dripping.sendall(b"a")
        try:
            slow_body.sendall(b" ")
        except OSError:
            pass
    took = closed_after(dripping, drip)
    tap.ok(took < 10 * TIMEOUT_S, "a header that drips is ended", "after %.1f s" % took)
    took = closed_after(slow_body, lambda: slow_body.sendall(b" "))
    tap.ok(time.monotonic() - started < 20 * TIMEOUT_S, "a body that drips is ended",
           "after %.1f s" % took)
    ended = sum(1 for s in idle if closed_after(s) < 10 * TIMEOUT_S)
    tap.equal(ended, len(idle), "silent connections are ended")
    for s in idle + [dripping, slow_body]:
        s.close()
    tap.equal(web.get("/healthz").status, 200, "it answers afterwards")


def check_connections(tap, web, limit):
    """More connections of one address than allowed: the rest waits or is refused."""
    open_ones = []
    try:
        for _ in range(limit + 20):
            open_ones.append(web.connect())
    except OSError:
        pass
    for s in open_ones:
        s.close()
    wait_until(lambda: web.get("/healthz").status == 200, "an answer after the flood", 20)
    tap.ok(True, "%d connections of one address do no harm" % (limit + 20))


# --- what the API says

def fill(tower):
    """Events of one order through the acknowledged tap, and things that cannot be understood."""
    link = Acked(tower.router)
    made = [
        event("/ecommerce/web", 1, type="order.created", orderid="W-1", transactionid=None,
              sequence="00000001",
              data={"customer": {"email": "jane@example.com"}, "big": 12345678901234567890123,
                    "price": 1.10}),
        event("/payment/psp", 2, type="payment.authorized", orderid="W-1", paymentid="P/1",
              transactionid=None),
        event("/payment/psp", 2, type="payment.authorized", orderid="W-1", paymentid="P/1",
              transactionid=None),
        event("/wms/dc", 3, type="parcel.packed", orderid="W-1 W-2", transactionid=None,
              shipmentid="S:1%",
              outcome="failed", errorcode=XSS, errormessage="no stock"),
        event("/pos/42", 4, type="sale.posted", transactionid="88", sequence="00000001"),
        event("/pos/42", 5, type="sale.posted", transactionid="89", sequence="00000004"),
        event("/pos/43", 6, type=XSS, transactionid="88", storeid="0043", orderid=XSS),
    ]
    for one in made:
        link.send(body(one))
    for number in (b"1e999", b"-1E400", b"1" * 400):
        link.send(b'{"specversion":"1.0","id":"n' + number[:3] + b'","source":"/odd","type":"t",'
                  b'"orderid":"ODD","data":{"x":' + number + b'}}')
    for raw in (b'{"specversion":"1.0","id":"x"', b"\x00\xff binary",
                b'{"x":"' + b"y" * 5000 + b'"}'):
        link.send(raw)
    link.flush()
    link.close()
    return made


def check_api(tap, tower, web):
    """The calls of the reading side on what was just acknowledged: it is there at once."""
    found = tower.get("/api/v1/search?q=W-")
    tap.equal([i["journey"] for i in found["items"]], ["order:W-1", "order:W-2"],
              "search finds by the beginning")
    tap.equal(found["items"][0]["events"], 3, "with the number of events")
    tap.equal(found["nothing"], None, "and does not excuse itself")
    one = tower.get("/api/v1/search?q=W-&limit=1")
    two = tower.get("/api/v1/search?q=W-&limit=1&cursor=" + one["next"])
    tap.equal([two["items"][0]["id"], two["next"]], ["W-2", None], "pages follow each other")
    nothing = tower.get("/api/v1/search?q=never-seen")["nothing"]
    tap.ok(nothing["reason"] == "never_seen" and nothing["quarantine_open"] == 3,
           "nothing found says why", nothing)
    journey = tower.get("/api/v1/journeys/order:W-1")
    tap.equal([e["type"] for e in journey["events"]], ["order.created", "payment.authorized",
                                                       "parcel.packed"],
              "the journey has its events in order")
    tap.equal([journey["duplicates"], journey["events"][1]["duplicates"]], [1, 1],
              "and counts duplicates")
    tap.equal(journey["events"][2]["error"], {"code": XSS, "message": "no stock", "class": None,
                                              "cause": "unknown"}, "and errors as they are")
    tap.equal(sorted(o["id"] for o in journey["related"]),
              ["order:W-2", "payment:P%2F1", "shipment:S%3A1%25"],
              "and linked objects, encoded")
    tap.ok(any(o["is_same_type"] for o in journey["related"]), "and says which is another order")
    again = tower.get("/api/v1/journeys/shipment:S%253A1%2525")
    tap.equal(again["identifier"], "S:1%", "an id goes into a path percent-encoded")
    page = tower.get("/api/v1/journeys/order:W-1?limit=2")
    rest = tower.get("/api/v1/journeys/order:W-1?limit=2&cursor=" + page["next"])
    tap.equal([len(page["events"]), len(rest["events"]), rest["next"]], [2, 1, None],
              "its events come in pages")
    tap.equal([j["id"] for j in tower.get("/api/v1/journeys?transaction=88")["items"]],
              ["transaction:0042/88", "transaction:0043/88"],
              "a receipt number stands for one in each store")
    tap.equal([j["id"] for j in tower.get("/api/v1/journeys?transaction=88&store=0043")["items"]],
              ["transaction:0043/88"], "and with its store for one")
    tap.equal(web.get("/api/v1/journeys?store=0043").status, 400, "a store alone names no journey")
    tap.equal(web.get("/api/v1/journeys/order:nope").status, 404, "a journey that is not there")
    tap.equal(web.get("/api/v1/journeys/nonsense:1").status, 404, "a type that is not there")
    check_event(tap, tower, web, journey["events"][0]["n"])
    odd = tower.get("/api/v1/journeys/order:ODD")["events"]
    paged, cursor = [], ""
    while cursor is not None:
        page = tower.get("/api/v1/journeys/order:ODD?limit=1&cursor=" + cursor)
        paged += page["events"]
        cursor = page["next"]
    tap.equal([e["n"] for e in paged], [e["n"] for e in odd], "events of one time come in pages")
    tap.equal(len(odd), 3, "numbers that fit no double do not hide their journey")
    tap.ok(all(tower.get("/api/v1/events/%d" % e["n"])["is_exact"] is False for e in odd)
           and any("1e999" in tower.get("/api/v1/events/%d" % e["n"])["text"] for e in odd),
           "they are shown as text")
    newest = tower.get("/api/v1/events?limit=2")
    tap.ok(newest["items"][0]["n"] == newest["items"][1]["n"] + 1 and newest["next"],
           "events, the newest first")
    # The state of sources is written from time to time, not with each commit.
    source = wait_until(lambda: [s for s in tower.get("/api/v1/taps")["sources"]["items"]
                                 if s["name"] == "/pos/42" and s["missing"]], "the gap", 30)[0]
    tap.equal([source["missing"], source["gaps"]], [2, [{"first": 2, "last": 3}]],
              "the gap of a source")
    tap.equal(len(tower.get("/api/v1/taps?missing=1")["sources"]["items"]), 1,
              "only sources with gaps")
    tap.equal(len(tower.get("/api/v1/taps?q=PAYMENT")["sources"]["items"]), 1,
              "only sources of a name")
    status = tower.get("/api/v1/status")
    tap.equal([status["totals"][k] for k in ("events_accepted", "events_duplicate",
                                             "events_quarantined")], [9, 1, 3],
              "/status counts what happened")
    tap.equal(tower.get("/readyz")["status"], "ready", "/readyz")


def check_event(tap, tower, web, n):
    """One event: masked, revealed with a reason, exact."""
    masked = tower.get("/api/v1/events/%d" % n)
    tap.ok(masked["masked"] and masked["event"]["data"]["customer"]["email"] == "***",
           "a payload is masked", masked)
    tap.ok("12345678901234567890123" in masked["text"] and "jane" not in masked["text"],
           "numbers keep their digits")
    tap.equal(web.get("/api/v1/events/%d?reveal=1" % n).status, 400, "revealing needs a reason")
    shown = tower.get("/api/v1/events/%d?reveal=1&reason=test" % n)
    tap.ok(not shown["masked"] and "jane@example.com" in shown["text"], "with a reason it is shown")
    tap.ok("payload_revealed" in tower.log(), "and the log says so")
    for bad in ("0", "x", "-1", "1.0", "99999999999999999999"):
        tap.equal(web.get("/api/v1/events/" + bad).status, 400, "event %s" % bad)
    tap.equal(web.get("/api/v1/events/999999").status, 404, "an event that is not there")


def check_quarantine(tap, tower, web):
    """Entries with their bytes; an order to try them again is carried out."""
    entries = tower.get("/api/v1/quarantine")
    tap.equal(len(entries["items"]), 3, "what could not be understood is listed")
    binary = [e for e in entries["items"] if "binary" in e["raw"]][0]
    tap.equal([binary["raw"], base64.b64decode(binary["raw_base64"])],
              ["\\x00\\xff binary", b"\x00\xff binary"],
              "with its bytes as text and as base64")
    big = max(entries["items"], key=lambda e: e["raw_bytes"])
    tap.ok(big["raw_shown_bytes"] < big["raw_bytes"], "long ones are cut in the list")
    tap.equal(len(tower.get("/api/v1/quarantine/%d" % big["id"])["raw"]), big["raw_bytes"],
              "and whole by themselves")
    by_reason = tower.get("/api/v1/quarantine?reason=" + binary["reason"])["items"]
    tap.ok(by_reason and all(e["reason"] == binary["reason"] for e in by_reason), "by reason")
    tap.equal(web.get("/api/v1/quarantine?reason=nonsense").status, 400, "a reason that is none")
    page = tower.get("/api/v1/quarantine?limit=2")
    rest = tower.get("/api/v1/quarantine?limit=2&cursor=" + page["next"])
    tap.equal(len(page["items"]) + len(rest["items"]), 3, "in pages")
    answer = web.post(RETRY, json.dumps({"ids": [binary["id"]]}).encode())
    order = answer.json()
    tap.ok(answer.status == 202 and answer.header("location") == "/api/v1/requests/%d"
           % order["request"],
           "an order to try again is accepted", answer.raw)
    wait_until(lambda: tower.get("/api/v1/requests/%d" % order["request"])["state"] != "waiting",
               "the collector to carry it out", 30)
    tap.equal(tower.get("/api/v1/requests/%d" % order["request"])["state"], "done",
              "and carried out")
    wait_until(lambda: tower.get("/api/v1/quarantine/%d" % binary["id"])["retries"] > 0,
               "the retry to be counted", 30)
    tap.ok(True, "and counted at the entry")
    tap.equal(web.get("/api/v1/requests/999999").status, 404, "a request that is not there")


def check_metrics(tap, web):
    """Both renderings; promtool has nothing to say."""
    plain = web.get("/metrics")
    tap.equal(plain.header("content-type"), "text/plain; version=0.0.4; charset=utf-8",
              "text 0.0.4")
    tap.ok(b"tillwatch_events_accepted_total 9\n" in plain.body, "with the counters",
           plain.body.decode()[:2000])
    openmetrics = web.get("/metrics",
                          "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    tap.equal(openmetrics.header("content-type"),
              "application/openmetrics-text; version=1.0.0; charset=utf-8",
              "OpenMetrics 1.0 when asked for")
    tap.ok(openmetrics.body.endswith(b"# EOF\n")
           and b"# TYPE tillwatch_events_accepted counter\n" in openmetrics.body,
           "as OpenMetrics writes it")
    if shutil.which("promtool") is None:
        tap.skip("promtool check metrics", "promtool is not installed")
    else:
        done = subprocess.run(["promtool", "check", "metrics"], input=plain.body,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
        tap.ok(done.returncode == 0, "promtool check metrics", done.stdout.decode())
    try:
        from prometheus_client.openmetrics.parser import text_string_to_metric_families
        families = list(text_string_to_metric_families(openmetrics.body.decode()))
        tap.ok(len(families) > 20, "the parser of prometheus_client reads OpenMetrics")
    except ImportError:
        tap.skip("OpenMetrics parser", "python3-prometheus-client is not installed")


def main():
    limit = 100
    config = ("web:\n  max-body-bytes: %d\n  timeout-s: %d\n  max-connections: 200\n"
              "  max-connections-per-ip: %d\n" % (MAX_BODY, TIMEOUT_S, limit))
    with Tap() as tap:
        with Tower(config=config) as tower:
            web = Web(tower)
            check_security(tap, web)
            check_malformed(tap, web)
            check_methods(tap, web)
            check_paths(tap, web)
            check_files(tap, web)
            check_keep_alive(tap, web)
            if zmq is None:
                tap.skip("answers about events", "python3-zmq is not installed")
            else:
                fill(tower)
                check_api(tap, tower, web)
                check_quarantine(tap, tower, web)
                check_metrics(tap, web)
            check_limits(tap, web)
            check_origin(tap, web)
            check_slow(tap, web)
            check_connections(tap, web, limit)
            tap.equal(tower.stop(), 0, "it stops cleanly")


if __name__ == "__main__":
    main()
