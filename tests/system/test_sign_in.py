#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Signing in to a real tower: every route for every role, what sessions and tokens let in and when
they end, wrong guesses, header lines of every answer."""

import http.client
import json
import os
import re
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import Tap  # noqa: E402
from tower import ROOT, Tower, config_with, program_path, wait_until  # noqa: E402

PASSWORDS = {name: "a wet cat on %s's mat" % name for name in
             ("nora", "vera", "olaf", "adam", "eve", "gina")}
ROLES = {"nora": "none", "vera": "viewer", "olaf": "operator", "adam": "admin", "eve": "viewer",
         "gina": "none"}
# The cheapest that is allowed: what is tested is not how dear it is.
CONFIG = config_with(sign_in="required", password_passes=2, password_memory_bytes="19MiB")
PRIVATE = ("Content-Security-Policy", "X-Content-Type-Options", "X-Frame-Options",
           "Referrer-Policy", "Permissions-Policy", "Cross-Origin-Opener-Policy",
           "Cross-Origin-Resource-Policy", "Cache-Control")


def command(tower, *args, text=""):
    """`tillwatch user|token ...` beside the tower."""
    return subprocess.run([program_path(), *args, "-c", tower.config_path], input=text.encode(),
                          env=tower.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          check=True).stdout.decode()


class Browser:
    """Requests with a jar of cookies, as a page of ours sends them."""

    def __init__(self, tower):
        self.tower = tower
        self.host = tower.url[len("http://"):]
        self.cookies = {}

    def ask(self, method, path, body=None, headers=None, keeps=True):
        """(status, headers, body)"""
        lines = {"Sec-Fetch-Site": "same-origin"}
        if self.cookies:
            lines["Cookie"] = "; ".join("%s=%s" % item for item in self.cookies.items())
        data = None if body is None else json.dumps(body)
        if data is not None:
            lines["Content-Type"] = "application/json"
        lines.update(headers or {})
        lines = {name: value for name, value in lines.items() if value is not None}
        line = http.client.HTTPConnection(self.host, timeout=30)
        line.request(method, path, body=data, headers=lines)
        answer = line.getresponse()
        got = answer.read() if answer.getheader("Content-Type") != "text/event-stream" else b""
        if keeps:
            for name, value in answer.getheaders():
                if name.lower() == "set-cookie":
                    cookie, _, rest = value.partition(";")
                    key, _, content = cookie.partition("=")
                    self.cookies[key] = content
                    if "Max-Age=0" in rest:
                        del self.cookies[key]
        line.close()
        return answer.status, answer.headers, got

    def status(self, method, path, **more):
        """Only the status."""
        return self.ask(method, path, **more)[0]

    def sign_in(self, user, password=None):
        """The status."""
        return self.status("POST", "/api/v1/session",
                           body={"user": user, "password": password or PASSWORDS[user]})


def signed_in(tower, user):
    """A browser of this user."""
    browser = Browser(tower)
    if browser.sign_in(user) != 200:
        raise RuntimeError("%s could not sign in" % user)
    return browser


def routes():
    """(method, path, whom) of docs/reference/routes.md, which is made from the route table."""
    with open(os.path.join(ROOT, "docs", "reference", "routes.md"), encoding="utf-8") as f:
        return re.findall(r"^\| (GET|POST|PUT|DELETE) \| `([^`]+)` \| (.*) \|$", f.read(), re.M)


def may(whom, role, rights):
    """Does the table say that this role is answered? role None: nobody."""
    if whom == "all":
        return True
    if role is None:
        return False
    return whom == "all who are signed in" or bool(set(re.findall(r"`(\w+)`", whom)) & rights[role])


def check_routes(tap, tower, browsers):
    """Every route, every role: refused where the table says so, and only there."""
    rights = {role: set(json.loads(browser.ask("GET", "/api/v1/session")[2])["rights"])
              for role, browser in browsers.items() if role}
    tap.equal((rights["none"], rights["viewer"], len(rights["admin"])), (set(), {"read"}, 16),
              "each role has its rights")
    surprises = []
    count = 0
    bare = []
    for method, path, whom in routes():
        # nothing that is really there: what matters is who gets to be told so
        path = path.replace("*", "0")
        if path in ("/api/v1/session", "/-/reload") and method != "GET":
            continue  # they would change what is tested; below
        for role, browser in browsers.items():
            body = {} if method in ("POST", "PUT") else None
            status, headers, got = browser.ask(method, path, body=body, keeps=False)
            count += 1
            kind = json.loads(got).get("type", "") if status == 403 and got[:1] == b"{" else ""
            refused = status in (401, 303) or kind.endswith(":not-allowed") or \
                (status == 403 and path.startswith("/api/v2/"))
            if refused == may(whom, role, rights):
                surprises.append("%s %s as %s: %d %s" % (method, path, role, status, got[:100]))
            lacks = [name for name in PRIVATE if not headers.get(name)]
            cache = headers.get("Cache-Control")
            if lacks or (path.startswith("/api/") and cache != "no-store") or \
                    headers.get("Server") or headers.get("Access-Control-Allow-Origin"):
                bare.append("%s %s: %s" % (method, path, lacks or dict(headers)))
    tap.ok(count > 400 and not surprises, "every route answers whom its right lets in",
           "%d asked\n%s" % (count, "\n".join(surprises)))
    tap.ok(not bare, "every answer has all header lines that protect", "\n".join(bare))


def check_forged(tap, tower, browser):
    """What is nearly a session lets nobody in."""
    cookie = browser.cookies["tillwatch"]
    wrong = [cookie[:-1], cookie + "A", cookie[::-1], "", "A" * len(cookie), cookie.swapcase(),
             "%s\\" % cookie, '"%s"' % cookie, cookie + "; tillwatch=" + cookie]
    statuses = {Browser(tower).status("GET", "/api/v1/status", headers={"Cookie": "tillwatch=" + w})
                for w in wrong}
    tap.equal(statuses, {401}, "forged, cut and doubled cookies let nobody in")
    tap.equal(Browser(tower).status("GET", "/api/v1/status",
                                    headers={"Cookie": "tillwatch=" + cookie}), 200,
              "the cookie itself does")
    mixed = {"Authorization": "Bearer " + cookie}
    tap.equal(browser.status("GET", "/api/v1/status", headers=mixed), 401,
              "a session is no token, and beside a wrong token it does not count")
    tap.equal(browser.status("GET", "/api/v1/status?" + "session=" + cookie), 400,
              "nor is it a parameter")


def check_life(tap, tower):
    """Sessions end when they are ended, wherever that is."""
    one, other = signed_in(tower, "eve"), signed_in(tower, "eve")
    tap.ok(one.cookies["tillwatch"] != other.cookies["tillwatch"], "each sign-in has its own id")
    before = one.cookies["tillwatch"]
    one.sign_in("eve")
    tap.equal(Browser(tower).status("GET", "/api/v1/session",
                                    headers={"Cookie": "tillwatch=" + before}), 401,
              "signing in again ends the session before: ids are new at a sign-in")
    sessions = json.loads(one.ask("GET", "/api/v1/sessions")[2])["items"]
    tap.equal((len(sessions), sum(s["this"] for s in sessions)), (2, 1), "one's own are listed")
    foreign = json.loads(signed_in(tower, "adam").ask("GET", "/api/v1/sessions")[2])["items"]
    tap.ok(not {s["session"] for s in sessions} & {s["session"] for s in foreign},
           "those of others are not")
    tap.equal(one.status("DELETE", "/api/v1/sessions/%d" % foreign[0]["session"]), 404,
              "nor can they be ended")
    old = next(s for s in sessions if not s["this"])
    tap.equal((one.status("DELETE", "/api/v1/sessions/%d" % old["session"]),
               other.status("GET", "/api/v1/session")), (200, 401), "one's own end at once")
    cookie = dict(one.cookies)
    tap.equal(one.status("DELETE", "/api/v1/session"), 200, "sign out")
    tap.ok("tillwatch" not in one.cookies, "which removes the cookie")
    one.cookies = cookie
    tap.equal(one.status("GET", "/api/v1/session"), 401, "a cookie that is replayed lets nobody in")
    one.sign_in("eve")
    command(tower, "user", "disable", "eve")
    began = time.monotonic()
    wait_until(lambda: one.status("GET", "/api/v1/session") == 401, "the end of the session", 5)
    tap.ok(time.monotonic() - began < 2, "who is disabled by the program is out within a second",
           time.monotonic() - began)
    tap.equal(one.sign_in("eve"), 401, "and does not come in again")
    command(tower, "user", "enable", "eve")
    tap.equal(one.sign_in("eve"), 200, "until enabled")


def check_password(tap, tower):
    """One's own password."""
    eve, other = signed_in(tower, "eve"), signed_in(tower, "eve")
    path = "/api/v1/session/password"
    fresh = "green ideas sleep 17 times"
    for body, status in (({"password": "wrong wrong wrong", "new_password": fresh}, 401),
                         ({"password": PASSWORDS["eve"], "new_password": "short"}, 400),
                         ({"password": PASSWORDS["eve"], "new_password": "password1234"}, 400),
                         ({"password": PASSWORDS["eve"], "new_password": PASSWORDS["eve"]}, 400),
                         ({"password": PASSWORDS["eve"]}, 400), ({"new_password": fresh}, 400)):
        tap.equal(eve.status("POST", path, body=body), status, "password: %s" % list(body.values()))
    before = eve.cookies["tillwatch"]
    tap.equal(eve.status("POST", path, body={"password": PASSWORDS["eve"], "new_password": fresh}),
              200, "the password is changed")
    tap.ok(eve.cookies["tillwatch"] != before and eve.status("GET", "/api/v1/session") == 200,
           "the session goes on under a new id")
    tap.equal((other.status("GET", "/api/v1/session"), Browser(tower).sign_in("eve"),
               Browser(tower).sign_in("eve", fresh)), (401, 401, 200),
              "the others end, the old password is none, the new one is")
    PASSWORDS["eve"] = fresh


def check_must_change(tap, tower):
    """Who has a password for one use changes it before anything else."""
    said = command(tower, "user", "add", "gina", "--role", "viewer", "--one-time")
    PASSWORDS["gina"] = re.search(r"\S+(?:-\S+){3}", said).group(0)
    gina = Browser(tower)
    status, _, got = gina.ask("POST", "/api/v1/session",
                              body={"user": "gina", "password": PASSWORDS["gina"]})
    tap.ok(status == 200 and json.loads(got)["must_change"], "it lets in, and says so", got)
    tap.equal((gina.status("GET", "/api/v1/status"), gina.status("GET", "/runs"),
               gina.status("GET", "/api/v1/session")), (403, 303, 200), "to nothing else")
    tap.equal(gina.status("POST", "/api/v1/session/password",
                          body={"password": PASSWORDS["gina"],
                                "new_password": "a quite different one"}), 200, "it is changed")
    tap.equal(gina.status("GET", "/api/v1/status"), 200, "and then lets in")


def check_origin(tap, tower):
    """What a page of another origin can make a browser send changes nothing."""
    adam = signed_in(tower, "adam")
    host = tower.url
    path = "/api/v1/silences/00000000-0000-0000-0000-000000000000"
    rows = (({"Sec-Fetch-Site": None}, 403), ({"Sec-Fetch-Site": "cross-site"}, 403),
            ({"Sec-Fetch-Site": "same-site"}, 403), ({"Sec-Fetch-Site": "none"}, 403),
            ({"Sec-Fetch-Site": None, "Origin": "null"}, 403),
            ({"Sec-Fetch-Site": None, "Origin": "http://evil.example"}, 403),
            ({"Sec-Fetch-Site": None, "Origin": host.replace("http:", "ftp:")}, 403),
            ({"Sec-Fetch-Site": None, "Origin": host}, 404), ({}, 404))
    for headers, status in rows:
        tap.equal(adam.status("DELETE", path, headers=headers), status,
                  "a change with %s" % (headers or "same-origin"))
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        tap.equal(adam.status("POST", "/api/v1/quarantine/retry", body={},
                              headers={"Content-Type": kind}), 415, "a form's %s" % kind)
    tap.equal(Browser(tower).status("POST", "/api/v1/session", body={"user": "a", "password": "b"},
                                    headers={"Sec-Fetch-Site": "cross-site"}), 403,
              "another page signs nobody in")
    got = adam.ask("OPTIONS", "/api/v1/status", headers={"Origin": "http://evil.example"})
    tap.ok(got[0] == 405 and not got[1].get("Access-Control-Allow-Origin"), "CORS is closed")


def check_guesses(tap, tower):
    """Wrong guesses are slowed, and the owner still comes in."""
    known = signed_in(tower, "olaf")
    texts = set()
    for user in ("olaf", "nobody-of-this-name"):
        status, _, got = Browser(tower).ask("POST", "/api/v1/session",
                                            body={"user": user, "password": "a wrong one, this"})
        texts.add((status, got))
    tap.equal(len(texts), 1, "a user that there is and one that there is not: the same words")
    statuses = []
    stranger = Browser(tower)
    for _ in range(40):
        status, headers, _ = stranger.ask("POST", "/api/v1/session",
                                          body={"user": "olaf", "password": "a wrong guess"})
        statuses.append(status)
        if status == 429:
            break
    tap.ok(statuses[-1] == 429 and len(statuses) <= 12 and
           1 <= int(headers["Retry-After"]) <= 901, "guesses are stopped", statuses)
    tap.equal(known.sign_in("olaf"), 200, "with the mark of a device that signed in before: not")


def check_stream(tap, tower):
    """A stream ends with the session that it was opened with."""
    vera = signed_in(tower, "vera")
    line = http.client.HTTPConnection(vera.host, timeout=30)
    line.request("GET", "/api/v1/stream", headers={
        "Cookie": "tillwatch=" + vera.cookies["tillwatch"]})
    answer = line.getresponse()
    ended = threading.Event()
    seen = []

    def read():
        try:
            while answer.read1(4096):
                seen.append(1)
        except (OSError, http.client.HTTPException):
            pass
        ended.set()
    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    wait_until(lambda: len(seen) > 1, "ticks", 20)
    tap.ok(not ended.is_set(), "a stream with a session gives ticks")
    began = time.monotonic()
    vera.status("DELETE", "/api/v1/session")
    tap.ok(ended.wait(10) and time.monotonic() - began < 5, "and ends when it ends",
           time.monotonic() - began)
    line.close()


def check_tokens(tap, tower):
    """Programs."""
    token = command(tower, "token", "add", "probe", "--role", "viewer").strip()
    probe = Browser(tower)
    mine = {"Authorization": "Bearer " + token, "Sec-Fetch-Site": None}
    tap.equal(probe.status("GET", "/api/v1/status", headers=mine), 200, "a token lets in")
    tap.equal((probe.status("DELETE", "/api/v1/silences/1", headers=mine),
               probe.status("POST", "/api/v1/replays/plan", body={}, headers=mine)), (403, 403),
              "to what its role may")
    wrong = [token[:-1], token + "A", token[3:], "tw_", token.swapcase(), ""]
    tap.equal({probe.status("GET", "/api/v1/status", headers={"Authorization": "Bearer " + w})
               for w in wrong}, {401}, "forged and cut tokens do not")
    got = probe.ask("GET", "/api/v1/status", headers={"Authorization": "Bearer tw_x"})
    tap.equal(got[1]["WWW-Authenticate"], 'Bearer realm="tillwatch", error="invalid_token"',
              "and are told so")
    tap.equal(probe.status("GET", "/api/v1/sessions", headers=mine), 409, "it has no sessions")
    command(tower, "token", "revoke", "probe")
    wait_until(lambda: probe.status("GET", "/api/v1/status", headers=mine) == 401, "revoked", 5)
    tap.ok(True, "a revoked one is none")


def check_secrets(tap, tower):
    """Nothing that lets in stands in the log or the store."""
    adam = signed_in(tower, "adam")
    secrets = [adam.cookies["tillwatch"].encode(), adam.cookies["tillwatch-device"].encode()] + \
        [p.encode() for p in PASSWORDS.values()]
    found = []
    paths = [tower.log_path] + [os.path.join(tower.state, name) for name in os.listdir(tower.state)]
    for path in paths:
        if os.path.isfile(path):
            with open(path, "rb") as f:
                text = f.read()
            found += [path for secret in secrets if secret in text]
    tap.ok(len(paths) > 4 and not found, "no cookie and no password in log and store", found)
    lines = adam.ask("POST", "/api/v1/session",
                     body={"user": "adam", "password": PASSWORDS["adam"]})[1].get_all("Set-Cookie")
    tap.ok(all("HttpOnly" in line and "SameSite=Strict" in line and "Path=/" in line and
               "Domain" not in line for line in lines), "cookies are kept from scripts", lines)


def main():
    """With four roles and nobody."""
    with Tap() as tap, Tower(config=CONFIG) as tower:
        for user in ("nora", "vera", "olaf", "adam", "eve"):
            command(tower, "user", "add", user, "--role", ROLES[user], "--password-stdin",
                    text=PASSWORDS[user] + "\n")
        browsers = {None: Browser(tower)}
        browsers.update({ROLES[user]: signed_in(tower, user)
                         for user in ("nora", "vera", "olaf", "adam")})
        who = json.loads(browsers["operator"].ask("GET", "/api/v1/session")[2])
        tap.ok(who["user"] == "olaf" and who["role"] == "operator" and "replay" in who["rights"] and
               "causes" not in who["rights"], "GET /session says who asks and what they may", who)
        check_routes(tap, tower, browsers)
        check_forged(tap, tower, browsers["viewer"])
        check_life(tap, tower)
        check_password(tap, tower)
        check_must_change(tap, tower)
        check_origin(tap, tower)
        check_tokens(tap, tower)
        check_stream(tap, tower)
        check_secrets(tap, tower)
        check_guesses(tap, tower)
        tap.equal(tower.stop(), 0, "the tower stops cleanly")


if __name__ == "__main__":
    main()
