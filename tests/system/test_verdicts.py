#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Verdicts of 600 stores over forty minutes, three seeds: ERP says nothing for eight minutes, and
later loyalty, CRM and CDP refuse every call for as long. What the tower says of every step at every
ten seconds equals what follows from the ledger by the rules of docs/reference/tracking.md, told
anew here: steps that stop, stall and come back, and no other step that is said to.

They are played on simulated time (tests/support/play.c).
"""
import bisect
import collections
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from compare_runs import PACK, RunLedger, facts_of_runs, load  # noqa: E402
from tap import Tap  # noqa: E402
from tower import config_with, program_path  # noqa: E402

SECOND = 1000000
TICK_US = 999000  # in each second, of tower-play
LASTS_S = 2400
LOOK_S, LOOKS, LOOKS_MIN = 30, 10, 5  # track/verdict.h
USUAL_MIN = 100                       # track/live.c
ERP = (500, 980)      # silent
CALLS = (1300, 1780)  # refused
FAULTS = ("erp-outage:from=%d,for=%d,mute=1" % (ERP[0], ERP[1] - ERP[0]),
          "throttling:from=%d,for=%d,p=1,tries=200" % (CALLS[0], CALLS[1] - CALLS[0]))
BAD = ("warn", "stall", "stop")
# An event is some tenths of a second on its way; quantiles are told within 1.1 %.
SLACK_S = 2
SLACK_SHARE = 0.012


class Step:
    """One step of a workflow over the whole time, by the ledger."""

    def __init__(self, waits, heard):
        """waits: (since, done) of its runs, done None when it never was; heard: times of events."""
        self.waits = sorted(waits)
        self.heard = sorted(heard)
        self.since = [since for since, _ in self.waits]
        dones = sorted((done, since) for since, done in waits if done is not None)
        self.done = [done for done, _ in dones]
        self.passed = []  # the newest that has come through, as of each of `done`
        newest = 0
        for _, since in dones:
            newest = max(newest, since)
            self.passed.append(newest)
        self.lags = [(done - since) for done, since in dones]
        self.usual = {}  # 99th percentile of so many lags

    def look(self, at):
        """(arrived, through, heard, waiting, age of the oldest) of runs that none has overtaken."""
        through = bisect.bisect_right(self.done, at)
        passed = self.passed[through - 1] if through else 0
        first = bisect.bisect_right(self.since, passed)
        last = bisect.bisect_right(self.since, at)
        left = [since for since, done in self.waits[first:last] if done is None or done > at]
        return (last, through, bisect.bisect_right(self.heard, at), len(left),
                at - left[0] if left else 0)

    def allowed(self, at, within):
        count = bisect.bisect_right(self.done, at)
        if count < USUAL_MIN:
            return within
        if count not in self.usual:
            self.usual[count] = sorted(self.lags[:count])[-(-count * 99 // 100) - 1]
        return max(SECOND, min(within, self.usual[count]))

    def judge(self, looks, first, at, allowed, margin=0):
        """The verdict at a time; looks: times of those before it, the newest LOOKS; the first
        of all. margin: of what counts as no fall."""
        if len(looks) < LOOKS_MIN:
            return "unknown"
        seen = [self.look(time) for time in looks]
        now = self.look(at)
        if now[3] == 0:
            return "idle" if seen[0][:2] == now[:2] else "ok"
        if now[4] <= allowed or not all(look[3] for look in seen):
            return "ok"
        heard_at = self.heard_at(looks, first)
        if now[2] == seen[-1][2] and at - heard_at > looks[-1] - looks[0]:
            return "stop"
        if seen[0][1] == now[1]:
            return "stall"
        course = seen + [now]
        never_fell = all(b[3] >= a[3] + margin and b[4] >= a[4] + margin * SLACK_S * SECOND
                         for a, b in zip(course, course[1:]))
        return "warn" if never_fell and (now[3] > seen[0][3] or now[4] > seen[0][4]) else "ok"

    def heard_at(self, looks, first):
        """The first look that knew of what was heard last, also of those that are gone."""
        count = bisect.bisect_right(self.heard, looks[-1])
        if count == 0:
            return first
        apart = LOOK_S * SECOND
        return max(first, looks[-1] - (looks[-1] - self.heard[count - 1]) // apart * apart)

    def possible(self, looks, first, at, within):
        """What may be said, with the slack of times and quantiles."""
        found = set()
        for slack in (-SLACK_S, 0, SLACK_S):
            shifted = [look + slack * SECOND for look in looks]
            time = at + slack * SECOND
            allowed = self.allowed(time, within)
            for share in (1 - SLACK_SHARE, 1 + SLACK_SHARE):
                for margin in (-1, 0, 1):
                    found.add(self.judge(shifted, first, time, allowed * share, margin))
        if {"stop", "ok"} <= found:
            found.add("stall")  # heard of a moment before something came through
        return found


def steps_of(ledger, workflows):
    """{(workflow, step): (Step, within, system)}, {workflow: first event}."""
    waits, heard, first = collections.defaultdict(list), collections.defaultdict(list), {}
    stores = ledger.stores()
    for (name, _), run in facts_of_runs(ledger, workflows).items():
        steps = run.workflow.steps
        done = [run.done_at(number, stores) for number in range(len(steps))]
        present = {key for facts in run.facts for _, said in facts for key in said.attributes}
        for number, step in enumerate(steps):
            times = [said.at for _, said in run.facts[number]]
            heard[name, step.name] += times
            if times:
                first[name] = min(first.get(name, min(times)), min(times))
            if not any(done[start] for start, _ in enumerate(steps) if not steps[start].after):
                continue  # of another workflow that shares the step: heard, but nobody waits
            since = max((done[before] or 0 for before in step.after), default=0)
            applies = step.when is None or step.when in present
            if since and applies and not step.optional:
                waits[name, step.name].append((since, done[number]))
            elif done[number] is not None:  # nobody waits for a start
                waits[name, step.name].append((done[number], done[number]))
    found = {(workflow.name, step.name): (
        Step(waits[workflow.name, step.name], heard[workflow.name, step.name]),
        step.within or 0, step.system) for workflow in workflows for step in workflow.steps}
    return found, first


def play(directory, seed):
    """(ledger, looks: what the tower said when)."""
    path = os.path.join(directory, "ledger")
    config = os.path.join(directory, "tillwatch.yaml")
    names = ", ".join('"%04d"' % (number + 1) for number in range(600))
    with open(config, "w", encoding="utf-8") as file:
        file.write(config_with().replace("track:\n", "track:\n  expected-stores: [%s]\n" % names))
    command = [program_path("retail-sim"), "--stores", "600", "--rate", "12", "--unpaced",
               "--duration", str(LASTS_S), "--seed", str(seed), "--start", "2026-11-21T10:00:00Z",
               "--stdout", "--stamps", "--quiet", "--ledger", path, "--ledger-journeys",
               "--ledger-runs"]
    for fault in FAULTS:
        command += ["--fault", fault]
    estate = subprocess.Popen(command, stdout=subprocess.PIPE)
    player = subprocess.Popen(
        [program_path("tower-play"), "--config", config, "--look", "10"], stdin=estate.stdout,
        stdout=subprocess.PIPE,
        env={**os.environ, "TILLWATCH_STATE": os.path.join(directory, "state")})
    estate.stdout.close()
    looks = [json.loads(line) for line in player.stdout]
    if estate.wait() or player.wait():
        raise RuntimeError("the estate was not played to its end")
    return RunLedger(path), looks


def verdicts(looks):
    """{(workflow, step): [(at, verdict)]} of the documents."""
    found = collections.defaultdict(list)
    for look in looks:
        for key, document in look["documents"].items():
            if key.startswith("workflow/"):
                for step in document["steps"]:
                    found[document["workflow"], step["name"]].append(
                        (look["at_us"], step["verdict"]))
    return found


def differences(steps, first, told, until):
    """What the tower said otherwise than the ledger; how often it was held against it."""
    count = 0
    wrong = []
    for key, row in sorted(told.items()):
        step, within, _ = steps[key]
        begin = first.get(key[0], until)
        for at, verdict in row:
            if at >= until:
                break
            # A look at the end of the first second in which the workflow has events, then each
            # half minute.
            first_look = begin // SECOND * SECOND + TICK_US
            looks = list(range(first_look, at + 1, LOOK_S * SECOND))[-LOOKS:]
            count += 1
            if verdict == step.judge(looks, first_look, at, step.allowed(at, within)):
                continue
            possible = step.possible(looks, first_look, at, within)
            if verdict not in possible:
                wrong.append("%s at %d s: %s, by the ledger %s" % (
                    " ".join(key), (at - until) // SECOND + LASTS_S, verdict, sorted(possible)))
    return wrong, count


def spans(row, start, words):
    """[(from, until)] in seconds during which one of the words was said."""
    found = []
    for at, verdict in row:
        second = (at - start) // SECOND
        if verdict in words and found and found[-1][1] >= second - 10:
            found[-1][1] = second
        elif verdict in words:
            found.append([second, second])
    return found


def check_seed(tap, workflows, seed):
    name = "seed %d" % seed
    with tempfile.TemporaryDirectory(prefix="tw-verdicts-") as directory:
        ledger, looks = play(directory, seed)
    start = ledger.started["start_us"]
    steps, first = steps_of(ledger, workflows)
    told = verdicts(looks)
    wrong, count = differences(steps, first, told, start + LASTS_S * SECOND)
    tap.note("%d verdicts of %d steps" % (count, len(told)))
    tap.ok(not wrong, name + ": every verdict is that of the ledger", "\n".join(wrong[:60]))
    called = {"loyalty", "crm", "cdp", "marketing"}
    odd, stopped, stalled = [], set(), set()
    for key, row in sorted(told.items()):
        system = steps[key][2]
        for begin, end in spans([said for said in row if said[0] < start + LASTS_S * SECOND],
                                start, BAD):
            tap.note("%s: %d to %d s" % (" ".join(key), begin, end))
            window = ERP if system == "erp" else CALLS if system in called else None
            # All that was put off is done within a minute after the window.
            if window is None or begin < window[0] or end > window[1] + 70:
                odd.append("%s: %d to %d s" % (" ".join(key), begin, end))
        if spans(row, start, ("stop",)) and system == "erp":
            stopped.add(key[0])
        if spans(row, start, ("stall",)) and system in called:
            stalled.add(key[0])
    tap.ok(not odd, name + ": nothing is said to be late but what was, while it was", odd)
    tap.ok({"sale-posting", "inventory-sync"} <= stopped, name + ": a silent ERP is a stop",
           stopped)
    tap.ok("sale-posting" in stalled, name + ": calls that are all refused are a stall", stalled)
    behind = [look["documents"]["overview"]["sources_behind"] for look in looks]
    tap.equal(max(behind), 0, name + ": no source is said to be behind")


def main():
    workflows = load(PACK)
    with Tap() as tap:
        for seed in (1, 2, 3):
            check_seed(tap, workflows, seed)


if __name__ == "__main__":
    main()
