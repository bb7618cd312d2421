#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Alerts over HTTP: what is told is what the rows say; acknowledging and silencing do what they
say, are refused where they mean nothing, and are in the audit; labels of hostile senders harm
nobody; five thousand open alerts are looked at quickly. The rows are put in, as alerts of others.
"""
import datetime
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from tap import Tap  # noqa: E402
from test_stream import Stream  # noqa: E402
from tower import Tower, wait_until  # noqa: E402

MANY = 5000
CLOCK_S = 10.0  # what changes by the clock alone is told within; usually two
# Median of some calls; ten times what was measured on two busy cores.
QUICK_S = 2.0
HOSTILE = ["<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "a\u202egnp.exe",
           "{{summary}}", "%s%n", "' OR 1=1 --", "x" * 2000, "\n\t\\",
           "../../etc/passwd", "caf\u00e9 \U0001f6d2"]


def fingerprint(labels):
    """As Alertmanager computes it."""
    value = 14695981039346656037
    for name, text in sorted(labels.items()):
        for byte in name.encode() + b"\xff" + text.encode() + b"\xff":
            value = ((value ^ byte) * 1099511628211) % 2 ** 64
    return value


class Rows:
    """Writes rows of alerts as the thread `alert` does."""

    def __init__(self, tower):
        self.path = os.path.join(tower.state, "data", "desk.db")
        if not os.path.exists(self.path):
            self.path = next(os.path.join(d, "desk.db") for d, _, names in os.walk(tower.state)
                             if "desk.db" in names)

    def put(self, rows):
        """[(labels, changes)], all in one transaction."""
        db = sqlite3.connect(self.path, timeout=30)
        now = time.time_ns()
        for number, (labels, changes) in enumerate(rows):
            value = fingerprint(labels)
            row = {"fingerprint": value - 2 ** 64 if value >= 2 ** 63 else value, "origin": 1,
                   "rule": labels.get("alertname", "").encode(),
                   "labels": json.dumps(labels, sort_keys=True, separators=(",", ":"),
                                        ensure_ascii=False).encode(),
                   "annotations": json.dumps({"summary": "S" + str(number)}).encode(),
                   "severity": {"critical": 0, "warning": 1, "info": 2}.get(
                       labels.get("severity"), 3),
                   "workflow": labels["workflow"].encode() if "workflow" in labels else None,
                   "state": 2, "since": now - 60 * 10 ** 9, "fired": now - 30 * 10 ** 9,
                   "updated": now, "ends": now + 3600 * 10 ** 9}
            row.update(changes)
            names = ", ".join(row)
            db.execute("INSERT INTO alert(" + names + ") VALUES(" + ", ".join("?" * len(row)) + ")",
                       list(row.values()))
        db.execute("UPDATE meta SET alerts = alerts + 1")
        db.commit()
        db.close()

    def ask(self, text):
        """The rows of a question."""
        db = sqlite3.connect(self.path, timeout=30)
        rows = db.execute(text).fetchall()
        db.close()
        return rows

    def do(self, text):
        """A change."""
        db = sqlite3.connect(self.path, timeout=30)
        db.execute(text)
        db.execute("UPDATE meta SET alerts = alerts + 1")
        db.commit()
        db.close()


def post(tower, path, body, method="POST"):
    """(status, parsed answer)."""
    status, answer = tower.request("/api/v1/" + path, body, method)
    return status, json.loads(answer)


def hexed(labels):
    """The fingerprint as the API says it."""
    return "%016x" % fingerprint(labels)


ONE = {"alertname": "ErpPostingLate", "severity": "critical", "workflow": "sale-posting",
       "step": "posted", "system": "erp", "owner": "finance-integration"}
TWO = {"alertname": "StoreSilent", "severity": "warning", "store": "0042"}
THREE = {"alertname": "StoreSilent", "severity": "warning", "store": "0043"}


def check_told(tap, tower, rows):
    """Lists and single alerts against the rows."""
    rows.put([(ONE, {"value": 862.5, "threshold": 120.0, "is_above": 1, "unit": b"seconds",
                     "generator": b"http://prometheus/graph"}),
              (TWO, {"inhibited_by": json.dumps([hexed(ONE)]).encode()}),
              (THREE, {"state": 1, "fired": None, "is_flapping": 1, "is_nodata": 1,
                       "in_maintenance": 1})])
    listed = tower.get("/api/v1/alerts")
    tap.equal([one["fingerprint"] for one in listed["items"]],
              [hexed(THREE), hexed(TWO), hexed(ONE)],
              "open alerts are listed, the latest first, with Alertmanager's fingerprints")
    tap.equal(listed["total"], 3, "and counted")
    one = listed["items"][2]
    tap.equal({key: one[key] for key in (
        "alert", "title", "origin", "state", "severity", "labels", "summary", "workflow", "step",
        "system", "store", "owner", "value", "threshold", "comparison", "unit", "ended", "nodata",
        "flapping", "maintenance", "acknowledged", "silenced_by", "inhibited_by", "muted_by",
        "inhibits", "generator")},
              {"alert": "ErpPostingLate", "title": "ErpPostingLate", "origin": "external",
               "state": "firing", "severity": "critical", "labels": ONE, "summary": "S0",
               "workflow": "sale-posting", "step": "posted", "system": "erp", "store": None,
               "owner": "finance-integration", "value": 862.5, "threshold": 120.0,
               "comparison": "above", "unit": "seconds", "ended": None, "nodata": False,
               "flapping": False, "maintenance": False, "acknowledged": None, "silenced_by": [],
               "inhibited_by": [], "muted_by": [], "inhibits": 1,
               "generator": "http://prometheus/graph"}, "with all that is known of them")
    tap.equal([listed["items"][0][key] for key in ("state", "nodata", "flapping", "maintenance")],
              ["pending", True, True, True], "flags stand beside")
    tap.equal(listed["items"][1]["inhibited_by"], [hexed(ONE)], "so does what hides it")
    links = one["links"]
    tap.equal([links["workflow"], links["runs"], links["store"]],
              ["/workflows/sale-posting", "/runs?workflow=sale-posting&step=posted&system=erp",
               None],
              "with links to the pages of what it names")
    for query, wanted in (("state=firing", 2), ("state=pending,firing", 3), ("state=resolved", 0),
                          ("severity=critical", 1), ("severity=warning,info", 2),
                          ("workflow=sale-posting", 1), ("rule=StoreSilent", 2), ("store=0043", 1),
                          ("owner=finance-integration", 1), ("owner=nobody", 0),
                          ("fingerprint=" + hexed(TWO), 1), ("since=-1s", 3), ("until=-1d", 0),
                          ("limit=1", 1)):
        tap.equal(len(tower.get("/api/v1/alerts?" + query)["items"]), wanted, query)
    found, cursor = [], ""
    while cursor is not None:
        page = tower.get("/api/v1/alerts?limit=1"
                         + ("&cursor=" + urllib.parse.quote(cursor) if cursor else ""))
        found += [item["id"] for item in page["items"]]
        cursor = page["next"]
    tap.equal(found, [item["id"] for item in listed["items"]], "with pages each comes once")
    for query in ("state=open", "severity=page", "fingerprint=12", "cursor=abc", "limit=0", "x=1",
                  "state="):
        status, _ = tower.request("/api/v1/alerts?" + query)
        tap.equal(status, 200 if query == "state=" else 400, "refused: " + query)


def check_groups(tap, tower):
    """The page."""
    page = tower.get("/api/v1/alerts/groups")
    tap.equal([(group["labels"].get("alertname"), group["count"], group["firing"], group["pending"],
                group["state"], group["severity"]) for group in page["items"]],
              [("ErpPostingLate", 1, 1, 0, "firing", "critical"),
               ("StoreSilent", 2, 1, 1, "firing", "warning")],
              "stores are no groups of their own")
    tap.equal(page["items"][1]["stores"],
              [{"store": "0042", "count": 1}, {"store": "0043", "count": 1}],
              "they are listed inside")
    tap.equal({key: page["totals"][key] for key in ("firing", "critical", "warning", "pending",
                                                    "inhibited", "quiet")},
              {"firing": 2, "critical": 1, "warning": 1, "pending": 1, "inhibited": 1, "quiet": 1},
              "totals are those of what fires")


def check_ack(tap, tower, rows):
    """Somebody has it in hand."""
    path = "alerts/" + hexed(ONE)
    status, answer = post(tower, path + "/ack", {"comment": "I look"})
    tap.equal((status, answer["acknowledged"]["by"], answer["acknowledged"]["comment"]),
              (200, "local", "I look"), "an alert is acknowledged, with a comment")
    tap.equal([(line["what"], line["actor"], line["detail"]) for line in answer["timeline"]],
              [("acknowledged", "local", "I look")], "its timeline says so")
    tap.equal(rows.ask("SELECT action, subject, reason FROM audit ORDER BY id DESC LIMIT 1"),
              [(b"acknowledge", b"alert:" + hexed(ONE).encode(), b"I look")], "and the audit")
    status, answer = post(tower, path + "/ack", {"comment": "me too"})
    tap.equal((status, answer["acknowledged"]["comment"], len(answer["timeline"])),
              (200, "I look", 1), "twice is once")
    tap.equal(tower.get("/api/v1/alerts/groups")["totals"]["acknowledged"], 1, "it is counted")
    status, answer = post(tower, path + "/ack", None, "DELETE")
    tap.equal((status, answer["acknowledged"], answer["timeline"][-1]["what"]),
              (200, None, "unacknowledged"), "it is taken back")
    for body, what in (({}, "no comment"), ({"comment": ""}, "an empty one"),
                       ({"comment": "x" * 501}, "a long one"), ({"comment": 5}, "no text"),
                       ({"comment": "x", "y": 1}, "a key too many")):
        tap.equal(post(tower, path + "/ack", body)[0], 400, "refused: " + what)
    tap.equal(post(tower, "alerts/%016x/ack" % 1, {"comment": "x"})[0], 404, "no such alert")
    tap.equal(post(tower, "alerts/xyz/ack", {"comment": "x"})[0], 404, "no fingerprint")
    group = [one for one in tower.get("/api/v1/alerts/groups")["items"]
             if one["labels"].get("alertname") == "StoreSilent"][0]
    tap.equal(post(tower, "alerts/ack", {"group": group["key"], "comment": "all"}),
              (200, {"changed": 2}), "a group is acknowledged at once")
    tap.equal(post(tower, "alerts/ack", {"fingerprints": [hexed(ONE), hexed(TWO)], "comment": "b"}),
              (200, {"changed": 1}), "so are those that are named and are not yet")
    for body in ({}, {"group": "1"}, {"fingerprints": []}, {"fingerprints": ["z"]},
                 {"fingerprints": [hexed(ONE)] * 1001}, {"fingerprints": [1]}):
        tap.equal(post(tower, "alerts/ack", dict(body, comment="x"))[0], 400,
                  "refused: " + json.dumps(body)[:40])
    tap.equal(post(tower, "alerts/ack", {"group": "0" * 16, "comment": "x"})[0], 409,
              "no such group")
    rows.do("UPDATE alert SET state = 3, ended = updated"
            " WHERE rule = CAST('ErpPostingLate' AS BLOB)")
    status, answer = post(tower, path + "/ack", {"comment": "late"})
    tap.equal((status, answer["type"].split(":")[-1]), (409, "wrong-state"), "what is over is over")
    tap.equal(tower.get("/api/v1/" + path)["state"], "resolved", "it is still shown")
    rows.put([(ONE, {})])
    answer = tower.get("/api/v1/" + path)
    tap.equal((answer["state"], len(answer["episodes"]), answer["acknowledged"]),
              ("firing", 2, None), "an alert that comes again is another episode")
    first = answer["episodes"][1]["id"]
    tap.equal(tower.get("/api/v1/" + path + "?id=" + str(first))["state"], "resolved",
              "the former one is found by its number")


def check_silences(tap, tower, rows):
    """Silences: made, changed, ended; what they hide."""
    body = {"matchers": [{"name": "alertname", "value": "Store.*", "is_regex": True},
                         "store!=\"0043\""],
            "ends": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600)),
            "comment": "refit"}
    status, answer = post(tower, "silences/preview", {"matchers": body["matchers"]})
    tap.equal((status, answer["count"], [one["store"] for one in answer["items"]]),
              (200, 1, ["0042"]), "what a silence would hide is known before")
    status, silence = post(tower, "silences", body)
    tap.equal((status, silence["state"], silence["created_by"], silence["hides"], silence["text"]),
              (201, "active", "local", 1, "alertname=~\"Store.*\", store!=\"0043\""),
              "a silence is made")
    alert = tower.get("/api/v1/alerts/" + hexed(TWO))
    tap.equal((alert["state"], alert["silenced_by"], [one["id"] for one in alert["silences"]]),
              ("firing", [silence["id"]], [silence["id"]]), "the alert says so, and fires on")
    tap.equal(tower.get("/api/v1/alerts/" + hexed(THREE))["silenced_by"], [], "another does not")
    changed = dict(body, id=silence["id"], comment="refit, longer",
                   ends=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 7200)))
    status, again = post(tower, "silences", changed)
    tap.equal((status, again["id"] == silence["id"], again["comment"], again["starts"]),
              (201, True, "refit, longer", silence["starts"]), "it is changed in place")
    status, other = post(tower, "silences", dict(changed, matchers=["store=0042"]))
    tap.equal((status, other["id"] != silence["id"]), (201, True),
              "with other matchers it is another one")
    tap.equal(tower.get("/api/v1/silences/" + silence["id"])["state"], "expired",
              "the former ended")
    tap.equal([one["id"] for one in tower.get("/api/v1/silences")["items"]], [other["id"]],
              "the list has what has not ended")
    tap.equal([one["id"] for one in tower.get("/api/v1/silences?state=expired")["items"]],
              [silence["id"]], "or what has")
    later = dict(body, starts=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 600)))
    status, pending = post(tower, "silences", later)
    tap.equal((status, pending["state"]), (201, "pending"), "one that begins later waits")
    status, moved = post(tower, "silences", dict(later, id=pending["id"], comment="later"))
    tap.equal((status, moved["id"]), (201, pending["id"]), "and is changed in place, too")
    found, cursor = [], ""
    while cursor is not None:
        page = tower.get("/api/v1/silences?state=active,pending,expired&limit=1"
                         + ("&cursor=" + urllib.parse.quote(cursor) if cursor else ""))
        found += [one["id"] for one in page["items"]]
        cursor = page["next"]
    tap.equal((sorted(found), len(found)), (sorted([silence["id"], other["id"], pending["id"]]), 3),
              "with pages each comes once")
    for one in (other, pending):
        tap.equal(post(tower, "silences/" + one["id"], None, "DELETE")[1]["state"], "expired",
                  "a silence is ended")
    tap.equal(post(tower, "silences/" + other["id"], None, "DELETE")[0], 409, "once")
    tap.equal(post(tower, "silences/" + other["id"][:-1] + "g", None, "DELETE")[0], 404, "no such")
    tap.equal(tower.request("/api/v1/silences/x")[0], 404, "no such to read")
    tap.equal(tower.get("/api/v1/alerts/" + hexed(TWO))["silenced_by"], [], "nothing is hidden now")
    bad = ({"matchers": []}, {"matchers": ["a=~\"(\""]}, {"matchers": ["a=~\"(?=x)\""]},
           {"matchers": ["a=\"\""]}, {"matchers": ["a=~\".*\""]}, {"matchers": ["a b=c"]},
           {"matchers": [{"name": "a"}]}, {"matchers": [{"name": "a", "value": "b", "c": 1}]},
           {"matchers": ["a=b"] * 33}, {"matchers": "a=b"}, {"ends": None},
           {"ends": "2020-01-01T00:00:00Z"}, {"ends": "tomorrow"}, {"ends": "2099-01-01T00:00:00Z"},
           {"comment": ""}, {"comment": None}, {"comment": "x" * 1001}, {"id": 5},
           {"starts": "2098-01-01T00:00:00Z"}, {"x": 1})
    for change in bad:
        tap.equal(post(tower, "silences", dict(body, **change))[0], 400,
                  "refused: " + json.dumps(change)[:50])
    tap.equal(post(tower, "silences", dict(body, id="0" * 36))[0], 404, "no such silence to change")
    tap.equal(rows.ask("SELECT count(*) FROM audit"
                       " WHERE CAST(subject AS TEXT) LIKE 'silence:%'")[0][0], 7,
              "the audit has what was done and nothing else")


def check_rules(tap, tower):
    """Rules, receivers, notifications."""
    rules = tower.get("/api/v1/rules")
    tap.ok(len(rules["items"]) > 5 and all(rule["condition"] and rule["text"]
                                           for rule in rules["items"]),
           "every rule is told, as written and in words")
    name = rules["items"][0]["name"]
    tap.equal(tower.get("/api/v1/rules/" + name)["name"], name, "one of them")
    tap.equal(tower.request("/api/v1/rules/none")[0], 404, "there is no other")
    status, answer = post(tower, "rules/test", {"rule": name, "since": "-1d"})
    tap.equal((status, answer.get("rule"), answer.get("fired"), answer.get("spans")),
              (200, name, 0, []), "a rule is tried on the past of a tower without one")
    yaml = ("alert: Mine\ntitle: Mine\nwhen: {metric: received}\nabove: 5\nseverity: info\n"
            "summary: \"{{value}}\"\n")
    status, answer = post(tower, "rules/test", {"yaml": yaml})
    tap.equal((status, answer.get("threshold"), answer.get("comparison")), (200, 5.0, "above"),
              "so is one that is only a text")
    status, answer = post(tower, "rules/test", {"yaml": yaml.replace("above", "abvoe")})
    tap.equal((status, answer["type"].split(":")[-1], ":" in answer["detail"]),
              (422, "faulty-rules", True), "a fault is told with its line")
    for body, wanted in (({}, 400), ({"rule": name, "yaml": yaml}, 400), ({"rule": "none"}, 404),
                         ({"rule": name, "since": "-32d"}, 400),
                         ({"rule": name, "since": "x"}, 400),
                         ({"rule": name, "since": "-1h", "until": "-2h"}, 400),
                         ({"rule": name, "until": "2099-01-01T00:00:00Z"}, 400),
                         ({"yaml": "\x00"}, 400), ({"yaml": "[" * 5000}, 422)):
        tap.equal(post(tower, "rules/test", body)[0], wanted, "refused: " + json.dumps(body)[:50])
    receivers = tower.get("/api/v1/receivers")
    tap.equal([one["name"] for one in receivers["items"]], ["browser"],
              "without a file everything goes to the browser")
    tap.ok(receivers["routes"][0]["receiver"] == "browser" and receivers["watchdog"] is None,
           "with its route")
    status, answer = post(tower, "receivers/browser/test", {})
    tap.ok(status == 202 and answer["notices"], "its test button makes a notice for each way")
    told = tower.get("/api/v1/notifications?kind=test")["items"]
    tap.equal(([one["id"] for one in told][::-1], {one["receiver"] for one in told}),
              (answer["notices"], {"browser"}), "which is in the history")
    tap.equal(tower.get("/api/v1/notifications/%d" % told[0]["id"])["data"]["version"], "4",
              "with its body")
    for path in ("receivers/none/test", "receivers/browser/x", "heartbeats/none"):
        tap.equal(post(tower, path, {})[0], 404, "refused: " + path)
    tap.equal(tower.get("/api/v1/heartbeats")["items"], [], "no heartbeat is expected")
    for query in ("kind=x", "state=x", "alert=x", "id=x", "cursor=x"):
        tap.equal(tower.request("/api/v1/notifications?" + query)[0], 400, "refused: " + query)


def check_plots(tap, tower):
    """The picture of a rule: its value, and its threshold as a line."""
    rule = next(one for one in tower.get("/api/v1/rules")["items"] if "workflow" in one["by"])
    path = "/plots/rule.%s" % rule["name"]
    tap.equal(rule["plot"], path + ".svg", "a rule has a picture")
    status, svg = tower.request(path + ".svg?since=-1h&workflow=sale-posting")
    tap.ok(status == 200 and svg.startswith(b"<?xml") and b"threshold" in svg,
           "with its threshold as a line", "%d %s" % (status, svg[:80]))
    status, png = tower.request(path + ".png")
    tap.ok(status == 200 and png.startswith(b"\x89PNG"), "also as PNG")
    numbers = tower.get("/api/v1/series?panel=rule.%s&since=-1h" % rule["name"])
    tap.equal((numbers["panel"], [line["value"] for line in numbers["lines"]]),
              ("rule." + rule["name"], [rule["threshold"]]), "and its numbers")
    for query, wanted in ((".svg?colour=red", 400), (".svg?since=-60d", 400), (".gif", 404),
                          (".svg?since=-1d&until=-2d", 400),
                          (".svg?workflow=" + urllib.parse.quote("<script>"), 200)):
        tap.equal(tower.request(path + query)[0], wanted, "plots " + query)
    for name in ("rule.None.svg", "rule..svg", "rule.svg", "rule.%00.svg"):
        tap.ok(tower.request("/plots/" + name)[0] in (400, 404), "there is no " + name)
    with tempfile.TemporaryFile() as out:
        done = subprocess.run([tower.program, "plot", "rule." + rule["name"], "--png", "--labels",
                               json.dumps({"workflow": "sale-posting", "more": "x"})], stdout=out,
                              stderr=subprocess.PIPE, env=tower.environment(), check=False)
        out.seek(0)
        tap.ok(done.returncode == 0 and out.read(4) == b"\x89PNG", "the program draws it for mails",
               done.stderr.decode())
    for args in (["rule.None", "--png"], ["rule." + rule["name"], "--png", "--labels", "["]):
        done = subprocess.run([tower.program, "plot", *args], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, env=tower.environment(), check=False)
        tap.ok(done.returncode in (1, 2), "refused: plot " + " ".join(args))


def stamp(at):
    """RFC 3339 with milliseconds."""
    return datetime.datetime.fromtimestamp(at, datetime.timezone.utc).isoformat(
        timespec="milliseconds").replace("+00:00", "Z")


def alerts_of(stream):
    """The events `alert` so far."""
    return [json.loads(block.split("data: ", 1)[1]) for block in stream.text.split("\n\n")
            if block.startswith("event: alert\n")]


def check_stream(tap, tower, rows):
    """What rings."""
    stream = Stream(tower)
    stream.wait(lambda ticks: ticks)
    first = alerts_of(stream)
    totals = tower.get("/api/v1/alerts/groups")["totals"]
    tap.equal([{key: one[key] for key in ("firing", "critical", "warning", "quiet", "new")}
               for one in first],
              [dict({key: totals[key] for key in ("firing", "critical", "warning", "quiet")},
                    new=[])], "who comes is told what stands, and nothing rings")
    labels = {"alertname": "Rings", "severity": "critical"}
    rows.put([(labels, {})])
    rows.do("INSERT INTO alert_event(alert, at, what) SELECT max(id), 1, 1 FROM alert")
    stream.wait(lambda ticks: len(alerts_of(stream)) > 1)
    told = alerts_of(stream)[1]
    tap.equal((told["critical"], told["new"]),
              (first[0]["critical"] + 1,
               [{"fingerprint": hexed(labels), "alert": "Rings", "title": "Rings",
                 "severity": "critical", "summary": "S0", "state": "firing", "quiet": False}]),
              "what fires rings, once")
    views = {view for _, data in stream.ticks() for view in data["views"]}
    tap.ok("alerts" in views, "and its view has changed", str(views))
    now = time.time()
    status, _ = post(tower, "silences", {
        "matchers": [{"name": "alertname", "value": "Rings", "is_regex": False, "is_equal": True}],
        "starts": stamp(now + 2), "ends": stamp(now + 4), "comment": "by the clock alone"})
    tap.equal(status, 201, "a silence that begins in two seconds, for two")
    stream.wait(lambda ticks: any(one["quiet"] > told["quiet"] for one in alerts_of(stream)))
    tap.ok(2 <= time.time() - now < 2 + CLOCK_S, "its begin is told by the clock",
           time.time() - now)
    stream.wait(lambda ticks: alerts_of(stream)[-1]["quiet"] == told["quiet"])
    tap.ok(4 <= time.time() - now < 4 + CLOCK_S, "and so is its end", time.time() - now)
    count = len(alerts_of(stream))
    rows.do("UPDATE alert SET state = 3, ended = updated WHERE rule = CAST('Rings' AS BLOB)")
    rows.do("INSERT INTO alert_event(alert, at, what) SELECT max(id), 2, 2 FROM alert")
    stream.wait(lambda ticks: len(alerts_of(stream)) > count)
    tap.equal([one["state"] for one in alerts_of(stream)[count]["new"]], ["resolved"],
              "so does what is resolved")
    stream.close()


def check_hostile(tap, tower, rows):
    """Whatever a label says, it is a text."""
    sets = [{"alertname": "Hostile" + str(i), "x": text, "store": text[:100]}
            for i, text in enumerate(HOSTILE)]
    rows.put([(labels, {}) for labels in sets])
    for i, labels in enumerate(sets):
        tap.equal(tower.get("/api/v1/alerts/" + hexed(labels))["labels"], labels,
                  "a label of a hostile sender is a text: %d" % i)
    page = tower.get("/api/v1/alerts/groups")
    tap.equal(len([1 for group in page["items"] if group["title"].startswith("Hostile")]),
              len(HOSTILE), "and the page shows them")
    rows.do("UPDATE alert SET state = 3, ended = updated WHERE CAST(rule AS TEXT) LIKE 'Hostile%'")


def check_many(tap, tower, rows):
    """Many open alerts."""
    rows.put([(dict(TWO, store="%05d" % (10000 + i)), {}) for i in range(MANY)])
    for i in range(20):
        post(tower, "silences", {"matchers": ["store=~\"%d.*\"" % i, "alertname=~\"Store(S|G).*\""],
                                 "ends": time.strftime("%Y-%m-%dT%H:%M:%SZ",
                                                       time.gmtime(time.time() + 3600)),
                                 "comment": "many"})
    for path in ("alerts?limit=50", "alerts?store=12345", "alerts/groups", "silences",
                 "alerts/" + hexed(TWO)):
        took = []
        for _ in range(5):
            begin = time.monotonic()
            tower.get("/api/v1/" + path)
            took.append(time.monotonic() - begin)
        took.sort()
        tap.note("%s with %d open alerts: %.0f ms" % (path, MANY, 1000 * took[2]))
        tap.ok(took[2] < QUICK_S, "with %d open alerts it is quick: %s" % (MANY, path))
    group = [one for one in tower.get("/api/v1/alerts/groups")["items"]
             if one["labels"].get("alertname") == "StoreSilent"][0]
    tap.equal((group["count"], len(group["alerts"]), group["more"], group["store_count"],
               len(group["stores"])), (MANY + 2, 20, MANY - 18, MANY + 2, 20),
              "they are one group with its first ones")
    status, answer = post(tower, "alerts/ack", {"group": group["key"], "comment": "an outage"})
    tap.equal((status, answer["changed"]), (200, MANY), "which is acknowledged at once")


def main():
    """All of it."""
    base = tempfile.mkdtemp(prefix="tw-alerts-")
    with Tower(state=base) as whole:
        wait_until(lambda: whole.status_of("/api/v1/alerts") == 200, "the desk is there")
    # Without the collector: nobody judges, resolves or tells what the rows say.
    with Tap() as tap, Tower(state=base, args=["--only", "web"]) as tower:
        rows = Rows(tower)
        rows.do("DELETE FROM alert")
        check_told(tap, tower, rows)
        check_groups(tap, tower)
        check_ack(tap, tower, rows)
        check_silences(tap, tower, rows)
        check_rules(tap, tower)
        check_plots(tap, tower)
        check_stream(tap, tower, rows)
        check_hostile(tap, tower, rows)
        check_many(tap, tower, rows)
    shutil.rmtree(base, ignore_errors=True)


if __name__ == "__main__":
    main()
