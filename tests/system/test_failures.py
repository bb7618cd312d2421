#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What is on the desk is what failed: after an estate with every fault, the open failures are the
steps that the independent model of runs (compare_runs.py) says failed or never came, with the cause
and code that were sent; no more, no less; also when the tower was killed on the way. What operators
do with groups stays and is refused where it must be.

FAILURES_EVENTS: events of each estate (8000).
"""
import collections
import json
import os
import subprocess
import sys
import time
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from compare_ledger import Api, wait_for_all  # noqa: E402
from compare_runs import PACK, RunLedger, expect, load  # noqa: E402
from tap import Tap  # noqa: E402
from test_runs import FAULTS, SHARES, config  # noqa: E402
from tower import Tower, program_path, wait_until  # noqa: E402

EVENTS = os.environ.get("FAILURES_EVENTS", "8000")
STORES = 60
MAX_LINKS = 100
PAGE = 1000


def items_of(api, group, state):
    """All failures of a group in a state."""
    found, cursor = [], None
    while True:
        path = "/api/v1/failures/%d/items?state=%s&limit=%d" % (group, state, PAGE)
        page = api.get(path + ("&cursor=" + urllib.parse.quote(cursor) if cursor else ""))
        found += page["items"]
        cursor = page["next"]
        if cursor is None:
            return found


def listed(api):
    """(workflow, object, step): (cause, code) of everything that is open."""
    found = {}
    for group in api.get("/api/v1/failures?state=all")["items"]:
        for one in items_of(api, group["id"], "open"):
            key = (group["workflow"], one["object"], group["step"])
            assert key not in found, key
            found[key] = (group["cause"], one["code"])
        open_count = sum(key[0] == group["workflow"] and key[2] == group["step"] and
                         found[key][0] == group["cause"] for key in found)
        assert open_count >= group["count"], group
    return found


def wanted(expected):
    """(workflow, object, step): failed or overdue, by the model."""
    found = {}
    for (workflow, name), verdict in expected.items():
        if verdict.state in ("failed", "overdue"):
            for step, (state, *_) in verdict.steps.items():
                if state in ("failed", "overdue"):
                    found[workflow, name, step] = state
    return found


def play(tap, workflows, seed, is_killed):
    """One estate; the open failures against the model."""
    name = "seed %d%s" % (seed, ", killed twice" if is_killed else "")
    with Tower(config=config(STORES)) as tower:
        ledger_path = os.path.join(tower.base, "ledger")
        command = [program_path("retail-sim"), "--stores", str(STORES), "--events", EVENTS,
                   "--seed", str(seed), "--start",
                   time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime(time.time() - 14 * 86400)),
                   "--drain", "--per-message", "16", "--ledger", ledger_path, "--ledger-journeys",
                   "--ledger-runs", "--quiet", "--resend-ms", "1000"]
        for share in SHARES:
            command += ["--share", share]
        for fault in FAULTS:
            command += ["--fault", fault]
        estate = subprocess.Popen(command, env=tower.environment())
        for _ in range(2 if is_killed else 0):
            time.sleep(1.5)
            tower.kill()
            tower.start()
        if not tap.equal(estate.wait(), 0, name + ": the estate was played to its end"):
            return
        ledger = RunLedger(ledger_path)
        api = Api(tower.url)
        wait_for_all(ledger, api, 60)
        expected = wanted(expect(ledger, workflows, max_links=MAX_LINKS))

        def is_settled():
            keys = {key for key, (cause, _) in listed(api).items() if cause != "duplicate"}
            return keys == set(expected)

        try:
            wait_until(is_settled, "the desk has all", interval=0.5)
        except TimeoutError:
            pass  # the comparison says what is missing
        found = {key: value for key, value in listed(api).items() if value[0] != "duplicate"}
        missed = sorted(set(expected) - set(found))
        false = sorted(set(found) - set(expected))
        tap.ok(not missed and not false, name + ": open failures are what failed or never came",
               "missed %s\nfalse %s" % (missed[:20], false[:20]))
        wrong = [key for key, state in expected.items()
                 if key in found and (found[key][0] == "missing") != (state == "overdue")]
        tap.ok(not wrong, name + ": what never came is missing, what failed has a cause",
               wrong[:20])
        causes = collections.Counter(cause for cause, _ in found.values())
        tap.note(dict(causes))
        tap.ok(len(causes) >= 3 and len(found) > 50, name + ": there was something to find",
               dict(causes))
        if not is_killed:
            operate(tap, tower, api)


def operate(tap, tower, api):
    """What operators do."""
    groups = api.get("/api/v1/failures")["items"]
    group = groups[0]
    path = "/api/v1/failures/%d/" % group["id"]

    def call(where, body):
        status, answer = tower.request(where, body, "POST")
        return status, json.loads(answer)

    def post(what, body):
        return call(path + what, body)

    tap.equal(post("notes", {"text": "called the ERP team"})[0], 200, "a note is taken")
    tap.equal(post("assign", {"assignee": "kim"})[0], 200, "a group is assigned")
    one = api.get("/api/v1/failures/%d" % group["id"])
    tap.equal((one["notes"][0]["text"], one["assignee"]), ("called the ERP team", "kim"),
              "both are there")
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    tap.equal(post("snooze", {"until": until})[0], 200, "a group is snoozed")

    def ids(state):
        return [other["id"] for other in api.get("/api/v1/failures?state=" + state)["items"]]

    tap.ok(group["id"] not in ids("open"), "it is not listed then")
    tap.ok(group["id"] in ids("snoozed"), "but under the snoozed ones")
    tap.equal(post("snooze", {"until": None})[0], 200, "and back")
    status, answer = post("archive", {"up_to": until, "reason": "known"})
    tap.equal((status, answer.get("changed")), (200, one["count"]), "all of a group are put away")
    tap.equal(api.get("/api/v1/failures/%d" % group["id"])["states"]["archived"], one["count"],
              "they are still told of")
    status, answer = post("restore", {"up_to": until})
    tap.equal((status, answer.get("changed")), (200, one["count"]), "and brought back")
    for what, body, status in (
            ("notes", {"text": ""}, 400), ("notes", {"text": "x" * 4001}, 400),
            ("notes", {"txt": "x"}, 400), ("notes", [], 400), ("assign", {"assignee": 5}, 400),
            ("snooze", {"until": "soon"}, 400), ("archive", {}, 400),
            ("archive", {"ids": []}, 400), ("archive", {"ids": ["1"]}, 400),
            ("archive", {"ids": [1], "up_to": until}, 400), ("burn", {}, 404)):
        found = post(what, body)[0]
        tap.equal(found, status, "%s %s is refused" % (what, str(body)[:40]))
    tap.equal(call("/api/v1/failures/99999/notes", {"text": "x"})[0], 404,
              "so is a group that is not there")
    history = api.get("/api/v1/failures/%d" % group["id"])["history"]
    tap.equal([one["action"] for one in history],
              ["restore", "archive", "unsnooze", "snooze", "assign", "note"],
              "the audit has each, and nothing that was refused")
    tower.kill()
    tower.start()
    wait_until(lambda: api.get("/api/v1/failures/%d" % group["id"])["notes"],
               "the desk after a kill")
    tap.equal(api.get("/api/v1/failures/%d" % group["id"])["assignee"], "kim",
              "a kill loses none of it")


def main():
    workflows = load(PACK)
    with Tap() as tap:
        for seed in (1, 2, 3):
            play(tap, workflows, seed, is_killed=seed == 3)


if __name__ == "__main__":
    main()
