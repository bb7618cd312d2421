#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Alerts of a real tower: a rule is pending, fires and is resolved as events come and stop; a tower
that is stopped or killed in each state goes on as it was; what others post ends by itself; a
heartbeat is missed and comes back; rules are others after SIGHUP.

Then kill -9 at random points (TW_ALERT_KILLS, 25) while one rule fires all along and another comes
and goes: nothing is opened twice, no bucket is judged twice, and what fired goes on firing."""

import json
import os
import random
import signal
import sqlite3
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from publish import body, event  # noqa: E402
from tap import Tap  # noqa: E402
from tower import Tower, config_with, wait_until  # noqa: E402

import zmq  # noqa: E402

KILLS = int(os.environ.get("TW_ALERT_KILLS", "25"))
SEED = int(os.environ.get("TW_SEED", "1"))
PENDING, FIRING, RESOLVED = 1, 2, 3
EVENTS = {0: "pending", 1: "fired", 2: "resolved"}
RULES = """
name: test
title: Rules with short times
rules:
  - alert: TillsTalk
    title: Tills are heard
    when: {metric: system_events, where: {system: pos}, by: [system], over: 20s}
    above: 0
    for: 20s
    severity: critical
    summary: "{{value}} events of {{system}} (limit {{threshold}})"
  - alert: AnybodyTalks
    title: Anybody is heard
    when: {metric: received, over: 30s}
    above: 0
    severity: info
    summary: "{{value}} events"
"""
OTHER_RULES = RULES.replace("TillsTalk", "TillsSpeak").replace("above: 0", "above: 1", 1)
HEARTBEATS = """
receivers: [{name: nobody, browser: [{}]}]
route: {receiver: nobody}
heartbeats: [{name: nightly, every: 10s, grace: 5s, severity: warning, owner: batch}]
"""


class Source(threading.Thread):
    """Events of tills while it is told to talk, and of another system all along."""

    def __init__(self, endpoint):
        super().__init__(daemon=True)
        self.endpoint = endpoint
        self.tills = threading.Event()
        self.others = threading.Event()
        self.finish = threading.Event()

    def run(self):
        socket = zmq.Context.instance().socket(zmq.PUSH)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.RECONNECT_IVL, 20)
        socket.setsockopt(zmq.SNDHWM, 1000)
        socket.connect(self.endpoint)
        number = 0
        while not self.finish.wait(0.25):
            number += 1
            for flag, source in ((self.tills, "/pos/store-0042/till-1"), (self.others, "/erp/1")):
                if flag.is_set():
                    try:
                        socket.send(body(event(source, number)), zmq.NOBLOCK)
                    except zmq.Again:
                        pass  # the tower is down for long; more of the same follows
        socket.close()


class Desk:
    """What desk.db says, read beside the tower."""

    def __init__(self, tower):
        self.path = os.path.join(tower.state, "desk.db")

    def query(self, sql, *values):
        db = sqlite3.connect("file:%s?mode=rw" % self.path, uri=True, timeout=20)
        try:
            with db:
                return db.execute(sql, values).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error) or "unable to open" in str(error):
                return []  # it is just being made
            raise
        finally:
            db.close()

    def rows(self, rule):
        """(id, state, fired, ended) of a rule's episodes."""
        return self.query("SELECT id, state, fired, ended FROM alert WHERE rule = ? ORDER BY id",
                          rule.encode())

    def state(self, rule):
        """Of the newest episode; None: there never was one."""
        rows = self.rows(rule)
        return rows[-1][1] if rows else None

    def told(self, rule):
        """What the timelines of a rule say, in order, without what is beside."""
        return [EVENTS[what] for what, in self.query(
            "SELECT what FROM alert_event JOIN alert ON alert.id = alert_event.alert"
            " WHERE rule = ? AND what <= 2 ORDER BY alert_event.id", rule.encode())]

    def judged(self):
        rows = self.query("SELECT judged FROM meta")
        return rows[0][0] if rows else 0

    def faults(self):
        """What may never be: two open rows of one alert, an episode told twice."""
        return (self.query("SELECT fingerprint FROM alert WHERE ended IS NULL GROUP BY fingerprint"
                           " HAVING count(*) > 1")
                + self.query("SELECT alert, what FROM alert_event WHERE what IN (0, 1, 2)"
                             " GROUP BY alert, what HAVING count(*) > 1")
                + self.query("SELECT a.id, b.id FROM alert AS a JOIN alert AS b"
                             " ON a.fingerprint = b.fingerprint AND a.id < b.id"
                             " WHERE b.since < a.ended"))


def wait_state(desk, rule, state):
    """Until the newest episode of a rule is in this state."""
    wait_until(lambda: desk.state(rule) == state, "%s in state %d" % (rule, state), 120)


def wait_judged(desk, count=1):
    """Until so many further buckets were judged."""
    before = desk.judged()
    wait_until(lambda: desk.judged() >= before + 10 * count, "%d buckets" % count, 120)


def restart(tower, how):
    """Down and up again."""
    if how == "SIGTERM":
        status = tower.stop()
        if status != 0:
            raise RuntimeError("stopped with status %d" % status)
    else:
        tower.kill()
    tower.start()


def check_states(tap, tower, desk, source):
    """One episode through all states, with a restart in each."""
    wait_judged(desk)
    tap.equal(desk.rows("TillsTalk"), [], "while nothing comes, nothing is open")
    tap.equal(desk.state("Watchdog"), FIRING, "the watchdog fires")
    source.tills.set()
    wait_state(desk, "TillsTalk", PENDING)
    restart(tower, "SIGTERM")
    tap.equal(desk.state("TillsTalk"), PENDING, "it is pending after a stop")
    restart(tower, "kill -9")
    wait_state(desk, "TillsTalk", FIRING)
    tap.equal(desk.told("TillsTalk"), ["pending", "fired"], "it was told pending once, fired once")
    for how in ("SIGTERM", "kill -9"):
        fired = desk.rows("TillsTalk")
        restart(tower, how)
        wait_judged(desk, 2)
        tap.equal(desk.rows("TillsTalk"), fired, "it goes on firing after %s" % how)
    tap.equal(desk.told("TillsTalk"), ["pending", "fired"], "and nothing was told again")
    source.tills.clear()
    wait_state(desk, "TillsTalk", RESOLVED)
    ended = desk.rows("TillsTalk")
    for how in ("SIGTERM", "kill -9"):
        restart(tower, how)
        wait_judged(desk)
        tap.equal(desk.rows("TillsTalk"), ended, "it stays resolved after %s" % how)
    tap.equal(desk.told("TillsTalk"), ["pending", "fired", "resolved"], "each was told once")
    tap.equal(desk.told("Watchdog"), ["fired"], "the watchdog was told once in %d lives" % 7)


def check_value(tap, desk):
    """What the row says beside its state."""
    row = desk.query("SELECT labels, annotations, severity, value, threshold, is_above, unit"
                     " FROM alert WHERE rule = ?", b"TillsTalk")[0]
    labels, annotations = json.loads(row[0]), json.loads(row[1])
    tap.equal({name: labels.get(name) for name in ("alertname", "severity", "system")},
              {"alertname": "TillsTalk", "severity": "critical", "system": "pos"}, "its labels")
    tap.ok(annotations["summary"].endswith("events of pos (limit 0)"), "its summary",
           annotations)
    tap.equal((row[2], row[4], row[5], row[6]), (0, 0.0, 1, b"count"), "its threshold and unit")


def check_numbers(tap, tower):
    """/metrics and /status say what the tables say."""
    status, text = tower.request("/metrics")
    lines = dict(line.rsplit(" ", 1) for line in text.decode().splitlines()
                 if line and not line.startswith("#"))
    tap.equal(status, 200, "/metrics answers")
    tap.equal(lines.get('tillwatch_alerts{state="firing",severity="none"}'), "1",
              "the watchdog is counted")
    tap.ok(float(lines["tillwatch_rule_evaluations_total"]) > 2, "rules were judged")
    tap.ok(float(lines["tillwatch_rule_evaluation_seconds_total"]) < 10, "in little time")
    alerts = tower.get("/api/v1/status")["alerts"]
    tap.equal((alerts["error"], alerts["refused"]), (None, 0), "/status finds nothing wrong")
    tap.ok(alerts["judged_age_seconds"] < 30, "and rules judged a moment ago", alerts)


def post(desk, name, ends_s, labels=None):
    """An alert of others, as the API leaves it for the tower."""
    now = time.time_ns()
    all_labels = json.dumps({**(labels or {}), "alertname": name, "severity": "warning"},
                            sort_keys=True, separators=(",", ":"))
    desk.query("INSERT INTO alert_push(at, labels, annotations, starts, ends) VALUES(?,?,?,?,?)",
               now, all_labels.encode(), b'{"summary":"theirs"}', now, now + int(ends_s * 1e9))


def check_posted(tap, tower, desk):
    """What others post opens at once, is told once however often it is posted, and ends."""
    post(desk, "Theirs", 600)
    wait_state(desk, "Theirs", FIRING)
    post(desk, "Theirs", 600)
    wait_until(lambda: not desk.query("SELECT 1 FROM alert_push"), "what was posted to be taken")
    restart(tower, "kill -9")
    post(desk, "Theirs", 3)
    wait_state(desk, "Theirs", RESOLVED)
    tap.equal(desk.told("Theirs"), ["fired", "resolved"], "posted thrice: fired once, then over")
    detail = desk.query("SELECT detail FROM alert_event JOIN alert ON alert.id = alert"
                        " WHERE rule = ? AND what = 2", b"Theirs")
    tap.equal(detail, [(b"nobody said that it goes on",)], "and it says why")
    post(desk, "Brief", 600)
    wait_state(desk, "Brief", FIRING)
    post(desk, "Brief", 0)
    wait_state(desk, "Brief", RESOLVED)
    tap.equal(desk.told("Brief"), ["fired", "resolved"], "one that is said to be over is over")


def beat(desk):
    """The call of who is expected."""
    desk.query("INSERT INTO heartbeat(name, last) VALUES(?1, ?2) ON CONFLICT DO UPDATE SET"
               " last = ?2", b"nightly", time.time_ns())


def check_heartbeat(tap, tower, desk):
    """Missed, also through a restart, and back."""
    wait_state(desk, "HeartbeatMissed", FIRING)
    restart(tower, "kill -9")
    wait_judged(desk, 2)
    tap.equal(desk.told("HeartbeatMissed"), ["fired"], "a heartbeat that is missed is told once")
    labels = json.loads(desk.query("SELECT labels FROM alert WHERE rule = ?",
                                   b"HeartbeatMissed")[0][0])
    tap.equal((labels["heartbeat"], labels["owner"], labels["severity"]),
              ("nightly", "batch", "warning"), "and says whose it is")

    def is_back():
        beat(desk)
        return desk.state("HeartbeatMissed") == RESOLVED
    wait_until(is_back, "the heartbeat to be heard", 120, 1)
    tap.equal(desk.query("SELECT state FROM heartbeat"), [(1,)], "it beats")


def check_reload(tap, tower, desk, source, path):
    """Other rules: what is judged no more ends and says why; a faulty file changes nothing."""
    source.tills.set()
    wait_state(desk, "TillsTalk", FIRING)
    with open(path, "w", encoding="utf-8") as f:
        f.write(RULES.replace("above: 0", "abve: 0", 1))
    os.kill(tower.pid(), signal.SIGHUP)
    wait_until(lambda: "reload_refused" in tower.log(), "the refusal")
    wait_judged(desk)
    tap.equal(desk.state("TillsTalk"), FIRING, "a faulty file changes nothing")
    with open(path, "w", encoding="utf-8") as f:
        f.write(OTHER_RULES)
    os.kill(tower.pid(), signal.SIGHUP)
    wait_state(desk, "TillsTalk", RESOLVED)
    wait_state(desk, "TillsSpeak", FIRING)
    detail = desk.query("SELECT detail FROM alert_event JOIN alert ON alert.id = alert"
                        " WHERE rule = ? AND what = 2 ORDER BY alert_event.id DESC", b"TillsTalk")
    tap.equal(detail[0], (b"its rule is not in force any more",), "and its timeline says why")
    names = [name for name, in desk.query("SELECT rule FROM rule_state")]
    tap.ok(b"TillsSpeak" in names and b"TillsTalk" not in names, "states are of rules in force",
           names)


def kill_often(tap, tower, desk, source):
    """One rule fires through all of it, another comes and goes."""
    rng = random.Random(SEED)
    source.others.set()
    wait_state(desk, "AnybodyTalks", FIRING)
    episodes = len(desk.rows("AnybodyTalks"))
    places = [desk.judged()]
    began = time.monotonic()
    for kill in range(KILLS):
        if kill % 6 == 0:
            (source.tills.clear if source.tills.is_set() else source.tills.set)()
        # a random moment, not a wait for something: the kill must hit anywhere
        time.sleep(rng.uniform(0.05, 12 if kill % 2 else 2))
        tower.kill()
        places.append(desk.judged())
        tower.start()
    tap.note("%d kills in %.0f s" % (KILLS, time.monotonic() - began))
    wait_judged(desk, 2)
    tap.equal(places, sorted(places), "judging never goes back")
    tap.ok(places[-1] > places[0], "and goes on between kills", places)
    rows = desk.rows("AnybodyTalks")
    tap.equal((len(rows), rows[-1][1]), (episodes, FIRING), "what fires goes on through all kills")
    tap.equal(desk.faults(), [], "nothing is open, told or there twice")
    tap.equal(desk.told("Watchdog"), ["fired"], "the watchdog was told once")


def main():
    with Tap() as tap:
        tower = Tower(config="")
        path = os.path.join(tower.base, "rules", "test.yaml")
        notify = os.path.join(tower.base, "notify.yaml")
        os.makedirs(os.path.dirname(path))
        with open(path, "w", encoding="utf-8") as f:
            f.write(RULES)
        with open(notify, "w", encoding="utf-8") as f:
            f.write(HEARTBEATS)
        config = config_with(settle_s=0, alerts__pack="false")
        config = config.replace("alerts:\n", "alerts:\n  dirs: [%s]\n"
                                % json.dumps(os.path.dirname(path)))
        config = config.replace("notify:\n", "notify:\n  file: %s\n" % json.dumps(notify))
        with open(tower.config_path, "w", encoding="utf-8") as f:
            f.write(config)
        desk, source = Desk(tower), Source(tower.pull)
        try:
            tower.start()
            source.start()
            check_states(tap, tower, desk, source)
            check_value(tap, desk)
            check_numbers(tap, tower)
            check_posted(tap, tower, desk)
            check_heartbeat(tap, tower, desk)
            check_reload(tap, tower, desk, source, path)
            kill_often(tap, tower, desk, source)
            tap.equal(tower.stop(), 0, "the tower stops cleanly")
        finally:
            source.finish.set()
            tower.close()


if __name__ == "__main__":
    main()
