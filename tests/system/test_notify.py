#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The thread that tells people, in a real tower with a real receiver: nothing is told twice however
often the tower is killed, the sequence of notices is what the alerts were, other receivers are in
force after SIGHUP and faulty ones are refused, five thousand stores are one notice and quickly
made. Alerts are rows that are put in, as the thread `alert` writes them.
"""
import json
import os
import random
import re
import signal
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from receivers_kit import Receiver  # noqa: E402
from tap import Tap  # noqa: E402
from test_alerts_api import Rows, fingerprint  # noqa: E402
from tower import Tower, config_with, wait_until  # noqa: E402

KILLS = 12
STORM = 5000
# From the moment at which the group is to be told to the post: a turn of a second, the turn itself
# and the post; ten times what was measured on two busy cores.
STORM_S = 20.0

NOTIFY = """allow: [127.0.0.0/8]
receivers:
  - {name: ops, webhook: [{url: "%(ops)s"}]}
  - {name: lead, webhook: [{url: "%(lead)s"}]}
route:
  receiver: ops
  group-wait: 1s
  group-interval: 1s
  repeat-interval: 1h
  escalate: [{after: 3s, receiver: lead}]
"""


class Place:
    """A tower, its receiver and its notify.yaml."""

    def __init__(self, directory, text=NOTIFY):
        self.server = Receiver()
        self.path = os.path.join(directory, "notify.yaml")
        self.write(text)
        config = re.sub(r"(?m)^notify:\n", "notify:\n  file: " + self.path + "\n", config_with())
        self.tower = Tower(config=config)

    def write(self, text):
        """Another notify.yaml."""
        with open(self.path, "w", encoding="utf-8") as f:
            f.write(text % {"ops": self.server.url("/ops"), "lead": self.server.url("/lead")})

    def __enter__(self):
        self.tower.start()
        return self

    def __exit__(self, *_):
        self.tower.close()
        self.server.close()


def fire(rows, *names):
    """These fire now."""
    now = time.time_ns()
    rows.put([({"alertname": "A", "severity": "warning", "store": name}, {"fired": now})
              for name in names])


def end(rows, *names):
    """These are over."""
    for name in names:
        value = fingerprint({"alertname": "A", "severity": "warning", "store": name})
        value = value - 2 ** 64 if value >= 2 ** 63 else value
        rows.do("UPDATE alert SET state = 3, ended = %d WHERE fingerprint = %d AND ended IS NULL"
                % (time.time_ns(), value))


def waiting(rows):
    """Notices that are not sent yet."""
    return rows.ask("SELECT count(*) FROM notice WHERE state IN (0, 1)")[0][0]


def check_sequence(tap, rows, receiver, what):
    """Every notice says what the one before left: no alert begins twice, none ends unheard."""
    told = set()
    faults = []
    for number, reason, data in rows.ask(
            "SELECT id, CAST(reason AS TEXT), CAST(data AS TEXT) FROM notice WHERE kind = 0 AND"
            " CAST(receiver AS TEXT) = '%s' ORDER BY id" % receiver):
        alerts = json.loads(data)["alerts"]
        firing = {a["labels"]["store"] for a in alerts if a["status"] == "firing"}
        over = {a["labels"]["store"] for a in alerts if a["status"] == "resolved"}
        expected = "first notification" if not told else (
            "new alerts added" if firing - told else
            ("some alerts resolved" if told - over else "all alerts resolved"))
        if reason != expected or over - told:
            faults.append((number, reason, expected, sorted(over - told)))
        told = (told | firing) - over
    tap.equal(faults, [], what + ": each notice says what is news since the one before")
    tap.equal(told, set(), what + ": all that was told of as firing was told of as over")


def check_kills(tap, directory):
    """kill -9 at any moment, while alerts come and go."""
    chance = random.Random(86)
    with Place(directory) as place:
        tower, server = place.tower, place.server
        rows = Rows(tower)
        open_ones = []
        for number in range(KILLS):
            name = "%04d" % number
            fire(rows, name)
            open_ones.append(name)
            time.sleep(chance.uniform(0, 2.5))  # the moment of the kill is what is tried
            if len(open_ones) > 2:
                end(rows, open_ones.pop(chance.randrange(len(open_ones))))
            tower.kill()
            tower.start()
        end(rows, *open_ones)
        wait_until(lambda: rows.ask("SELECT count(*) FROM notify_group")[0][0] == 0
                   and waiting(rows) == 0, "all being told")
        posts = server.got("/ops") + server.got("/lead")
        bodies = {}
        for post in posts:
            bodies.setdefault(post.headers["Idempotency-Key"], set()).add(post.body)
        sent = rows.ask("SELECT count(*) FROM notice WHERE state = 2 AND integration ="
                        " CAST('webhook' AS BLOB)")[0][0]
        tap.equal(rows.ask("SELECT count(*) FROM notice WHERE state = 3")[0][0], 0,
                  "no notice was given up")
        tap.equal(len(bodies), sent, "as many keys as notices")
        tap.ok(all(len(b) == 1 for b in bodies.values()), "one key is one body")
        tap.note("%d notices, %d posts, %d kills" % (sent, len(posts), KILLS))
        tap.ok(len(posts) - sent <= KILLS, "no more repetitions than kills")
        check_sequence(tap, rows, "ops", "killed %d times" % KILLS)
        told = rows.ask("SELECT alert, CAST(detail AS TEXT), count(*) FROM alert_event WHERE what ="
                        " 5 AND CAST(actor AS TEXT) = 'ops' AND CAST(detail AS TEXT) = 'first"
                        " notification' GROUP BY alert HAVING count(*) > 1")
        tap.equal(told, [], "no alert has two first notifications in its timeline")


def check_reload(tap, directory):
    """SIGHUP: other receivers, the same groups."""
    with Place(directory) as place:
        tower, server = place.tower, place.server
        rows = Rows(tower)
        fire(rows, "1")
        tap.equal(len(server.wait("/ops")), 1, "told")
        place.write(NOTIFY + "colour: red\n")
        tower.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "reload_refused" in tower.log(), "the refusal")
        tap.ok('notify.yaml:11: notify: unknown key "colour"' in tower.log(),
               "faults are told with their line")
        place.write(NOTIFY.replace("  group-interval: 1s", "  group-interval: 2s"))
        tower.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "alert_rules_in_force" in tower.log(), "the reload")
        fire(rows, "2")
        posts = server.wait("/ops", 2)
        tap.equal([json.loads(p.body)["notification_reason"] for p in posts],
                  ["first notification", "new alerts added"], "the group goes on under others")
        end(rows, "1", "2")
        server.wait("/ops", 3)
        place.write(NOTIFY.replace("receiver: ops", "receiver: lead").replace(
            "  escalate: [{after: 3s, receiver: lead}]\n", ""))
        tower.process.send_signal(signal.SIGHUP)
        wait_until(lambda: tower.log().count("alert_rules_in_force") == 2, "the reload")
        before = len(server.got("/lead"))
        fire(rows, "3")
        server.wait("/lead", before + 1)
        last = json.loads(server.got("/lead")[-1].body)
        tap.equal([a["labels"]["store"] for a in last["alerts"]], ["3"], "another one is told")
        tap.equal(last["receiver"], "lead", "and named")


def check_acknowledged(tap, directory):
    """What somebody has in hand is not escalated; what nobody has is."""
    with Place(directory) as place:
        tower, server = place.tower, place.server
        rows = Rows(tower)
        fire(rows, "1")
        server.wait("/ops")
        status, _ = tower.request("/api/v1/alerts/%016x/ack" % fingerprint(
            {"alertname": "A", "severity": "warning", "store": "1"}), {"comment": "I look at it"})
        tap.ok(status in (200, 204), "acknowledged over HTTP (%d)" % status)
        fire(rows, "2")
        posts = server.wait("/lead")
        tap.equal(json.loads(posts[0].body)["notification_reason"], "nobody has acknowledged",
                  "the other one is escalated")
        first = time.monotonic()
        tap.ok(first - server.got("/ops")[0].at >= 3, "not before its time")
        tap.equal(len(server.got("/lead")), 1, "once")


def check_storm(tap, directory):
    """Five thousand stores in one minute."""
    with Place(directory) as place:
        server = place.server
        rows = Rows(place.tower)
        begin = time.monotonic()
        fire(rows, *["%04d" % n for n in range(STORM)])
        put = time.monotonic()
        post = server.wait("/ops")[0]
        took = post.at - begin - 1.0
        tap.note("%d rows put in %.1f s, told %.1f s after the wait" % (STORM, put - begin, took))
        tap.ok(took < STORM_S, "told within %.0f s" % STORM_S)
        first = json.loads(post.body)
        tap.equal(len(first["alerts"]) + first["truncatedAlerts"], STORM, "all in one notice")
        tap.equal(len(first["alerts"]), 50, "fifty listed")
        tap.ok(first["commonAnnotations"]["stores"].endswith("and 4990 more"), "some are named")
        rows.do("UPDATE alert SET state = 3, ended = %d WHERE ended IS NULL AND origin = 1"
                % time.time_ns())
        wait_until(lambda: rows.ask("SELECT count(*) FROM notify_group")[0][0] == 0, "the end")
        wait_until(lambda: waiting(rows) == 0, "the posts")
        tap.ok(len(server.got("/ops")) <= 3, "three notices at most (%d)" % len(server.got("/ops")))
        check_sequence(tap, Short(rows), "ops", "storm")


class Short:
    """Of a storm only fifty are listed: what is counted is who was listed."""

    def __init__(self, rows):
        self.rows = rows

    def ask(self, text):
        """Bodies in which the same alerts are listed when they fire and when they are over."""
        answer = []
        listed = set()
        for number, reason, data in self.rows.ask(text):
            body = json.loads(data)
            listed |= {a["labels"]["store"] for a in body["alerts"] if a["status"] == "firing"}
            body["alerts"] = [a for a in body["alerts"] if a["labels"]["store"] in listed]
            answer.append((number, reason, json.dumps(body)))
        return answer


CHECKS = [check_kills, check_reload, check_acknowledged, check_storm]


def main():
    """All, or those whose names are given."""
    with Tap() as tap:
        for check in CHECKS:
            if len(sys.argv) > 1 and check.__name__ not in sys.argv[1:]:
                continue
            with tempfile.TemporaryDirectory(prefix="tw-notify-") as directory:
                tap.note(check.__name__)
                check(tap, directory)


if __name__ == "__main__":
    main()
