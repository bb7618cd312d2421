#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Delivery of notices (collector/notify/deliver.h) to receivers on loopback: those that answer as
their makers say, and those that are slow, busy, broken or gone. Real ones: Debian's
prometheus-alertmanager and an SMTP server (aiosmtpd). TAP."""

import email
import email.policy
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from receivers_kit import (Blunt, Delivery, Receiver, alert, body, files_with,
                           make_store)  # noqa: E402
from tap import Tap  # noqa: E402
from test_replay_http import make_certificates  # noqa: E402
from tower import Tower, config_with, free_ports, program_path  # noqa: E402

ALLOW = ["127.0.0.0/8"]
SECRETS = {"url": "s3cret-path-of-the-url", "token": "t0ken-of-the-test",
           "key": "0123456789abcdef0123456789abcdef", "password": "pa55word-of-the-mail"}


def secret_file(directory, name, text):
    """A file that only its owner can read."""
    path = os.path.join(directory, name)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w",
              encoding="utf-8") as f:
        f.write(text + "\n")
    return path


def config_of(*receivers, allow=ALLOW):
    """notify.yaml for receivers (name, kind, entries)."""
    return {"allow": allow, "external-url": "https://tower.example",
            "route": {"receiver": receivers[0][0]},
            "receivers": [{"name": name, kind: entries} for name, kind, entries in receivers]}


# ---- webhooks ----

def check_webhook(tap, directory):
    """What arrives, and what answers mean."""
    paths = ["/ok", "/again", "/429", "/404", "/302", "/close", "/garbage", "/endless"]
    with Receiver() as server:
        server.script = {"/again": [500, 503, 200], "/429": [(429, {"Retry-After": "1"}, b"")],
                         "/404": [404], "/302": [(302, {"Location": server.url("/ok")}, b"")],
                         "/close": ["close", 200], "/garbage": ["garbage", 200],
                         "/endless": ["endless"]}
        token = secret_file(directory, "token", SECRETS["token"])
        receivers = [(p[1:], "webhook", [{"url": server.url(p), "bearer-file": token,
                                          "timeout": "5s"}]) for p in paths]
        with Delivery(directory, config_of(*receivers)) as d:
            numbers = {p: d.add(p[1:], "webhook", body(alert(), alert(step="b")))
                       for p in paths}
            tap.equal(d.wait(numbers["/ok"], "sent", "failed")[:3], ("sent", 1, 200),
                      "webhook: it was told")
            got = server.got("/ok")[0]
            tap.equal(json.loads(got.body), body(alert(), alert(step="b")),
                      "webhook: the body as it is")
            tap.equal((got.headers["Content-Type"], got.headers["Authorization"]),
                      ("application/json", "Bearer " + SECRETS["token"]), "webhook: headers")
            again = d.wait(numbers["/again"], "sent", "failed")
            tap.equal(again[:3], ("sent", 3, 200), "webhook: 500 and 503 are told again")
            keys = {r.headers["Idempotency-Key"] for r in server.got("/again")}
            tap.equal((len(keys), len(server.got("/again"))), (1, 3),
                      "webhook: with the same key each time")
            for path, status in (("/429", 429), ("/404", 404), ("/302", 302)):
                tap.equal(d.wait(numbers[path], "sent", "failed")[:3], ("failed", 1, status),
                          "webhook: %d is the end" % status)
                tap.equal(len(server.got(path)), 1, "webhook: %d, posted once" % status)
            for path in ("/close", "/garbage"):
                tap.equal(d.wait(numbers[path], "sent", "failed")[:3], ("sent", 2, 200),
                          "webhook: %s is told again" % path[1:])
            tap.equal(d.wait(numbers["/endless"], "sent", "failed")[:3], ("sent", 1, 200),
                      "webhook: an answer without end is one")
            ok = d.health("ok", "webhook")
            tap.ok(ok[0] is not None and ok[2:] == (0, 0, None), "health: it does well", ok)
            bad = d.health("404", "webhook")
            tap.ok(bad[0] is None and bad[1] is not None and bad[2:4] == (1, 1) and "404" in bad[4],
                   "health: it gave up", bad)
            tap.equal(d.health("again", "webhook")[2:], (0, 0, None), "health: it works again")


def check_filters(tap, directory):
    """What is wanted of a notice."""
    with Receiver() as server:
        entries = [{"url": server.url("/firing"), "send-resolved": False},
                   {"url": server.url("/two"), "max-alerts": 2}]
        with Delivery(directory, config_of(("ops", "webhook", entries))) as d:
            alerts = [alert(step=str(i)) for i in range(4)] + [alert(status="resolved", step="r")]
            first = d.add("ops", "webhook", body(*alerts))
            second = d.add("ops", "webhook", body(*alerts), idx=1)
            third = d.add("ops", "webhook", body(alerts[4], key="other"))
            gone = d.add("ops", "webhook", body(*alerts), idx=2)
            none = d.add("nobody", "slack", body(*alerts))
            browser = d.add("ops", "browser", body(*alerts))
            d.wait(first, "sent", "failed")
            d.wait(second, "sent", "failed")
            one = json.loads(server.got("/firing")[0].body)
            two = json.loads(server.got("/two")[0].body)
            tap.equal((len(one["alerts"]), one["truncatedAlerts"]), (4, 0), "only what fires")
            tap.equal((len(two["alerts"]), two["truncatedAlerts"]), (2, 3), "max-alerts: 2")
            tap.equal(d.wait(third, "sent", "failed").state, "sent", "nothing to tell is told")
            tap.equal(len(server.got("/firing")), 1, "and nothing was posted for it")
            for number in (gone, none, browser):
                notice = d.wait(number, "sent", "failed")
                tap.ok(notice.state == "failed" and "no more" in notice.error,
                       "an integration that is configured no more", notice)


def check_guard(tap, directory):
    """Private addresses are not connected to unless they are allowed, whatever they are called."""
    with Receiver() as server:
        names = ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "127.1"]
        receivers = [("r%d" % i, "webhook", [{"url": server.url("/in", name)}])
                     for i, name in enumerate(names)]
        with Delivery(directory, config_of(*receivers, allow=["10.0.0.0/8"])) as d:
            for i, name in enumerate(names):
                number = d.add("r%d" % i, "webhook", body(alert()))
                notice = d.until(number, lambda n: n.error is not None)
                tap.ok(notice.state == "waiting" and "loopback" in notice.error,
                       "%s is refused" % name, notice)
            tap.equal(server.requests, [], "nothing was connected to")
            d.write(config_of(*receivers, allow=["127.0.0.1/32"]))
            tap.equal(d.order(change=d.file), 0, "other rules")
            tap.equal(d.wait(number, "sent", "failed").state, "sent", "it is allowed now")


# ---- chats and pagers ----

def check_slack(tap, directory):
    """One a second; Retry-After; what it says of bad ones."""
    with Receiver() as server:
        path = "/services/T0/B0/" + SECRETS["url"]
        bad = "/services/T0/B1/" + SECRETS["url"]
        server.script = {path: [(429, {"Retry-After": "2"}, b"rate_limited"), (200, {}, b"ok")],
                         bad: [(400, {"Content-Type": "text/html"},
                                b"invalid_payload " + bad.encode())]}
        files = [secret_file(directory, "slack%d" % i, server.url(p))
                 for i, p in enumerate((path, bad))]
        config = config_of(("ops", "slack", [{"url-file": f} for f in files]))
        with Delivery(directory, config) as d:
            numbers = [d.add("ops", "slack", body(alert(), key="k%d" % i)) for i in range(3)]
            refused = d.add("ops", "slack", body(alert()), idx=1)
            for i, number in enumerate(numbers):
                tap.equal(d.wait(number, "sent", "failed").state, "sent", "Slack: %d is told" % i)
            times = [r.at for r in server.got(path)]
            tap.ok(times[1] - times[0] >= 2, "Slack: not before Retry-After", times)
            tap.ok(all(b - a >= 0.99 for a, b in zip(times, times[1:])),
                   "Slack: one a second", times)
            notice = d.wait(refused, "sent", "failed")
            tap.ok(notice[:3] == ("failed", 1, 400) and "invalid_payload" in notice.error,
                   "Slack: what it says of a bad one", notice)
            tap.ok(SECRETS["url"] not in notice.error, "Slack: and not with what it was", notice)
            message = json.loads(server.got(path)[0].body)
            tap.ok(len(message["blocks"]) == 2 and message["text"].startswith("[critical]"),
                   "Slack: text and blocks", message)


def check_teams(tap, directory):
    """200 is not always that."""
    said = (b"Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP "
            b"error %d with ContextId tcid=0,server=x")
    with Receiver() as server:
        server.script = {"/ok": [(200, {}, b"1")], "/flow": [202],
                         "/429": [(200, {}, said % 429), (200, {}, b"1")],
                         "/413": [(200, {}, said % 413)],
                         "/error": [(200, {}, b"Something failed."), (200, {}, b"1")]}
        receivers = [(p[1:], "teams", [{"url-file": secret_file(directory, p[1:], server.url(p))}])
                     for p in server.script]
        with Delivery(directory, config_of(*receivers)) as d:
            numbers = {p: d.add(p[1:], "teams", body(alert())) for p in server.script}
            wanted = {"/ok": ("sent", 1), "/flow": ("sent", 1), "/429": ("sent", 2),
                      "/413": ("failed", 1), "/error": ("sent", 2)}
            for path, result in wanted.items():
                notice = d.wait(numbers[path], "sent", "failed")
                tap.equal(notice[:2], result, "Teams: %s" % path[1:])
                if path == "/413":
                    tap.ok(notice.status == 413 and "HTTP error 413" in notice.error,
                           "Teams: the error in the body", notice)


def check_pagerduty(tap, directory):
    """An event an alert; what it retries."""
    with Receiver() as server:
        server.script = {"/v2/enqueue": [202, (429, {"Retry-After": "1"}, b""), 202],
                         "/400": [(400, {"Content-Type": "application/json"},
                                   b'{"status":"invalid event","message":"Event object is invalid"'
                                   b',"errors":["routing_key \'' + SECRETS["key"].encode() +
                                   b'\' is wrong"]}')]}
        key = secret_file(directory, "key", SECRETS["key"])
        config = config_of(("ops", "pagerduty",
                            [{"routing-key-file": key, "url": server.url("/v2/enqueue")},
                             {"routing-key-file": key, "url": server.url("/400")}]))
        with Delivery(directory, config) as d:
            alerts = [alert(step="a"), alert(step="b"), alert(status="resolved", step="c")]
            number = d.add("ops", "pagerduty", body(*alerts))
            bad = d.add("ops", "pagerduty", body(*alerts), idx=1)
            tap.equal(d.wait(number, "sent", "failed")[:2], ("sent", 2), "PagerDuty: told")
            events = [json.loads(r.body) for r in server.got("/v2/enqueue")]
            tap.equal([(e["event_action"], e["dedup_key"]) for e in events],
                      [("trigger", alerts[0]["fingerprint"]), ("trigger", alerts[1]["fingerprint"]),
                       ("trigger", alerts[0]["fingerprint"]), ("trigger", alerts[1]["fingerprint"]),
                       ("resolve", alerts[2]["fingerprint"])],
                      "PagerDuty: an event an alert, after 429 from the beginning")
            tap.ok(all(e["routing_key"] == SECRETS["key"] for e in events), "PagerDuty: the key")
            taken = d.add("ops", "pagerduty", body(alerts[0]), kind="acknowledged")
            d.wait(taken, "sent", "failed")
            last = json.loads(server.got("/v2/enqueue")[-1].body)
            tap.equal(last["event_action"], "acknowledge", "PagerDuty: acknowledged")
            notice = d.wait(bad, "sent", "failed")
            tap.ok(notice[:3] == ("failed", 1, 400) and "Event object is invalid" in notice.error
                   and SECRETS["key"] not in notice.error,
                   "PagerDuty: what it says of a bad one, without the key", notice)


# ---- crashes and slow ones ----

def check_restart(tap, directory):
    """Nothing is lost, and what is posted twice has one key."""
    with Receiver() as server:
        server.script = {"/slow": ["silence", "silence", 200], "/down": [503]}
        receivers = [("slow", "webhook", [{"url": server.url("/slow"), "timeout": "30s"}]),
                     ("down", "webhook", [{"url": server.url("/down")}])]
        d = Delivery(directory, config_of(*receivers))
        d.start()
        first = d.add("slow", "webhook", body(alert()))
        queued = d.add("slow", "webhook", body(alert(), key="other"))
        down = d.add("down", "webhook", body(alert()))
        server.wait("/slow", 1)
        tap.equal(d.notice(first)[:2], ("sending", 1), "it is written before it leaves")
        d.until(down, lambda n: n.tries >= 1 and n.state == "waiting")
        d.kill()
        d.start()
        server.wait("/slow", 2)
        d.kill()
        server.script["/down"] = [200]
        d.start()
        for number in (first, queued, down):
            tap.equal(d.wait(number, "sent", "failed").state, "sent", "nothing is lost by a crash")
        posts = server.got("/slow")
        keys = [p.headers["Idempotency-Key"] for p in posts]
        tap.equal((len(posts), keys[0] == keys[1] == keys[2], keys[3] != keys[0]), (4, True, True),
                  "posts of one notice have one key")
        tap.equal(d.notice(first).tries, 3, "and each is counted")
        time.sleep(1.5)
        tap.equal(len(server.got("/slow")), 4, "what was told is told no more")
        tap.equal(d.stop(), 0, "it ends well")


def check_ends(tap, directory):
    """How long it is tried: a day; what says "now", a minute."""
    with Receiver() as server:
        server.script = {"/down": [503]}
        receivers = [(n, "webhook", [{"url": server.url("/down")}]) for n in "abcde"]
        with Delivery(directory, config_of(*receivers)) as d:
            for name, kind, age, state in (("a", "notify", 86370, "waiting"),
                                           ("b", "notify", 86400, "failed"),
                                           ("c", "test", 30, "waiting"),
                                           ("d", "test", 60, "failed"),
                                           ("e", "watchdog", 20, "waiting")):
                number = d.add(name, "webhook", body(alert()), kind=kind, age_s=age)
                notice = d.until(number, lambda n: n.error is not None)
                tap.equal((notice.state, notice.status), (state, 503),
                          "%s of %d s: %s" % (kind, age, state))
            posts = len(server.got("/down"))
            notice = d.wait(d.add("e", "webhook", body(alert()), kind="watchdog", age_s=62),
                            "sent", "failed")
            tap.ok(notice.state == "failed" and "too long" in notice.error,
                   "a watchdog that waited is not told", notice)
            tap.ok(len(server.got("/down")) <= posts + 2, "nor posted")
            tap.equal([d.health(n, "webhook")[3] for n in "bd"], [1, 0],
                      "a test that fails gives nothing up")


def check_slow(tap, directory):
    """A receiver that does not answer: the others go on, and what waits is the newest only."""
    with Receiver() as server:
        server.script = {"/silent": ["silence", "silence", 200]}
        receivers = [("silent", "webhook", [{"url": server.url("/silent"), "timeout": "2s"}]),
                     ("quick", "webhook", [{"url": server.url("/quick")}])]
        with Delivery(directory, config_of(*receivers)) as d:
            begin = time.monotonic()
            first = d.add("silent", "webhook", body(alert()))
            server.wait("/silent", 1)
            waits = [d.add("silent", "webhook", body(alert(), alert(step=str(i))))
                     for i in range(5)]
            quick = [d.add("quick", "webhook", body(alert(), key="k%d" % i)) for i in range(20)]
            for number in quick:
                d.wait(number, "sent", "failed")
            tap.equal({d.notice(n).state for n in quick}, {"sent"}, "others are told")
            tap.ok(time.monotonic() - begin < 20, "and do not wait for it")
            tap.equal([d.notice(n).state for n in waits[:-1]], ["superseded"] * 4,
                      "of a group the newest waits")
            tap.equal(d.wait(waits[-1], "sent", "failed").state, "sent", "and is told")
            notice = d.notice(first)
            tap.ok(notice.state in ("sent", "superseded"), "the first one has an end", notice)


# ---- mail ----

PICTURE = """#!/bin/sh
case "$*" in
"plot rule.Hangs "*) exec sleep 300 ;;
"plot rule.Fails "*) exit 1 ;;
"plot rule.Garbage "*) echo "not a picture"; exit 0 ;;
esac
exec gnuplot -e 'set terminal pngcairo size 400,200; plot sin(x)'
"""


def png_size(data):
    """(width, height) of a PNG whose parts and pixels are all there; None otherwise."""
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        return None
    at, size, pixels = 8, None, b""
    while at < len(data):
        length = int.from_bytes(data[at:at + 4], "big")
        kind, part = data[at + 4:at + 8], data[at + 8:at + 8 + length]
        if zlib.crc32(kind + part) != int.from_bytes(data[at + 8 + length:at + 12 + length],
                                                     "big"):
            return None
        if kind == b"IHDR":
            size = (int.from_bytes(part[:4], "big"), int.from_bytes(part[4:8], "big"))
        pixels += part if kind == b"IDAT" else b""
        at += 12 + length
    return size if len(zlib.decompress(pixels)) > 0 else None


def mail_server(directory, taken, certificate=None):
    """An SMTP server that knows who is there and one password; with a certificate it wants TLS."""
    # pylint: disable=import-outside-toplevel
    from aiosmtpd.controller import Controller
    from aiosmtpd.smtp import AuthResult, LoginPassword

    class Handler:
        """Takes mail."""

        async def handle_RCPT(self, _server, _session, envelope, address, _options):
            """gone@ is gone."""  # pylint: disable=invalid-name
            if address.startswith("gone@"):
                return "550 5.1.1 no such user"
            if address.startswith("later@") and not os.path.exists(directory + "/later"):
                with open(directory + "/later", "w", encoding="ascii"):
                    return "451 4.7.1 greylisted, come again"
            envelope.rcpt_tos.append(address)
            return "250 OK"

        async def handle_DATA(self, _server, session, envelope):
            """Kept."""  # pylint: disable=invalid-name
            taken.append((envelope.mail_from, list(envelope.rcpt_tos), envelope.content,
                          session.authenticated))
            return "250 2.0.0 taken"

    def login(_server, _session, _envelope, _mechanism, data):
        good = isinstance(data, LoginPassword) and data.password == SECRETS["password"].encode()
        return AuthResult(success=good, handled=False)

    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
    controller = Controller(Handler(), hostname="127.0.0.1", port=free_ports(1)[0],
                            authenticator=login, auth_require_tls=True, tls_context=context,
                            require_starttls=context is not None)
    controller.start()
    return controller


def read_mail(one):
    """What the server took, as a mail library reads it."""
    return email.message_from_bytes(one[2], policy=email.policy.default)


def subject_of(one):
    """Of what the server took."""
    return read_mail(one)["Subject"]


def parts_of(message):
    """Content types, in their order, and the leaves by type."""
    leaves = {p.get_content_type(): p for p in message.walk() if not p.is_multipart()}
    return [p.get_content_type() for p in message.walk()], leaves


def check_mail(tap, directory):
    """A real server takes it, and a mail library reads it."""
    taken = []
    make_certificates(directory)
    plain = mail_server(directory, taken)
    server = mail_server(directory, taken, (os.path.join(directory, "good.pem"),
                                            os.path.join(directory, "good.key")))
    picture = os.path.join(directory, "picture")
    with open(os.open(picture, os.O_WRONLY | os.O_CREAT, 0o700), "w", encoding="ascii") as f:
        f.write(PICTURE)
    password = secret_file(directory, "password", SECRETS["password"])
    wrong = secret_file(directory, "wrong", "not-the-pa55word-of-it")
    authority = os.path.join(directory, "ca.pem")

    def entry(*to, **more):
        one = {"to": list(to), "from": "tower@shop.example", "tls": "starttls", "picture": False,
               "ca-file": authority, "smarthost": "smtp://127.0.0.1:%d" % server.port}
        one.update(more)
        return [one]

    to_plain = {"tls": "none", "smarthost": "smtp://127.0.0.1:%d" % plain.port}
    config = config_of(
        ("ops", "email", entry("a@shop.example", "b@shop.example", username="tower", picture=True,
                               **{"password-file": password})),
        ("some", "email", entry("gone@shop.example", "a@shop.example")),
        ("none", "email", entry("gone@shop.example", **to_plain)),
        ("later", "email", entry("later@shop.example", **to_plain)),
        ("locked", "email", entry("a@shop.example", username="tower",
                                  **{"password-file": wrong})),
        ("bare", "email", entry("a@shop.example", smarthost=to_plain["smarthost"])),
        ("strange", "email", entry("a@shop.example",
                                   **{"ca-file": os.path.join(directory, "other.pem")})))
    with Delivery(directory, config, picture) as d:
        hostile = "late\r\nBcc: x@evil.example\r\n\r\n<script>alert(1)</script> \u20ac \u202e"
        number = d.add("ops", "email", body(alert(summary=hostile)))
        tap.equal(d.wait(number, "sent", "failed")[:3], ("sent", 1, 250), "mail: it was taken")
        sender, to, content, was_let_in = taken.pop()
        tap.equal((sender, to, was_let_in), ("tower@shop.example",
                                             ["a@shop.example", "b@shop.example"], True),
                  "mail: envelope and login")
        message = email.message_from_bytes(content, policy=email.policy.default)
        kinds, leaves = parts_of(message)
        tap.equal(kinds, ["multipart/alternative", "text/plain", "multipart/related", "text/html",
                          "image/png"], "mail: its parts")
        tap.equal(png_size(leaves["image/png"].get_content()), (400, 200), "mail: the picture")
        page = leaves["text/html"].get_content()
        name = leaves["image/png"]["Content-ID"].strip("<>")
        tap.ok('src="cid:%s"' % name in page, "mail: the page shows it", page)
        tap.ok("<script" not in page and "&lt;script&gt;" in page, "mail: no markup of others",
               page)
        tap.equal((message["From"], message["To"]), ("Tillwatch <tower@shop.example>",
                  "a@shop.example, b@shop.example"), "mail: from and to")
        tap.equal((message["Bcc"], message["Subject"]),
                  (None, "[critical] late  Bcc: x@evil.example    <script>alert(1)</script> "
                   "\u20ac  "), "mail: no header of others")
        tap.ok(re.fullmatch(r"<tillwatch-[0-9a-f]+-[0-9a-f]+@shop\.example>",
                            message["Message-ID"]), "mail: Message-ID", message["Message-ID"])
        tap.equal([d for p in message.walk() for d in p.defects], [], "mail: no defects")
        for rule, why in (("Fails", "could not be drawn"), ("Garbage", "could not be drawn"),
                          ("Hangs", "took too long")):
            number = d.add("ops", "email", body(alert(name=rule), key=rule))
            tap.equal(d.wait(number, "sent", "failed").state, "sent", "mail without: %s" % rule)
            message = read_mail(taken.pop())
            kinds, leaves = parts_of(message)
            tap.ok("image/png" not in kinds and why in leaves["text/plain"].get_content()
                   and why in leaves["text/html"].get_content(), "it says so: %s" % rule,
                   leaves["text/plain"].get_content())
        number = d.add("some", "email", body(alert()))
        notice = d.wait(number, "sent", "failed")
        tap.ok(notice.state == "sent" and taken.pop()[1] == ["a@shop.example"],
               "mail: who is gone does not keep it from the others", notice)
        notice = d.wait(d.add("none", "email", body(alert())), "sent", "failed")
        tap.ok(notice[:2] == ("failed", 1) and "no such user" in notice.error,
               "mail: nobody is there", notice)
        notice = d.wait(d.add("later", "email", body(alert())), "sent", "failed")
        tap.equal(notice[:2], ("sent", 2), "mail: 451 comes again")
        taken.clear()
        for name in ("locked", "bare", "strange"):
            number = d.add(name, "email", body(alert()))
            notice = d.until(number, lambda n: n.error is not None)
            tap.ok(notice.state == "waiting" and taken == [], "mail: %s waits" % name, notice)
            tap.note(notice.error)
    server.stop()
    plain.stop()


def check_picture(tap, directory):
    """The picture of a rule, drawn by the program itself from the store."""
    taken = []
    server = mail_server(directory, taken)
    config = config_of(("ops", "email", [
        {"to": ["a@shop.example"], "from": "tower@shop.example", "tls": "none",
         "smarthost": "smtp://127.0.0.1:%d" % server.port}]))
    with Delivery(directory, config, program_path()) as d:
        for rule, kind in (("BudgetBurnFast", "image/png"), ("NoSuchRule", None)):
            number = d.add("ops", "email", body(alert(name=rule), key=rule))
            tap.equal(d.wait(number, "sent", "failed").state, "sent", "picture: %s" % rule)
            message = read_mail(taken.pop())
            _, leaves = parts_of(message)
            size = png_size(leaves[kind].get_content()) if kind in leaves else None
            tap.equal(size, (900, 320) if kind else None, "picture: %s, what is inside" % rule)
    server.stop()


def check_mute_mail_server(tap, directory):
    """Mail servers that never say good-bye, and one that never says anything, hold up nobody."""
    def refuse(peer):
        polite(peer, b"550 no\r\n")

    def polite(peer, to_recipient=b"250 ok\r\n"):
        peer.sendall(b"220 here\r\n")
        data = b""
        is_data = False
        while True:
            more = peer.recv(65536)
            data += more
            if not more:
                return
            if is_data:
                if data.endswith(b"\r\n.\r\n"):
                    is_data = False
                    data = b""
                    peer.sendall(b"250 taken\r\n")
            elif data.endswith(b"\r\n"):
                line, data = data, b""
                if line.upper().startswith(b"DATA"):
                    is_data = True
                    peer.sendall(b"354 go on\r\n")
                elif line.upper().startswith(b"RCPT"):
                    peer.sendall(to_recipient)
                elif not line.upper().startswith(b"QUIT"):
                    peer.sendall(b"250 ok\r\n")

    def mute(peer):
        while peer.recv(65536):
            pass

    servers = [Blunt(polite), Blunt(mute), Blunt(refuse)]
    with Receiver() as other:
        receivers = [("m%d" % i, "email",
                      [{"to": ["a@b.example"], "from": "t@b.example", "tls": "none",
                        "timeout": "3s", "smarthost": "smtp://127.0.0.1:%d" % s.port,
                        "picture": False}]) for i, s in enumerate(servers)]
        config = config_of(("hook", "webhook", [{"url": other.url("/x")}]), *receivers)
        with Delivery(directory, config) as d:
            begin = time.monotonic()
            quiet = d.add("m1", "email", body(alert()))
            number = d.add("m0", "email", body(alert()))
            tap.equal(d.wait(number, "sent", "failed").state, "sent", "no good-bye: it was taken")
            number = d.add("m2", "email", body(alert()))
            notice = d.wait(number, "sent", "failed")
            tap.equal(notice[:3], ("failed", 1, 550), "no good-bye: it was refused")
            hook = d.add("hook", "webhook", body(alert()))
            tap.equal(d.wait(hook, "sent", "failed").state, "sent", "and others are told")
            tap.ok(time.monotonic() - begin < 15, "at once", time.monotonic() - begin)
            notice = d.until(quiet, lambda n: n.error is not None)
            tap.ok(notice.state == "waiting", "a mute one is tried again", notice)
    for server in servers:
        server.close()


# ---- programs ----

def check_pub(tap, directory):
    """A subscriber gets what it subscribed to."""
    # pylint: disable=import-outside-toplevel
    import zmq
    endpoint = "ipc://%s/pub" % directory
    with Delivery(directory, config_of(("ops", "pub", [{"bind": endpoint}]))) as d:
        context = zmq.Context()
        subscriber = context.socket(zmq.SUB)
        subscriber.setsockopt(zmq.RCVTIMEO, 500)
        subscriber.setsockopt(zmq.SUBSCRIBE, b"alert.critical.")
        subscriber.connect(endpoint)
        frames = None
        for i in range(40):  # until the subscription has arrived
            d.wait(d.add("ops", "pub", body(alert(severity="warning"), alert(store="s%d" % i),
                                            key="k%d" % i)), "sent", "failed")
            try:
                frames = subscriber.recv_multipart()
                break
            except zmq.Again:
                continue
        tap.equal(frames and frames[0], b"alert.critical.sale-posting", "PUB: the topic")
        told = json.loads(frames[1])
        tap.equal((told["status"], told["labels"]["alertname"]), ("firing", "ErpPostingLate"),
                  "PUB: the alert")
        subscriber.close(0)
        context.term()


def get(url):
    """Parsed JSON; None: it does not answer (yet)."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.loads(answer.read())
    except (OSError, ValueError):
        return None


def until(what, seconds=60):
    """What it returns when that is something."""
    end = time.monotonic() + seconds
    while True:
        found = what()
        if found or time.monotonic() > end:
            return found
        time.sleep(0.05)


def check_alertmanager(tap, directory):
    """Debian's: it takes ours, and tells its own receiver."""
    program = shutil.which("prometheus-alertmanager")
    port = free_ports(1)[0]
    base = "http://127.0.0.1:%d" % port
    with Receiver() as server:
        config = os.path.join(directory, "am.yml")
        with open(config, "w", encoding="utf-8") as f:
            json.dump({"route": {"receiver": "x", "group_by": ["..."], "group_wait": "0s",
                                 "group_interval": "1s"},
                       "receivers": [{"name": "x",
                                      "webhook_configs": [{"url": server.url("/am")}]}]}, f)
        with open(os.path.join(directory, "am.log"), "wb") as log:
            process = subprocess.Popen(  # pylint: disable=consider-using-with
                [program, "--config.file=" + config, "--storage.path=" + directory + "/am",
                 "--web.listen-address=127.0.0.1:%d" % port, "--cluster.listen-address="],
                stdout=log, stderr=log)
        try:
            up = until(lambda: get(base + "/api/v2/status"))
            tap.ok(up is not None, "Alertmanager runs")
            dead = "http://127.0.0.1:%d" % free_ports(1)[0]
            settings = config_of(("am", "alertmanager", [{"url": base}, {"url": dead}]))
            with Delivery(directory, settings) as d:
                now = int(time.time())
                one = {"labels": {"alertname": "ErpPostingLate", "severity": "critical",
                                  "store": 'a"b\\c\n\u20ac'},
                       "annotations": {"summary": "late <b>"}, "starts": now - 60, "ended": 0}
                tap.equal(d.order(wants=True), 1, "Alertmanager: it is to be told")
                tap.equal(d.order(alerts=[one]), 0, "Alertmanager: told")
                alerts = until(lambda: get(base + "/api/v2/alerts"))
                tap.equal([(a["labels"], a["annotations"]) for a in alerts],
                          [(one["labels"], one["annotations"])], "Alertmanager: it has it")
                ends = time.mktime(time.strptime(alerts[0]["endsAt"][:19], "%Y-%m-%dT%H:%M:%S"))
                left = ends - time.mktime(time.gmtime())
                tap.ok(225 < left <= 241, "Alertmanager: for four minutes more", left)
                seen = json.loads(server.wait("/am", 1)[0].body)
                tap.equal((seen["status"], seen["alerts"][0]["labels"]),
                          ("firing", one["labels"]), "Alertmanager: it tells its own receiver")
                health = until(lambda: d.health("am", "alertmanager"))
                tap.ok(health[0] is not None and health[2] == 0, "Alertmanager: health", health)
                d.order(alerts=[dict(one, ended=now)])
                last = json.loads(server.wait("/am", 2)[1].body)
                tap.equal(last["status"], "resolved", "Alertmanager: it is over there, too")
        finally:
            process.terminate()
            process.wait(60)


# ---- a tower ----

SAID = ["/api/v1/receivers", "/api/v1/notifications", "/api/v1/status", "/metrics",
        "/api/v2/status", "/api/v2/receivers", "/api/v1/alerts"]


def post_alert(tower, ends=None):
    """One that a rule of the pack has the name of, so that there is something to draw."""
    one = {"labels": {"alertname": "BudgetBurnFast", "severity": "critical",
                      "workflow": "sale-posting", "objective": "none"},
           "annotations": {"summary": "posted by a test"}}
    if ends is not None:
        one["endsAt"] = ends
    return tower.request("/api/v2/alerts", [one], "POST",
                         {"Content-Type": "application/json"})[0]


def hooks_of(server):
    """What the webhook was told of that alert; the tower tells of itself, too."""
    told = [json.loads(r.body) for r in server.got("/hook")]
    return [t for t in told if t["alerts"][0]["labels"]["alertname"] == "BudgetBurnFast"]


def check_tower(tap, directory):
    """From an alert to a mail with its picture, in the program as it is run; killed in between."""
    # pylint: disable=import-outside-toplevel
    import zmq
    taken = []
    mail = mail_server(directory, taken)
    secrets = os.path.join(directory, "secrets")
    os.mkdir(secrets)
    with Receiver() as server:
        path = "/services/" + SECRETS["url"]
        server.script = {path: [(500, {}, path.encode())]}
        notify = config_of(("ops", "webhook", [{
            "url": server.url("/hook"),
            "bearer-file": secret_file(secrets, "token", SECRETS["token"])}]))
        notify["receivers"][0].update({
            "email": [{"to": ["a@shop.example"], "from": "tower@shop.example", "tls": "none",
                       "smarthost": "smtp://127.0.0.1:%d" % mail.port}],
            "slack": [{"url-file": secret_file(secrets, "slack", server.url(path))}],
            "pub": [{}]})
        notify["route"].update({"matchers": [], "group-wait": "0s", "group-interval": "1s"})
        file = os.path.join(secrets, "notify.yaml")
        with open(file, "w", encoding="utf-8") as f:
            json.dump(notify, f)
        config = re.sub(r"(?m)^notify:\n", "notify:\n  file: %s\n" % file, config_with())
        with Tower(state=os.path.join(directory, "store"), config=config) as tower:
            context = zmq.Context()
            subscriber = context.socket(zmq.SUB)
            subscriber.setsockopt(zmq.RCVTIMEO, 30000)
            subscriber.setsockopt(zmq.SUBSCRIBE, b"alert.critical.")
            subscriber.connect(tower.env["TILLWATCH_ALERTS_PUB"])
            tap.equal(post_alert(tower), 200, "tower: an alert is posted")
            wanted = "[critical] posted by a test"
            until(lambda: wanted in [subject_of(m) for m in taken])
            message = [m for m in map(read_mail, taken) if m["Subject"] == wanted][0]
            _, leaves = parts_of(message)
            tap.ok("image/png" in leaves and
                   png_size(leaves["image/png"].get_content()) == (900, 320),
                   "tower: with the picture of its rule", leaves["text/plain"].get_content())
            told = until(lambda: hooks_of(server))[0]
            tap.equal((told["receiver"], told["status"]), ("ops", "firing"), "tower: the webhook")
            tap.equal(subscriber.recv_multipart()[0], b"alert.critical.sale-posting",
                      "tower: what is published")
            subscriber.close(0)
            context.term()
            until(lambda: server.got(path))
            failing = until(lambda: [i for r in tower.get("/api/v1/receivers")["items"]
                                     for i in r["integrations"] if i["health"]["failing"]])
            tap.equal([(i["kind"], i["target"].startswith("http://127.0.0.1:")) for i in failing],
                      [("slack", True)], "tower: the receiver that fails")
            def counts():
                return ([subject_of(m) for m in taken].count(wanted), len(hooks_of(server)))
            tap.equal(counts(), (1, 1), "tower: each is told once")
            tower.kill()
            tower.start()
            until(lambda: len(server.got(path)) > 2)
            tap.equal(counts(), (1, 1), "tower: a crash tells nothing twice")
            ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 1))
            tap.equal(post_alert(tower, ends), 200, "tower: it is over")
            until(lambda: len(hooks_of(server)) > 1)
            tap.equal([t["status"] for t in hooks_of(server)], ["firing", "resolved"],
                      "tower: and that is told")
            shown = "".join(tower.request(p)[1].decode() for p in SAID)
            tap.equal([s for s in SECRETS.values() if s in shown], [],
                      "tower: no secret in what it answers")
            with open(tower.log_path, encoding="utf-8") as f:
                log = f.read()
            tap.ok("receiver_failing" in log and not any(s in log for s in SECRETS.values()),
                   "tower: the log says who fails, and no secret", log)
    mail.stop()


CHECKS = [check_webhook, check_filters, check_guard, check_slack, check_teams, check_pagerduty,
          check_restart, check_ends, check_slow, check_mail, check_picture,
          check_mute_mail_server, check_pub, check_alertmanager, check_tower]


def main():
    """All, or those whose names are given."""
    with Tap() as tap, tempfile.TemporaryDirectory(prefix="tw-receivers-") as empty:
        Delivery.empty = make_store(empty)
        for check in CHECKS:
            if len(sys.argv) > 1 and check.__name__ not in sys.argv[1:]:
                continue
            with tempfile.TemporaryDirectory(prefix="tw-receivers-") as directory:
                tap.note(check.__name__)
                check(tap, directory)
                found = files_with(os.path.join(directory, "store"), SECRETS.values())
                found += files_with(directory, SECRETS.values(), "stderr")
                tap.equal(found, [], "%s: no secret in the store or the log" % check.__name__)


if __name__ == "__main__":
    main()
