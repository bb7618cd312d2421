#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A storm in a running tower: 5,000 stores send events and fall silent at once. The rules of the
pack, and one that makes an alert a store, become at most 3 notices in which every store is counted;
when they speak again, at most 3 more. Meanwhile calls are timed, and pages for STORM_PAGES seconds.

Short (80 s, two minutes at most): stores fall silent within seconds, rules and groups have short
times; what an alert a store becomes when they are back is left to the long form. STORM_LONG=1: they
fall silent within a minute, the pack's rules and groups as they are (18 minutes).
"""
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from publish import Acked, body, event  # noqa: E402
from receivers_kit import Receiver  # noqa: E402
from tap import Tap  # noqa: E402
from test_alerts_api import Rows  # noqa: E402
from tower import ROOT, Tower, config_with, wait_until  # noqa: E402

STORES = int(os.environ.get("STORM_STORES", "5000"))
IS_LONG = bool(os.environ.get("STORM_LONG"))
# Pages are shown for so long; 0: not at all.
PAGES_S = int(os.environ.get("STORM_PAGES", "420" if IS_LONG else "0"))
SILENT_S = 60 if IS_LONG else 15  # track.store-silent-s
WITHIN_S = 60 if IS_LONG else 5  # they fall silent one after the other
# Values of stores are series of a minute: who is silent when it begins is judged a bit later. They
# do not begin so that some of them are silent then, and others a second later.
APART = range(0) if IS_LONG else range(58 - SILENT_S - WITHIN_S, 62 - SILENT_S)
FIRE_S = 600 if IS_LONG else 240
END_S = 1200 if IS_LONG else 240
# No call may take so long, on whatever machine; what they took is printed.
SLOW_S = 10.0
CALLS = ("/api/v1/alerts/groups", "/api/v1/alerts?limit=100", "/api/v1/overview",
         "/api/v1/status")
PAGES = ("/alerts", "/alerts?view=list", "/")

EACH = """  - alert: StoreIsOff
    title: Nothing is heard of the store
    when: {metric: store_silent, by: [store]}
    above: 10
    severity: warning
    owner: store-operations
    summary: "Store {{store}} is silent since {{value}}"
"""
NOTIFY = """allow: [127.0.0.0/8]
receivers: [{name: ops, webhook: [{url: "%s"}]}]
route: {receiver: ops%s}
"""


def rules():
    """Those of the pack about stores, at all hours, and one that makes an alert a store."""
    with open(os.path.join(ROOT, "collector", "alerts", "stores.yaml"), encoding="utf-8") as f:
        text = f.read()
    text = re.sub(r"(?m)^ *hours: .*\n", "", text)
    if not IS_LONG:
        text = text.replace("    for: 2min\n    keep-firing-for: 10min\n",
                            "    for: 10s\n    keep-firing-for: 10s\n")
        assert "for: 10s" in text
    return text + EACH


class Estate(threading.Thread):
    """Stores that speak every few seconds as long as they shall."""

    def __init__(self, tower):
        super().__init__(daemon=True)
        self.client = Acked(tower.router, window=32)
        self.number = 0
        self.names = ["%04d" % n for n in range(STORES)]
        self.speaking = threading.Event()
        self.finish = threading.Event()
        self.is_idle = threading.Event()

    def say(self, names):
        """An event of each, acknowledged."""
        for i in range(0, len(names), 50):
            made = []
            for name in names[i:i + 50]:
                self.number += 1
                made.append(event("/pos/store-%s/till-1" % name, self.number, storeid=name))
            while not self.client.has_room():
                self.client.receive(50)
            self.client.send(body(made))
        self.client.flush(60)

    def run(self):
        while not self.finish.is_set():
            if not self.speaking.is_set():
                self.is_idle.set()
                self.finish.wait(0.2)
                continue
            self.is_idle.clear()
            self.say(self.names)
            self.finish.wait(2)
        self.client.close()

    def fall_silent(self):
        """One after the other; when the last one has."""
        self.speaking.clear()
        self.is_idle.wait(60)
        order = random.Random(6).sample(self.names, len(self.names))
        begun = time.monotonic()
        parts = 10
        for part in range(parts):
            time.sleep(max(0.0, begun + part * WITHIN_S / parts - time.monotonic()))
            self.say(order[part * STORES // parts:])
        return time.monotonic() - begun


class Callers(threading.Thread):
    """Asks as pages do, and keeps how long each answer took."""

    def __init__(self, tower):
        super().__init__(daemon=True)
        self.tower = tower
        self.took = {path: [] for path in CALLS}
        self.bad = []
        self.finish = threading.Event()

    def run(self):
        while not self.finish.wait(0.25):
            for path in CALLS:
                begun = time.monotonic()
                status, _ = self.tower.request(path, timeout=60)
                self.took[path].append(time.monotonic() - begun)
                if status != 200:
                    self.bad.append((path, status))

    def tell(self, tap):
        """The figures, and a generous limit."""
        self.finish.set()
        self.join()
        for path, took in self.took.items():
            took.sort()
            tap.note("%-26s %4d calls: median %5.1f ms, 95 of 100 within %5.1f ms, at most %6.1f ms"
                     % (path, len(took), 1000 * statistics.median(took),
                        1000 * took[len(took) * 95 // 100], 1000 * took[-1]))
        tap.equal(self.bad[:5], [], "every call is answered during the storm")
        worst = max(max(took) for took in self.took.values())
        tap.ok(worst < SLOW_S, "none takes %.0f s" % SLOW_S, worst)


def of_rule(posts, name):
    """(reason, firing, resolved, body) of the notices about one rule."""
    found = []
    for post in posts:
        told = json.loads(post.body)
        if told["groupLabels"].get("alertname") == name:
            listed = [a["status"] for a in told["alerts"]]
            found.append((told["notification_reason"], listed.count("firing"),
                          listed.count("resolved"), told))
    return found


def count_of(told):
    """Alerts of a notice, also those that are not listed."""
    return len(told["alerts"]) + told["truncatedAlerts"]


def check_told(tap, server, rows):
    """The notices of the storm so far."""
    posts = server.got("/ops")
    tap.note("notices of the storm: %s" % [(r, count_of(b), b["groupLabels"].get("alertname"))
                                           for name in ("StoresSilent", "StoreIsOff")
                                           for r, _, _, b in of_rule(posts, name)])
    tap.ok(len(posts) <= 3, "at most 3 notices (%d)" % len(posts),
           [json.loads(p.body)["groupLabels"] for p in posts])
    whole = of_rule(posts, "StoresSilent")
    text = whole[0][3]["alerts"][0]["annotations"]["summary"]
    tap.ok(len(whole) == 1 and re.match(r"Stores are silent: [\d,]+$", text),
           "the pack's rule is told once", text)
    each = of_rule(posts, "StoreIsOff")
    tap.equal(count_of(each[-1][3]), STORES, "an alert a store: all are counted in the last notice")
    tap.ok(all(b["commonAnnotations"]["stores"].endswith("more") for _, _, _, b in each),
           "and the first stores are named")
    told = rows.ask("SELECT count(DISTINCT alert) FROM alert_event JOIN alert ON alert.id = alert"
                    " WHERE what = 5 AND CAST(rule AS TEXT) = 'StoreIsOff'")[0][0]
    tap.equal(told, STORES, "each alert says that it was told")
    return len(posts)


def firing(rows, rule):
    """How many alerts of the rule fire."""
    return rows.ask("SELECT count(*) FROM alert WHERE CAST(rule AS TEXT) = '%s' AND state = 2 AND"
                    " ended IS NULL" % rule)[0][0]


def check_back(tap, server, rows, before):
    """They speak again."""
    names = ["StoresSilent"] + (["StoreIsOff"] if IS_LONG else [])
    for name in names:
        wait_until(lambda name=name: firing(rows, name) == 0, "the end of " + name, END_S)
        wait_until(lambda name=name: any(
            b["status"] == "resolved" for _, _, _, b in of_rule(server.got("/ops"), name)),
                   "the notice that it is over", END_S)
    posts = server.got("/ops")[before:]
    tap.ok(len(posts) <= 3, "that it is over is told in at most 3 (%d)" % len(posts))
    if IS_LONG:
        over = [b for _, _, _, b in of_rule(posts, "StoreIsOff")]
        tap.equal(count_of(over[-1]), STORES, "all stores are counted in it")
    repeated = rows.ask("SELECT fingerprint FROM alert WHERE CAST(rule AS TEXT) LIKE 'Store%'"
                        " GROUP BY fingerprint HAVING count(*) > 1")
    tap.equal(repeated, [], "no store has two episodes")


def pages(tower):
    """The pages in a real browser, one after the other; None: they are not asked for."""
    if PAGES_S == 0:
        return None
    return subprocess.Popen(  # pylint: disable=consider-using-with
        ["node", os.path.join(ROOT, "tests", "browser", "storm.mjs"), tower.url, str(PAGES_S),
         *PAGES], stdout=subprocess.PIPE, text=True)


def check_pages(tap, process):
    """What it has printed: {path: [ms]}."""
    if process is None:
        return
    out, _ = process.communicate(timeout=PAGES_S + 120)
    tap.equal(process.returncode, 0, "the pages are shown in a browser")
    for path, took in json.loads(out).items():
        took.sort()
        tap.note("page %-20s shown %3d times: median %4d ms, at most %5d ms"
                 % (path, len(took), statistics.median(took), took[-1]))
        tap.ok(took[-1] < 1000 * SLOW_S, "page %s is shown within %.0f s" % (path, SLOW_S), took)


def play(tap, tower, server):
    """All of it."""
    estate = Estate(tower)
    estate.start()
    estate.speaking.set()
    wait_until(lambda: tower.total("events_accepted") >= STORES, "every store to be heard", 120)
    rows = Rows(tower)
    wait_until(lambda: rows.ask("SELECT judged FROM meta")[0][0] > 0, "rules to be judged")
    wait_until(lambda: int(time.time()) % 60 not in APART, "the minute", 90)
    callers = Callers(tower)
    callers.start()
    browser = pages(tower)
    begun = time.monotonic()
    tap.note("%d stores fell silent within %.1f s" % (STORES, estate.fall_silent()))
    wait_until(lambda: firing(rows, "StoreIsOff") == STORES and firing(rows, "StoresSilent") == 1,
               "all alerts to fire", FIRE_S, 0.5)
    tap.note("all alerts fire %.0f s after the first fell silent" % (time.monotonic() - begun))
    wait_until(lambda: of_rule(server.got("/ops"), "StoresSilent") and any(
        count_of(b) == STORES for _, _, _, b in of_rule(server.got("/ops"), "StoreIsOff")),
               "the notices", FIRE_S)
    tap.note("all is told %.0f s after it" % (time.monotonic() - begun))
    groups = tower.get("/api/v1/alerts/groups")
    group = next(g for g in groups["items"] if g["labels"].get("alertname") == "StoreIsOff")
    tap.equal((group["count"], group["store_count"], len(group["alerts"])), (STORES, STORES, 20),
              "the page shows one group with all stores in it")
    told = check_told(tap, server, rows)
    estate.speaking.set()
    check_back(tap, server, rows, told)
    callers.tell(tap)
    check_pages(tap, browser)
    estate.finish.set()
    estate.join(60)


def main():
    """A tower of its own."""
    with Tap() as tap, tempfile.TemporaryDirectory(prefix="tw-storm-") as directory:
        with Receiver() as server:
            os.mkdir(os.path.join(directory, "rules"))
            with open(os.path.join(directory, "rules", "stores.yaml"), "w",
                      encoding="utf-8") as f:
                f.write(rules())
            times = "" if IS_LONG else ", group-wait: 5s, group-interval: 5s"
            with open(os.path.join(directory, "notify.yaml"), "w", encoding="utf-8") as f:
                f.write(NOTIFY % (server.url("/ops"), times))
            config = config_with(store_silent_s=SILENT_S)
            for section, key, name in (("alerts", "dirs: [%s]", "rules"),
                                       ("notify", "file: %s", "notify.yaml")):
                config = re.sub(r"(?m)^%s:\n" % section, "%s:\n  %s\n" % (
                    section, key % os.path.join(directory, name)), config)
            with Tower(config=config) as tower:
                play(tap, tower, server)
                tap.equal(tower.stop(), 0, "the tower stops cleanly")


if __name__ == "__main__":
    main()
