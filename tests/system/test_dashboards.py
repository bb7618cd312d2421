#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Dashboards of a running tower: tables; zero where it watched and nothing where it did not; and
SIGHUP: a good file appears, a bad one is refused while that of before stays, a faulty panel shows
its fault in place. TAP."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from publish import Acked, body, event  # noqa: E402
from tap import Tap  # noqa: E402
from tower import Tower, config_with, program_path, wait_until  # noqa: E402

WORKFLOW = """name: errand
title: Errand
owner: tests
object: order
timing: queued
criticality: standard
steps:
  - {name: begun, system: pos, event: com.example.begun}
  - {name: ended, system: erp, event: com.example.ended, failure: com.example.refused, after: begun,
     within: 1h, destination: true}
objectives:
  - {name: errands, kind: completion, target: 60%, window: 1d}
"""
TABLES = """name: tables
panels:
  - name: regions
    kind: table
    unit: count
    series:
      - {metric: region_failed, where: {workflow: errand}, by: region, legend: failed, tone: bad}
      - {metric: region_done, where: {workflow: errand}, by: region, legend: completed}
  - name: stores
    kind: table
    unit: count
    series: [{metric: store_waiting, by: store}]
  - name: overdue
    unit: count
    series: [{metric: step_overdue, where: {workflow: errand}, by: step}]
  - name: late
    kind: table
    unit: count
    series: [{metric: region_overdue, where: {workflow: errand}, by: region, legend: late}]
  - name: wrong
    kind: burndown
    unit: share
    series: [{metric: objective_burn, where: {objective: errands}}]
"""
PLAIN = "name: mine\ntitle: %s\npanels:\n  - {name: good, unit: count, series: [{metric: %s}]}\n"
REGIONS = {"north": (3, 1), "south": (1, 4), "west": (0, 2)}  # failed, completed
STORES = 203  # rows of a table end at 200


def send(tower):
    """Errands of each region that fail or end, and of each store one that waits."""
    sender = Acked(tower.router)
    number = 0
    for region, counts in REGIONS.items():
        for kind, count in zip(("refused", "ended"), counts):
            for _ in range(count):
                number += 2
                for i, word in enumerate(("begun", kind)):
                    sender.send(body(event("/pos/1", number + i, type="com.example." + word,
                                           orderid="E%d" % number, region=region, storeid=None,
                                           transactionid=None)))
    for store in range(STORES):
        for more in range(2 if store == 77 else 1):
            number += 2
            sender.send(body(event("/pos/1", number, type="com.example.begun",
                                   orderid="W%d-%d" % (store, more), storeid="S%03d" % store,
                                   region=None, transactionid=None)))
    sender.flush()
    sender.close()


def series_of(tower, panel, since="-5m", until=None):
    query = {"panel": panel, "since": since}
    if until:
        query["until"] = until
    return tower.get("/api/v1/series?" + urllib.parse.urlencode(query))


def shown(tower, panel):
    """`tillwatch plot` of a panel."""
    done = subprocess.run([program_path(), "plot", panel, "--since", "5m", "-c", tower.config_path],
                          env=tower.environment(), stdout=subprocess.PIPE, check=False)
    return done.returncode, done.stdout.decode().splitlines()


def check_zero(tap, tower, started):
    """Nothing was ever overdue: zero where the tower watched, nothing where it did not."""
    def values():
        lines = series_of(tower, "tables.overdue")["series"]
        return lines and [value for value in lines[0]["v"] if value is not None] and lines[0]
    line = wait_until(values, "a bucket that the tower watched")
    tap.ok(line["title"] == "every step" and set(line["v"]) <= {0, None} and None in line["v"],
           "what was never overdue is 0 where the tower watched, and null where it did not", line)
    before = [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started - ago)) for ago in (900, 300)]
    answer = series_of(tower, "tables.overdue", *before)
    tap.ok(all(value is None for one in answer["series"] for value in one["v"]),
           "before it ran nothing is known", answer["series"])
    status, picture = tower.request("/plots/tables.overdue.svg?since=%s&until=%s" % tuple(before))
    tap.ok(status == 200 and b"nothing is known" in picture.replace(b"\xc2\xa0", b" "),
           "and the picture says so", picture[-1500:])

    def late():
        """What is written once a minute is not known before a minute is over."""
        rows = series_of(tower, "tables.late")["rows"]
        return rows and rows[0]["v"] != [None] and rows

    rows = wait_until(late, "the row, when a minute is over", timeout=90, interval=1)
    tap.equal([(row["title"], row["v"]) for row in rows], [("every region", [0.0])],
              "a table of which nothing ever was says 0, too")


def check_tables(tap, tower):
    """Rows of the newest values, the worst first."""
    def rows():
        found = [[row["title"], *row["v"]] for row in series_of(tower, "tables.regions")["rows"]]
        total = sum(row[1] or 0 for row in found) + sum(row[2] or 0 for row in found)
        return found if total == sum(map(sum, REGIONS.values())) else None
    tap.equal(wait_until(rows, "what was sent"),
              [["north", 3, 1], ["south", 1, 4], ["west", 0, 2]],
              "a table has the worst first, counts of the whole range, and 0 where nothing failed")
    answer = series_of(tower, "tables.regions")
    tap.equal(([one["title"] for one in answer["columns"]], answer["columns"][0]["where"],
               answer["left_out"]), (["failed", "completed"], {"workflow": "errand"}, 0),
              "its columns are named, and what they are of")
    stores = wait_until(lambda: series_of(tower, "tables.stores")["left_out"] and
                        series_of(tower, "tables.stores"), "the stores", 120, 1)
    tap.ok(len(stores["rows"]) == 200 and stores["left_out"] == STORES - 200 and stores["partial"],
           "of more rows than the limit the worst are shown, and how many are left out",
           (len(stores["rows"]), stores["left_out"]))
    tap.equal([stores["rows"][0]["title"], stores["rows"][0]["v"]], ["S077", [2.0]],
              "the worst of them first")
    status, text = tower.request("/plots/tables.regions.svg")
    tap.ok(status == 400 and b"is a table" in text, "a table has no picture, and says so", text)
    status, lines = shown(tower, "tables.regions")
    tap.ok(status == 0 and [line.split() for line in lines[1:]] ==
           [["failed", "completed"], ["north", "3", "1"], ["south", "1", "4"], ["west", "0", "2"]],
           "tillwatch plot shows it as text", lines)


def check_burndown(tap, tower):
    """From a whole budget at the begin of the window down to what is left now."""
    sender = Acked(tower.router)
    for number in range(2):  # an hour too late
        for i, (word, ago) in enumerate((("begun", 7200), ("ended", 0))):
            at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - ago))
            sender.send(body(event("/pos/2", 2 * number + i, type="com.example." + word, time=at,
                                   orderid="L%d" % number, storeid=None, transactionid=None)))
    sender.flush()
    sender.close()

    def settled():
        objective = tower.get("/api/v1/objectives/errands")
        is_all = objective["good"] == sum(row[1] for row in REGIONS.values())
        return is_all and objective["bad"] == 2 and objective
    objective = wait_until(settled, "what was decided", 60)
    window = objective["window"]

    def drawn():
        query = urllib.parse.urlencode({
            "panel": "objective.burndown", "objective": "errands", "since": window["from"],
            "until": window["until"]})
        lines = {line["title"]: line["v"] for line in
                 tower.get("/api/v1/series?" + query)["series"]}
        left = [value for value in lines["budget left"] if value is not None]
        return left and abs(left[-1] - objective["budget_remaining"]) < 1e-6 and lines
    lines = wait_until(drawn, "the same as the objective says", 60, 1)
    left, evenly = lines["budget left"], lines["spent evenly"]
    tap.ok(None in left[:-5], "a burn-down is drawn; where the tower did not run is a gap", left)
    tap.ok(0 < min(value for value in left if value is not None) < 0.9, "what is spent is gone",
           left)
    known = [value for value in evenly if value is not None]
    tap.ok(len(known) == len(evenly) and known[0] > 0.98 and known[-1] < 0.02 and
           known == sorted(known, reverse=True), "even spending leads from all to nothing", known)
    status, picture = tower.request("/plots/objective.burndown.svg?objective=errands&since=-1d")
    tap.ok(status == 200 and b"spent evenly" in picture.replace(b"\xc2\xa0", b" "),
           "and it is drawn", status)
    tap.ok(tower.request("/plots/tables.wrong.svg")[0] == 422,
           "a burn-down of anything but a budget is a fault")


def check_reload(tap, tower, path):
    """SIGHUP: good, bad, good again, one faulty panel."""
    def write(text):
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(path + ".new", path)
        os.kill(tower.pid(), signal.SIGHUP)

    def mine():
        status, _ = tower.request("/api/v1/dashboards/mine")
        return tower.get("/api/v1/dashboards/mine") if status == 200 else None

    tap.equal(tower.status_of("/api/v1/dashboards/mine"), 404, "before its file is there: nothing")
    write(PLAIN % ("First", "open_runs"))
    wait_until(mine, "the new dashboard")
    tap.equal(tower.status_of("/plots/mine.good.svg"), 200, "a good file appears, and draws")
    for what, text in (("no YAML", "name: mine\npanels: [\n"), ("no dashboard", "title: only\n")):
        write(text)
        wait_until(lambda: mine()["kept"], "the refusal")
        answer = mine()
        tap.ok(answer["title"] == "First" and len(answer["panels"]) == 1 and
               re.match(re.escape(path) + r":\d+: ", answer["fault"]),
               "%s: refused with file and line, the one of before stays" % what, answer)
        tap.equal(tower.status_of("/plots/mine.good.svg"), 200, what + ": and is drawn")
        write(PLAIN % ("First", "open_runs"))
        wait_until(lambda: not mine()["kept"], "the repaired file")
    tap.ok(path + ":" in tower.log() and "reload_refused" in tower.log(), "the log says it, too")
    write(PLAIN % ("Third", "open_runs") +
          "  - {name: bad, unit: count, series: [{metric: open_run}]}\n")
    wait_until(lambda: mine()["title"] == "Third", "the third version")
    faults = [panel["fault"] for panel in mine()["panels"]]
    tap.ok(faults[0] is None and faults[1].startswith(path + ":5: "),
           "a faulty panel shows its fault in place", faults)
    tap.equal((tower.status_of("/plots/mine.good.svg"), tower.status_of("/plots/mine.bad.svg")),
              (200, 422), "and takes no other with it")
    os.unlink(path)
    os.kill(tower.pid(), signal.SIGHUP)
    wait_until(lambda: mine() is None, "the end of it")
    tap.ok(True, "a file that is gone takes its dashboard along")


def main():
    with Tap() as tap, tempfile.TemporaryDirectory(prefix="tw-boards-") as base:
        boards, flows = os.path.join(base, "boards"), os.path.join(base, "flows")
        for directory, name, text in ((boards, "tables", TABLES), (flows, "errand", WORKFLOW)):
            os.mkdir(directory)
            with open(os.path.join(directory, name + ".yaml"), "w", encoding="utf-8") as file:
                file.write(text)
        config = re.sub(r"(?m)^(dashboards|workflows):\n(?: .*\n)+", "", config_with())
        config += "dashboards: {dirs: [%s]}\nworkflows: {pack: false, dirs: [%s]}\n" % (
            boards, flows)
        started = time.time()
        with Tower(config=config) as tower:
            check_zero(tap, tower, started)
            send(tower)
            check_tables(tap, tower)
            check_burndown(tap, tower)
            check_reload(tap, tower, os.path.join(boards, "mine.yaml"))
            tap.equal(tower.stop(), 0, "the tower stops")


if __name__ == "__main__":
    main()
