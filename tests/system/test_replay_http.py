#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""HTTP destinations of replays (collector/replay/http.h), driven alone against endpoints on
loopback that answer well, badly or not at all: what is told of each post, what arrived how often,
and where nothing may arrive: without a certificate that fits, behind a redirect, at a proxy."""

import json
import os
import queue
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from http_endpoint import Endpoint  # noqa: E402
from tap import Tap  # noqa: E402
from tower import ROOT, free_ports, program_path  # noqa: E402

POST = program_path("tests/support/post")
PATIENCE = 30
TOKEN = "t0ken-of-the-test"


class Driver:
    """The module in a process. Destinations: path -> options of its entry; they are called d0, d1,
    ... and post to that path of the endpoint."""

    def __init__(self, directory, destinations, environment=None):
        self.names = {}
        config = {"systems": [], "destinations": []}
        for path, (url, options) in destinations.items():
            name = "d%d" % len(self.names)
            self.names[path] = name
            config["systems"].append({"name": name})
            config["destinations"].append(dict(options, name=name, url=url))
        self.file = os.path.join(directory, "post-%d.yaml" % id(self))
        with open(self.file, "w", encoding="utf-8") as f:
            json.dump(config, f)
        self.process = subprocess.Popen([POST, self.file], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        env=dict(os.environ, **(environment or {})))
        self.said = []
        self.results = queue.Queue()
        self.replies = queue.Queue()
        self.item = 0
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.said.append(line)
            told = json.loads(line)
            (self.results if "result" in told else self.replies).put(told)

    def order(self, **order):
        """One line in, for which one comes back that is no result."""
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return self.replies.get(timeout=PATIENCE)

    def begin(self, path, key="erp/pos#1", event=None, **more):
        """A post; the code it was taken with."""
        self.item = more.pop("item", self.item + 1)
        return self.order(post=self.names[path], item=self.item, key=key,
                          event=event or {"id": "1"}, **more)["rc"]

    def result(self):
        """The next result."""
        return self.results.get(timeout=PATIENCE)

    def post(self, path, **more):
        """A post, and its result."""
        rc = self.begin(path, **more)
        return self.result() if rc == 0 else {"rc": rc}

    def room(self, path):
        """How many may be begun."""
        return self.order(room=self.names[path])["room"]

    def wait_for_room(self, path):
        """Until there is room; how long that was, in seconds."""
        begun = time.monotonic()
        while self.room(path) == 0 and time.monotonic() < begun + PATIENCE:
            time.sleep(0.01)
        return time.monotonic() - begun

    def close(self, is_quit=False):
        """What it leaves: exit code, seconds, stderr."""
        begun = time.monotonic()
        if is_quit:
            self.process.stdin.write('{"quit": true}\n')
        self.process.stdin.close()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.reader.join(PATIENCE)
        errors = self.process.stderr.read()
        self.process.stdout.close()
        self.process.stderr.close()
        self.said.append(errors)
        return self.process.wait(), time.monotonic() - begun, errors


def drive(directory, endpoint, paths, **options):
    """A driver for paths of one endpoint, all with the same options."""
    options = {name.replace("_", "-"): value for name, value in options.items()}
    return Driver(directory, {path: (endpoint.url(path), options) for path in paths})


def shown(result):
    """What is compared of a result."""
    return result.get("verdict"), result.get("status")


def check_answers(tap, directory):
    """Every answer has the verdict of the table, and every post arrives once."""
    detail = "/status/422?content-type=application/problem%2bjson&body=" \
             "%7B%22detail%22:%22no%20such%20article%22%7D"
    moved = "/status/301?location=http://127.0.0.1:%d/trap"
    wanted = {
        "/status/200": ("accepted", 200), "/status/201": ("accepted", 201),
        "/status/202": ("accepted", 202), "/status/204": ("accepted", 204),
        "/status/400": ("refused", 400), "/status/401": ("refused", 401),
        "/status/404": ("refused", 404), "/status/408": ("again", 408),
        "/status/409": ("done", 409), detail: ("refused", 422),
        "/status/500": ("unknown", 500), "/status/501": ("refused", 501),
        "/status/502": ("unknown", 502), "/status/504": ("unknown", 504),
        "/huge?status=422": ("refused", 422), "/huge?status=200": ("accepted", 200),
        "/slow?status=200": ("accepted", 200), "/slow?status=500": ("unknown", 500),
        "/garbage": ("unknown", 0), "/close": ("unknown", 0), "/cut": ("unknown", 0),
        "/trickle": ("unknown", 0), "/never": ("unknown", 0), "/hints": ("accepted", 202),
        "/old": ("accepted", 200),
    }
    with Endpoint() as endpoint:
        moved %= endpoint.port
        wanted[moved] = ("refused", 301)
        driver = drive(directory, endpoint, wanted, timeout_s=2, headers={"X-Tenant": "shop 1"})
        results = {}
        for path in wanted:
            tap.equal(driver.begin(path, key="k of " + path[:100]), 0, "%s: is taken" % path[:40])
            results[driver.item] = path
        answers = {}
        for _ in wanted:
            result = driver.result()
            answers[results[result["result"]]] = result
        for path, verdict in wanted.items():
            tap.equal(shown(answers[path]), verdict, "%s: the verdict" % path[:40])
        tap.ok(answers[detail]["reason"].endswith(": no such article"),
               "a problem's detail is the reason", answers[detail])
        tap.ok("not followed" in answers[moved]["reason"] and not endpoint.got("/trap"),
               "a redirect is told, and not followed", answers[moved])
        tap.ok(all(a["attempt"] == 7 for a in answers.values()), "the attempt is given back")
        tap.ok(all(a["after_ms"] >= 1000 for a in answers.values()
                   if a["verdict"] in ("again", "unknown")) and
               all(a["after_ms"] == 0 for a in answers.values()
                   if a["verdict"] not in ("again", "unknown")),
               "what may be posted again says when, the rest does not", answers)
        tap.ok(all(a["reason"] for a in answers.values() if a["verdict"] != "accepted"),
               "every other verdict has a reason", answers)
        paths = [r.path for r in endpoint.requests]
        tap.equal(sorted(paths), sorted(wanted), "every post arrived exactly once")
        check_request(tap, endpoint.got("/status/200")[0], endpoint)
        tap.equal(driver.close()[0], 0, "the driver ends well")
        tap.equal(endpoint.failures, [], "the endpoint understood all of them")


def check_request(tap, request, endpoint):
    """What goes over the wire, whole."""
    tap.equal(sorted(request.headers), sorted([
        ("host", "127.0.0.1:%d" % endpoint.port),
        ("user-agent", "tillwatch/" + version()),
        ("accept", "*/*"),
        ("content-type", "application/cloudevents+json"),
        ("idempotency-key", "k%20of%20/status/200"),
        ("x-tenant", "shop 1"),
        ("content-length", "10"),
    ]), "the header has what is documented and nothing else")
    tap.equal(request.body, b'{"id":"1"}', "the body is the event")


def version():
    """Of the tower."""
    with open(os.path.join(ROOT, "VERSION"), encoding="utf-8") as f:
        return f.read().strip()


def check_waiting(tap, directory):
    """Retry-After, back-off, the pause of a whole destination, and one alone after it."""
    paths = ["/status/429?retry-after=2", "/status/503?date=5", "/status/503",
             "/status/429?retry-after=tomorrow", "/status/503?retry-after=86400",
             "/status/408?retry-after=7"]
    with Endpoint() as endpoint:
        driver = drive(directory, endpoint, paths, concurrency=4)
        seconds = driver.post(paths[0])
        told = time.monotonic()
        tap.equal((shown(seconds), seconds["after_ms"]), (("again", 429), 2000),
                  "429 with seconds: not before")
        tap.equal(driver.room(paths[0]), 0, "the whole destination waits")
        tap.equal(driver.begin(paths[0]), -6, "and takes nothing")
        tap.equal(driver.room(paths[2]), 4, "others go on")
        date = driver.post(paths[1])
        tap.ok(shown(date) == ("again", 503) and 3000 <= date["after_ms"] <= 5000,
               "503 with an HTTP-date: not before", date)
        alone = driver.post(paths[2])
        tap.equal((shown(alone), alone["after_ms"]), (("again", 503), 1000),
                  "503 without Retry-After: a second")
        tap.equal(driver.post(paths[3])["after_ms"], 1000, "a Retry-After that is none: likewise")
        tap.equal(driver.post(paths[4])["after_ms"], 300000, "a day is cut to five minutes")
        tap.equal(driver.post(paths[5])["after_ms"], 1000, "408 is about this post only")
        tap.equal(driver.room(paths[5]), 4, "and does not stop others")
        driver.wait_for_room(paths[2])
        tap.equal(driver.room(paths[2]), 1, "after a pause one goes alone")
        tap.equal(driver.post(paths[2])["after_ms"], 2000, "the pause is doubled")
        driver.wait_for_room(paths[0])
        tap.ok(time.monotonic() - told >= 1.99, "the two seconds were kept",
               time.monotonic() - told)
        tap.equal(driver.begin(paths[0]), 0, "then it goes on")
        driver.result()
        driver.close(is_quit=True)


def check_unreachable(tap, directory):
    """Nobody there: nothing was sent, and it is known."""
    with Endpoint() as endpoint:
        gone = endpoint.url("/x")
    driver = Driver(directory, {"/x": (gone, {}), "/tls": (gone.replace("http", "https"), {})})
    for path in ("/x", "/tls"):
        first = driver.post(path)
        tap.equal(shown(first), ("again", 0), "%s: connection refused is no doubt" % path)
        tap.ok(first["reason"].startswith("nothing was sent: ") and first["after_ms"] == 1000,
               "%s: it is said" % path, first)
        tap.equal(driver.room(path), 0, "%s: it is left alone" % path)
        driver.wait_for_room(path)
        tap.equal(driver.post(path)["after_ms"], 2000, "%s: the wait is doubled" % path)
    driver.close(is_quit=True)


def check_keeping(tap, directory):
    """Connections are kept; one that is gone does not make the library post again by itself."""
    paths = ["/status/200", "/stale", "/idle", "/effect"]
    with Endpoint() as endpoint:
        driver = drive(directory, endpoint, paths)
        for _ in range(5):
            driver.post("/status/200")
        tap.equal(len({r.connection for r in endpoint.got("/status/200")}), 1,
                  "five posts, one connection")
        tap.equal(shown(driver.post("/stale", key="a")), ("accepted", 200), "a first post")
        second = driver.post("/stale", key="b")
        got = endpoint.got("/stale")
        tap.ok(len(got) == 2 and got[0].connection == got[1].connection,
               "a kept connection that ends under a post: sent once", got)
        tap.equal(shown(second), ("unknown", 0), "and unknown")
        tap.equal(shown(driver.post("/stale", key="b")), ("accepted", 200),
                  "sent again by whoever decides")
        for _ in range(3):
            tap.equal(shown(driver.post("/idle")), ("accepted", 200),
                      "a connection that was closed in between is not used")
            endpoint.wait_closed(endpoint.got("/idle")[-1].connection)
        for verdict in (("accepted", 200), ("done", 409), ("done", 409)):
            tap.equal(shown(driver.post("/effect", key="käse \r\nX: y")), verdict,
                      "the same key: %s" % verdict[0])
        tap.equal(endpoint.effects, {"k%C3%A4se%20%0D%0AX:%20y": 3},
                  "the key is the same each time, and no line of its own")
        driver.close()
        tap.equal(endpoint.failures, [], "the endpoint understood all of them")


def check_limits(tap, directory):
    """Sizes, numbers, times."""
    large = {"id": "1", "data": "x" * ((16 << 20) - 20)}
    whole = len(json.dumps(large, separators=(",", ":")))
    with Endpoint() as endpoint:
        driver = drive(directory, endpoint, ["/never", "/status/200", "/early"], concurrency=2,
                       timeout_s=120)
        large["data"] += "x" * ((16 << 20) - whole)
        tap.equal(shown(driver.post("/status/200", event=large)), ("accepted", 200),
                  "an event of 16 MiB")
        request = endpoint.got("/status/200")[0]
        tap.ok(json.loads(request.body) == large and "expect" not in dict(request.headers),
               "arrives whole, at once")
        large["data"] += "x"
        tap.equal(driver.begin("/status/200", event=large), -3, "one byte more is refused")
        large["data"] = large["data"][:4 << 20]
        tap.equal(shown(driver.post("/early", event=large)), ("refused", 413),
                  "an answer before the end of the event counts")
        tap.equal([driver.begin("/never") for _ in range(3)], [0, 0, -6],
                  "as many at a time as is configured")
        tap.equal(driver.begin("/never", item=driver.item - 1), -5,
                  "an item is not posted twice at a time")
        tap.equal((driver.room("/never"), driver.room("/status/200")), (0, 2),
                  "a destination that does not answer holds up no other")
        tap.equal(shown(driver.post("/status/200", item=50)), ("accepted", 200), "which answers")
        tap.equal(len(endpoint.wait("/never", 2)), 2, "both have arrived")
        code, seconds, errors = driver.close(is_quit=True)
        tap.ok(code == 0 and seconds < 10 and not errors,
               "the end does not wait for who does not answer", (code, seconds, errors))
        driver = drive(directory, endpoint, ["/never"], timeout_s=120)
        tap.equal(driver.begin("/never", deadline_ms=0), -8, "nothing is begun at the deadline")
        begun = time.monotonic()
        late = driver.post("/never", deadline_ms=700)
        seconds = time.monotonic() - begun
        tap.ok(shown(late) == ("unknown", 0) and 0.6 < seconds < 20,
               "an answer is awaited until the deadline only", (late, seconds))
        late = driver.post("/never", deadline_ms=300, tries=3)
        tap.equal(late["after_ms"], 8000, "the more often it was posted, the longer the wait")
        driver.close()


def check_environment(tap, directory):
    """What the environment says about proxies and passwords is not for the tower."""
    with Endpoint() as endpoint, Endpoint() as trap:
        with open(os.path.join(directory, ".netrc"), "w", encoding="utf-8") as f:
            f.write("machine 127.0.0.1 login operator password secret\n")
        proxies = {name: trap.url("") for name in
                   ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy",
                    "ALL_PROXY")}
        cookie = "/status/200?set-cookie=a%3Db"
        driver = Driver(directory, {cookie: (endpoint.url(cookie), {})},
                        dict(proxies, HOME=directory, NETRC=os.path.join(directory, ".netrc")))
        for _ in range(2):
            tap.equal(shown(driver.post(cookie)), ("accepted", 200), "it goes where it should")
        names = {name for r in endpoint.requests for name, _ in r.headers}
        tap.ok(not names & {"authorization", "cookie", "proxy-authorization"},
               "no password of .netrc, no cookie", names)
        tap.equal(trap.connections, 0, "no proxy")
        driver.close()


def check_token(tap, directory):
    """The bearer token: sent, taken from its file each time, and never told."""
    path = os.path.join(directory, "token")

    def write(text, mode=0o600):
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, mode)

    write(TOKEN + "\n")
    with Endpoint() as endpoint:
        driver = drive(directory, endpoint, ["/status/200", "/echo"], bearer_token_file=path)
        driver.post("/status/200")
        echo = driver.post("/echo")
        tap.equal(shown(echo), ("refused", 401), "an answer that repeats the token")
        tap.ok("Bearer ***" in echo["reason"], "it is struck out of the reason", echo)
        write("second-" + TOKEN)
        driver.post("/status/200")
        got = [dict(r.headers)["authorization"] for r in endpoint.got("/status/200")]
        tap.equal(got, ["Bearer " + TOKEN, "Bearer second-" + TOKEN],
                  "a token that was exchanged is taken up")
        wrong = {"may be read by others": (TOKEN, 0o644), "no token": ("", 0o600),
                 "holds no token": ("two words", 0o600), "holds no": ("x" * 4097, 0o600),
                 "holds": ("a\r\nX-B: c", 0o600), "the file": ("\u00e4", 0o600)}
        for reason, (text, mode) in wrong.items():
            write(text, mode)
            driver.wait_for_room("/status/200")
            result = driver.post("/status/200")
            tap.ok(shown(result) == ("again", 0) and reason in result["reason"],
                   "a token that cannot be used: %s" % reason, result)
            write(TOKEN)
            driver.wait_for_room("/status/200")
            tap.equal(shown(driver.post("/status/200")), ("accepted", 200), "then a good one")
        os.remove(path)
        result = driver.post("/status/200")
        tap.ok(shown(result) == ("again", 0) and "cannot be opened" in result["reason"],
               "a token that is gone", result)
        tap.equal(len(endpoint.got("/status/200")), 2 + len(wrong), "nothing went without one")
        driver.close(is_quit=True)
        tap.ok(not any(TOKEN in line for line in driver.said), "the token is told nowhere")


def openssl(directory, *words):
    """One run of openssl."""
    subprocess.run(("openssl",) + words, cwd=directory, check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.PIPE, timeout=60)


def make_certificates(directory):
    """Two authorities, and certificates of the first: good, for another host, expired."""
    for name in ("ca", "other"):
        openssl(directory, "req", "-x509", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", name + ".key", "-out",
                name + ".pem", "-days", "30", "-subj", "/CN=" + name)
    with open(os.path.join(directory, "ca.conf"), "w", encoding="utf-8") as f:
        f.write("[ca]\ndefault_ca=d\n[d]\nnew_certs_dir=.\ndatabase=index\nserial=serial\n"
                "default_md=sha256\npolicy=p\nunique_subject=no\n[p]\ncommonName=supplied\n")
    with open(os.path.join(directory, "index"), "w", encoding="utf-8"):
        pass
    with open(os.path.join(directory, "serial"), "w", encoding="utf-8") as f:
        f.write("10\n")
    names = {"good": "IP:127.0.0.1,DNS:localhost", "host": "DNS:erp.example", "old":
             "IP:127.0.0.1,DNS:localhost"}
    for name, alternative in names.items():
        openssl(directory, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                "-nodes", "-keyout", name + ".key", "-out", name + ".csr", "-subj",
                "/CN=localhost")
        with open(os.path.join(directory, name + ".ext"), "w", encoding="utf-8") as f:
            f.write("subjectAltName=%s\n" % alternative)
        dates = ("20200101000000Z", "20200201000000Z") if name == "old" else \
            ("20200101000000Z", "20450101000000Z")
        openssl(directory, "ca", "-batch", "-notext", "-config", "ca.conf", "-cert", "ca.pem",
                "-keyfile", "ca.key", "-in", name + ".csr", "-out", name + ".pem", "-startdate",
                dates[0], "-enddate", dates[1], "-extfile", name + ".ext")


def check_tls(tap, directory):
    """A certificate that fits, or nothing is sent at all."""
    make_certificates(directory)

    def file(name):
        return os.path.join(directory, name)

    cases = {
        "the right authority": ("good", "ca.pem", "127.0.0.1", ("accepted", 200)),
        "by name": ("good", "ca.pem", "localhost", ("accepted", 200)),
        "another authority": ("good", "other.pem", "127.0.0.1", ("again", 0)),
        "the authorities of this machine": ("good", None, "127.0.0.1", ("again", 0)),
        "a certificate for another host": ("host", "ca.pem", "127.0.0.1", ("again", 0)),
        "an expired certificate": ("old", "ca.pem", "127.0.0.1", ("again", 0)),
    }
    for name, (certificate, authority, host, verdict) in cases.items():
        with Endpoint((file(certificate + ".pem"), file(certificate + ".key"))) as endpoint:
            options = {} if authority is None else {"ca-file": file(authority)}
            driver = Driver(directory, {"/status/200":
                                        (endpoint.url("/status/200", host), options)})
            result = driver.post("/status/200")
            tap.equal(shown(result), verdict, "TLS, %s: the verdict" % name)
            tap.equal(len(endpoint.requests), 1 if verdict[0] == "accepted" else 0,
                      "TLS, %s: what arrived" % name)
            if verdict[0] == "again":
                tap.ok(result["reason"].startswith("nothing was sent: ") and
                       "certificate" in result["reason"].lower(), "TLS, %s: why" % name, result)
            driver.close(is_quit=True)
    with Endpoint() as endpoint:
        url = endpoint.url("/status/200").replace("http:", "https:")
        driver = Driver(directory, {"/x": (url, {"ca-file": file("ca.pem")})})
        tap.equal(shown(driver.post("/x")), ("again", 0), "https to who does not speak it")
        tap.equal(len(endpoint.requests), 0, "nothing is sent in the clear")
        driver.close(is_quit=True)


def check_example(tap, directory):
    """The endpoint of the documentation, as it stands there."""
    with open(os.path.join(ROOT, "docs/reference/replay-destinations.md"), encoding="utf-8") as f:
        code = f.read().split("```python\n")[1].split("```")[0]
    program = os.path.join(directory, "endpoint.py")
    with open(program, "w", encoding="utf-8") as f:
        f.write(code)
    port = free_ports(1)[0]
    table = os.path.join(directory, "sales.db")
    process = subprocess.Popen([sys.executable, program, str(port), table],
                               stderr=subprocess.DEVNULL)
    try:
        driver = Driver(directory, {"/x": ("http://127.0.0.1:%d/x" % port, {})})
        sale = {"id": "1", "transactionid": "88"}
        first = driver.post("/x", event=sale)
        while first["verdict"] == "again":  # it has not begun to listen
            driver.wait_for_room("/x")
            first = driver.post("/x", event=sale)
        tap.equal(shown(first), ("accepted", 202), "the example: accepted")
        tap.equal(shown(driver.post("/x", event=sale)), ("done", 409), "the example: done")
        tap.equal(driver.post("/x", key="b", event={})["reason"],
                  "422 Unprocessable Entity: malformed: KeyError('transactionid')",
                  "the example: refused, with the reason")
        driver.close()
        with sqlite3.connect(table) as db:
            tap.equal(db.execute("SELECT * FROM sale").fetchall(), [("erp/pos#1", "88")],
                      "the example: one sale")
    finally:
        process.kill()
        process.wait()


def main():
    with Tap() as tap, tempfile.TemporaryDirectory(prefix="tillwatch-http-") as directory:
        for check in (check_answers, check_waiting, check_unreachable, check_keeping, check_limits,
                      check_environment, check_token, check_tls, check_example):
            check(tap, directory)


if __name__ == "__main__":
    main()
