#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""By region: of each workflow as many runs failed and ended in each region as the simulator made
fail and end there, in the workflow's document, in the series behind the executive dashboard and in
/metrics. The tower is killed on the way; what it counts is counted once.

REGIONS_EVENTS: events of the estate (20000).
"""
import collections
import datetime
import json
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from compare_runs import PACK, RunLedger, facts_of_runs, load  # noqa: E402
from publish import Acked  # noqa: E402
from tap import Tap  # noqa: E402
from tower import Tower, config_with, program_path, wait_until  # noqa: E402

EVENTS = int(os.environ.get("REGIONS_EVENTS", "20000"))
FAULTS = ("step-failed:p=0.1", "duplicate:p=0.01", "out-of-order:p=0.02", "bad-master-data:p=0.02")
ENDED = ("completed", "recovered", "compensated")
NONE = "none"


def regions_of_stores(ledger):
    """{store: region}: the simulator's stores stay where they are."""
    found = {}
    for said in ledger.said:
        if said.store and said.region:
            assert found.setdefault(said.store, said.region) == said.region
    return found


def region_of(run, homes):
    """As docs/reference/tracking.md, "Regions", says."""
    said = [said for facts in run.facts for _, said in facts]
    is_fan_out = any(step.each_store for step in run.workflow.steps)
    naming = [one for one in said if one.region and not (is_fan_out and one.store)]
    if naming:
        return min(naming, key=lambda one: (one.at, one.region)).region
    placed = [one for one in said if one.store]
    if placed and not is_fan_out:
        return homes.get(min(placed, key=lambda one: one.at).store, NONE)
    return NONE


def expected_of(ledger, workflows):
    """{workflow: {region: [failures, ended]}} of all runs that have started."""
    stores = ledger.stores()
    homes = regions_of_stores(ledger)
    found = {workflow.name: collections.defaultdict(lambda: [0, 0]) for workflow in workflows}
    for (name, _), run in facts_of_runs(ledger, workflows, clock="stated").items():
        verdict = run.judge(0, stores)
        if verdict.has_started:
            row = found[name][region_of(run, homes)]
            row[0] += any(role == "failed" for facts in run.facts for role, _ in facts)
            row[1] += verdict.state in ENDED
    return {name: {region: row for region, row in rows.items() if row != [0, 0]}
            for name, rows in found.items()}


def told_of(tower, name):
    """The same, as the workflow's document has it."""
    document = tower.get("/api/v1/workflows/" + name)
    rows = {row["region"]: [row["failures"], sum(row[state] for state in ENDED)]
            for row in document.get("regions", ())}
    return {region: row for region, row in rows.items() if row != [0, 0]}


def drawn_of(tower, panel, since):
    """{legend: sum} of a panel of counts."""
    now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=20)
    answer = tower.get("/api/v1/series?panel=%s&since=%s&until=%s" % (
        panel, since.strftime("%Y-%m-%dT%H:%M:%SZ"), now.strftime("%Y-%m-%dT%H:%M:%SZ")))
    return {line["title"]: sum(value or 0 for value in line["v"]) for line in answer["series"]}


def measured_of(tower, workflow):
    """{region: failures} as /metrics has it."""
    pattern = r'tillwatch_region_failures\{workflow="%s",region="([^"]*)"\} (\d+)' % workflow
    text = tower.request("/metrics")[1]
    text = text.decode() if isinstance(text, bytes) else text
    return {region: int(value) for region, value in re.findall(pattern, text) if int(value)}


def play(tap, tower, path):
    """The estate, and two kills while what it says is on its way: all that was not acknowledged is
    sent again."""
    command = [program_path("retail-sim"), "--stores", "60", "--events", str(EVENTS), "--seed", "5",
               "--drain", "--stdout", "--ledger", path, "--ledger-journeys", "--ledger-runs",
               "--quiet", "--share", "customer-sync=3000"]
    for fault in FAULTS:
        command += ["--fault", fault]
    estate = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    tap.equal(estate.returncode, 0, "the estate plays")
    lines = estate.stdout.splitlines()
    messages = [b"[" + b",".join(lines[i:i + 20]) + b"]" for i in range(0, len(lines), 20)]
    sender = Acked(tower.router)
    third = len(messages) // 3
    for life in range(3):
        before = tower.total("events_accepted")
        for message in messages[life * third:None if life == 2 else (life + 1) * third]:
            sender.send(message)
        if life < 2:
            wait_until(lambda: tower.total("events_accepted") > before + 500, "some of them")
            tower.kill()
            tower.start()
            sender.connect()
    tap.ok(sender.flush(), "all of it is acknowledged, after two kills")
    sender.close()


def check(tap, tower, expected, since, name):
    """Everything that tells of regions tells the same."""
    try:
        wait_until(lambda: all(told_of(tower, workflow) == rows
                               for workflow, rows in expected.items()), "all that there is")
    except TimeoutError:
        pass  # what differs is shown
    for workflow, rows in sorted(expected.items()):
        tap.equal(told_of(tower, workflow), rows,
                  "%s: %s: failures and ends by region" % (name, workflow))
    failures = {region: row[0] for region, row in expected["customer-sync"].items() if row[0]}
    try:
        wait_until(lambda: {region: value for region, value in drawn_of(
            tower, "executive.customers", since).items() if value} == failures, "the series")
    except TimeoutError:
        pass
    drawn = drawn_of(tower, "executive.customers", since)
    tap.equal({region: value for region, value in drawn.items() if value}, failures,
              name + ": so does the executive dashboard")
    tap.equal(measured_of(tower, "customer-sync"), failures, name + ": so does /metrics")


def main():
    workflows = load(PACK)
    since = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=5)
    with Tap() as tap, tempfile.TemporaryDirectory(prefix="tw-regions-") as directory, \
            Tower(config=config_with(**{"linger-s": 86400})) as tower:
        path = os.path.join(directory, "ledger.ndjson")
        play(tap, tower, path)
        expected = expected_of(RunLedger(path), workflows)
        customers = expected["customer-sync"]
        tap.ok(len(customers) >= 6 and NONE not in customers and
               sum(row[0] for row in customers.values()) >= 10,
               "customer updates fail in most regions", json.dumps(customers))
        check(tap, tower, expected, since, "after two kills")
        region = max(customers, key=lambda name: customers[name][0])
        rows = tower.get("/api/v1/runs?workflow=customer-sync&limit=1000&region=%s" % region)
        rows = rows["items"]
        tap.ok(rows and all(row["region"] == region for row in rows), "its runs are listed", rows)
        tap.equal(tower.stop(), 0, "the tower stops")
        tower.start()
        check(tap, tower, expected, since, "after a restart")


if __name__ == "__main__":
    main()
