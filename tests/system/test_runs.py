#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""600 stores, every workflow of the pack, every fault, three seeds: what a real tower says of every
run equals what was done, before and after a restart, and after kill -9 twice in the middle.

The days that deadlines take have passed already when the events arrive: they are of two weeks
ago. So every run must come to its end, and none may be late because it was read late. What skewed
clocks do is seen live, with events that arrive when they happen.

RUNS_EVENTS: events of each estate (30000); RUNS_JOURNEYS: journeys looked up (300).
"""
import collections
import copy
import datetime
import os
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from compare_ledger import Api, compare_sources, compare_totals, wait_for_all  # noqa: E402
from compare_runs import (PACK, TROUBLE, RunLedger, compare, compare_facts,  # noqa: E402
                          compare_journey, expect, listed_runs, load, print_score, score)
from tap import Tap  # noqa: E402
from tower import Tower, config_with, program_path, wait_until  # noqa: E402

EVENTS = int(os.environ.get("RUNS_EVENTS", "30000"))
JOURNEYS = os.environ.get("RUNS_JOURNEYS", "300")
STORES = 600
IDLE_S = 3
AGO = datetime.timedelta(days=14)
# A hub at 100 links: while an identifier is no hub yet it truly joins what carries it.
MAX_LINKS = 100
FAULTS = ("duplicate:p=0.005", "conflict:p=0.001", "out-of-order:p=0.003", "loss:p=0.001",
          "garbage:p=0.001", "garbage-id:p=0.002", "hub:p=0.03,id=NIGHTLY",
          "sequence-rewind:p=0.0002,max=5", "double-posting:p=0.005", "bad-master-data:p=0.01",
          "throttling:p=0.05", "erp-outage:from=6,for=4", "silent-store:stores=5,from=4,for=10",
          "store-offline:stores=5,from=4,for=40", "flash-sale:from=10,for=4",
          "step-missing:p=0.01", "slow-step:p=0.01,delay=14400", "ack-missing:p=0.02",
          "cancellation:p=0.05", "step-failed:p=0.02", "taken-back:p=0.02",
          "shared-correlation:p=0.05")
# What is rare otherwise: some of each in every estate.
SHARES = ("price-update=60", "promotion-rollout=60", "settlement=200", "replenishment=400",
          "product-master=400")
# Live: whose clock is wrong is known after some time.
LIVE_S = 80
LIVE_STORES = 6
LEARNT_US = 50 * 1000000


def config(stores, **changes):
    """The built-in one with roll-outs to all stores and little patience."""
    text = config_with(**{"idle-s": IDLE_S, "settle-s": 1, "max-links": MAX_LINKS,
                          "query-deadline-ms": 60000, **changes})
    names = ", ".join('"%04d"' % (number + 1) for number in range(stores))
    return text.replace("track:\n", "track:\n  expected-stores: [%s]\n" % names)


def arguments(path, seed, *more):
    start = datetime.datetime.now(datetime.timezone.utc) - AGO
    command = [program_path("retail-sim"), "--stores", str(STORES), "--events", str(EVENTS),
               "--seed", str(seed), "--start", start.strftime("%Y-%m-%dT00:00:00Z"), "--drain",
               "--per-message", "16", "--ledger", path, "--ledger-journeys", "--ledger-runs",
               "--quiet", *more]
    for share in SHARES:
        command += ["--share", share]
    for fault in FAULTS:
        command += ["--fault", fault]
    return command


def settle(tower, expected):
    """Until the tower lists as many runs in trouble as there are, and has said all it has to."""
    wanted = collections.Counter(verdict.state for verdict in expected.values()
                                 if verdict.troubled)

    def is_settled():
        found = collections.Counter(row["state"] for row in listed_runs(Api(tower.url)).values())
        return all(found[state] == count for state, count in wanted.items())

    try:
        wait_until(is_settled, "as many runs in trouble as there are", interval=0.5)
    except TimeoutError:
        pass  # the comparison says what is missing
    # Deadlines that would be false alarms fire once the sources have been silent for long enough.
    threading.Event().wait(2 * IDLE_S)


def said_of(step, role):
    """Noun and verb of the event type that means this to a step, as --list-flows has them."""
    names = [name for name, _ in step.patterns[role]]
    return names[0].split(".", 3)[3] if names else "-"


def check_tables(tap, workflows):
    """What the simulator plays against what the definitions ask for."""
    told = subprocess.run([program_path("retail-sim"), "--list-flows"], stdout=subprocess.PIPE,
                          check=True).stdout.decode()
    flows = collections.defaultdict(dict)
    wrong = []
    for line in told.splitlines():
        name, _, step, after, within, least, most, failure, taken_back = line.split()
        if step == "-":
            continue
        row = (after, int(within), failure, taken_back)
        if flows[name].setdefault(step, row) != row:
            wrong.append("%s %s: %s and %s" % (name, step, flows[name][step], row))
        if int(within) and int(most) > int(within) * 500 or int(least) > int(most):
            wrong.append("%s %s waits up to %s ms, due in %s s" % (name, step, most, within))
    for workflow in workflows:
        for step in workflow.steps:
            after = workflow.steps[step.after[0]].name if step.after else "-"
            row = (after, (step.within or 0) // 1000000, said_of(step, "failed"),
                   # A whole order is cancelled by a fault of its own.
                   said_of(step, "compensated") if step.after else "-")
            if flows[workflow.name].get(step.name) != row:
                wrong.append("%s %s: definition %s, simulator %s" % (
                    workflow.name, step.name, row, flows[workflow.name].get(step.name)))
    tap.ok(not wrong, "every step of every workflow is played, its failure and its compensation, "
           "within the same deadlines", wrong)


def agree(tap, tower, ledger, expected, name, journeys=JOURNEYS, skip=()):
    """One case: nothing is missed, nothing alarmed falsely."""
    wrong = {key: texts for key, texts in compare(Api(tower.url), expected, journeys).items()
             if key not in skip}
    tap.ok(not wrong, name, "\n".join([text for key in sorted(wrong) for text in wrong[key]][:40]))
    rows = list(score(ledger, expected, wrong))
    if journeys == JOURNEYS:
        print_score(rows, out=tap.note)
    return rows


def check_lies(tap, tower, expected, name):
    """A comparison that finds nothing must be able to find something: each lie is noticed."""
    lies = {}
    for state, lie in (("overdue", "completed"), ("failed", "overdue"), ("completed", "overdue"),
                       ("recovered", "completed"), ("compensated", "recovered")):
        key = next(key for key in sorted(expected) if expected[key].state == state)
        lies[key] = copy.copy(expected[key])
        lies[key].state = lie
        lies[key].troubled = ["sold"] if lie == "overdue" else []
    steps = next(key for key in sorted(expected) if expected[key].state == "completed"
                 and key not in lies)
    lies[steps] = copy.copy(expected[steps])
    lies[steps].steps = {step: (state, attempts + 1, late) for step, (state, attempts, late)
                         in expected[steps].steps.items()}
    fan_out = next(key for key in sorted(expected) if expected[key].missing)
    lies[fan_out] = copy.copy(expected[fan_out])
    lies[fan_out].missing = expected[fan_out].missing[1:]
    wrong = compare(Api(tower.url), {**expected, **lies}, "0")
    unnoticed = [key for key in lies if key not in wrong and not any(
        compare_journey(Api(tower.url), key, lies[key]))]
    tap.ok(not unnoticed, name + ": expectations that lie are noticed", unnoticed)
    forgotten = next(key for key in sorted(expected) if expected[key].state == "overdue")
    rest = {key: verdict for key, verdict in expected.items() if key != forgotten}
    tap.ok(list(compare(Api(tower.url), rest, "0")) == [forgotten],
           name + ": an alarm that nobody expects is noticed")


def check_estate(tap, workflows, seed):
    """One estate, one tower that was empty, and its restart."""
    name = "seed %d" % seed
    with tempfile.TemporaryDirectory(prefix="tw-runs-") as directory, \
            Tower(config=config(STORES)) as tower:
        path = os.path.join(directory, "ledger")
        done = subprocess.run(arguments(path, seed), env=tower.environment(),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if not tap.ok(done.returncode == 0, name + ": the estate ran to its end", done.stdout):
            return
        ledger = RunLedger(path)
        wrong = list(compare_facts(ledger, workflows, max_links=MAX_LINKS))
        tap.ok(not wrong, name + ": the model and the simulator tell the same of every run",
               "\n".join(wrong[:40]))
        # Events of two weeks ago: that a clock is wrong cannot be seen.
        expected = expect(ledger, workflows, clock="stated", max_links=MAX_LINKS)
        states = collections.Counter(verdict.state for verdict in expected.values())
        tap.note(dict(states))
        tap.ok(all(states[state] for state in TROUBLE + ("completed",)),
               name + ": there are runs of every state", dict(states))
        api = Api(tower.url)
        late = wait_for_all(ledger, api, 60)
        tap.ok(late is None, name + ": everything was read", late)
        wrong = list(compare_totals(ledger, api)) + list(compare_sources(ledger, api))
        tap.ok(not wrong, name + ": every gap and every total is as in the ledger",
               "\n".join(wrong[:40]))
        settle(tower, expected)
        rows = agree(tap, tower, ledger, expected, name + ": nothing missed, no false alarm")
        kinds = {row[0] for row in rows if row[1]}
        wanted = {"erp-outage", "bad-master-data", "step-missing", "slow-step", "ack-missing",
                  "cancellation", "step-failed", "taken-back", "loss", "hub", "duplicate",
                  "out-of-order"}
        tap.ok(wanted <= kinds, name + ": every kind of fault met runs", wanted - kinds)
        if seed == 1:
            check_lies(tap, tower, expected, name)
        tap.equal(tower.stop(), 0, name + ": the tower stops cleanly")
        tower.start()
        settle(tower, expected)
        agree(tap, tower, ledger, expected, name + ": so it is after a restart", "60")


def objectives(tower):
    """What was decided of each objective, but for those that watch the minutes that pass."""
    return {row["name"]: {key: row[key] for key in ("good", "total", "undecided")}
            for row in Api(tower.url).pages("/api/v1/objectives") if row["kind"] != "freshness"}


def play(tap, workflows, name, kills):
    """The same events on the acknowledged tap, paced; (lists of runs, objectives) at the end."""
    with tempfile.TemporaryDirectory(prefix="tw-runs-") as directory, \
            Tower(config=config(STORES, **{"snapshot-s": 2})) as tower:
        path = os.path.join(directory, "ledger")
        player = subprocess.Popen(
            arguments(path, 4, "--tap", "router", "--resend-ms", "1000", "--rate", "4000",
                      "--speed", "3"),
            env=tower.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for number in range(kills):
            # After a start the counters begin at what is stored.
            least = EVENTS * (number + 1) // (kills + 2)
            wait_until(lambda: tower.total("events_accepted") >= least, "events to come")
            tower.kill()
            tower.start()
        said = player.communicate()[0]
        if not tap.ok(player.returncode == 0, name + ": the estate ran to its end", said):
            return None
        ledger = RunLedger(path)
        expected = expect(ledger, workflows, clock="stated", max_links=MAX_LINKS)
        settle(tower, expected)
        agree(tap, tower, ledger, expected, name + ": nothing missed, no false alarm", "100")
        rows = {key: (row["state"], row["step"], row["cause"], row["attempts"], row["answered"])
                for key, row in listed_runs(Api(tower.url)).items()
                if row["state"] in ("failed", "overdue")}
        return rows, objectives(tower)


def check_kill(tap, workflows):
    whole = play(tap, workflows, "without a kill", 0)
    killed = play(tap, workflows, "killed twice", 2)
    if whole is None or killed is None:
        return
    tap.ok(whole[0] == killed[0], "killed twice: the runs in trouble are those of a whole run",
           [(key, whole[0].get(key), killed[0].get(key)) for key in set(whole[0]) | set(killed[0])
            if whole[0].get(key) != killed[0].get(key)][:20])
    tap.ok(whole[1] and whole[1] == killed[1], "killed twice: so are the objectives",
           [(key, whole[1].get(key), killed[1].get(key)) for key in set(whole[1]) | set(killed[1])
            if whole[1].get(key) != killed[1].get(key)][:20])


class Live:
    """A small estate as it happens, with clocks that are wrong, beside the other cases."""

    def __init__(self, offset):
        self.name = "live, clocks %+d s" % offset
        self.is_behind = offset < 0
        self.journeys = "all"
        self.directory = tempfile.TemporaryDirectory(prefix="tw-runs-")
        self.tower = Tower(config=config(LIVE_STORES)).start()
        self.ledger = os.path.join(self.directory.name, "ledger")
        self.player = subprocess.Popen(
            [program_path("retail-sim"), "--stores", str(LIVE_STORES), "--rate", "120",
             "--duration", str(LIVE_S), "--seed", "6", "--quiet", "--ledger", self.ledger,
             "--ledger-journeys", "--ledger-runs", "--share", "loyalty-redemption=4000",
             "--fault", "clock-skew:stores=2,offset=%d" % offset,
             "--fault", "step-missing:p=0.02"],
            env=self.tower.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def close(self):
        self.player.kill()
        self.player.wait()
        self.tower.close()
        self.directory.cleanup()

    def check(self, tap, workflows):
        said = self.player.communicate()[0]
        if not tap.ok(self.player.returncode == 0, self.name + ": ran to its end", said):
            return
        ledger = RunLedger(self.ledger)
        late = wait_for_all(ledger, Api(self.tower.url), 30)
        tap.ok(late is None, self.name + ": everything was read", late)
        wrong = list(self.compare_clocks(ledger))
        tap.ok(not wrong, self.name + ": clocks that are wrong are seen, and no others", wrong)
        # Deadlines pass while questions are asked: what may change meanwhile is left out.
        before = expect(ledger, workflows, watermark=int((time.time() - 5) * 1e6))
        started = time.monotonic()
        wrong = compare(Api(self.tower.url), before, self.journeys)
        after = expect(ledger, workflows, watermark=int((time.time() + 5) * 1e6))
        tap.note("compared in %.1f s" % (time.monotonic() - started))
        moving = {key for key in before if before[key].steps != after[key].steps}
        unknown = {key for key in before if self.is_behind and self.is_early(ledger, key)}
        skewed = [key for key in before if key not in unknown
                  and "clock-skew" in ledger.run_facts.get(key, {"faults": ()})["faults"]]
        overdue = [key for key in before if before[key].state == "overdue"]
        tap.note("%d runs, %d moving, %d before the clocks were known, %d after, %d overdue" % (
            len(before), len(moving), len(unknown), len(skewed), len(overdue)))
        tap.note("%d runs that began before are listed as if late" % len(set(wrong) & unknown))
        tap.ok(len(skewed) > 50 and overdue, self.name + ": there are such runs")
        wrong = [text for key in sorted(wrong) if key not in moving | unknown
                 for text in wrong[key]]
        tap.ok(not wrong, self.name + ": every run is as with clocks that are right",
               "\n".join(wrong[:40]))

    def compare_clocks(self, ledger):
        """The shortest way of the events of each source is that of its clock."""
        for name, row in Api(self.tower.url).sources().items():
            store = name.split("/")[2][len("store-"):] if name.startswith("/pos/") else None
            offset_s = ledger.skews.get(store, 0) / 1e6
            if not -offset_s <= row["transit_min_seconds"] < -offset_s + 5:
                yield "%s: clock %+g s, the shortest way %g s" % (
                    name, offset_s, row["transit_min_seconds"])
            if (row["skew_seconds"] > 0) != (offset_s > 0):
                yield "%s: clock %+g s, said to be ahead by %g s" % (
                    name, offset_s, row["skew_seconds"])

    def is_early(self, ledger, key):
        """A run of a store whose clock could not be known to be behind yet."""
        fact = ledger.run_facts.get(key)
        return (fact is not None and "clock-skew" in fact["faults"]
                and first_at(ledger, key[1]) < ledger.started["start_us"] + LEARNT_US)


def first_at(ledger, name):
    return min(ledger.said[number].true for number in ledger.by_object[name])


def main():
    workflows = load(PACK)
    live = [Live(90), Live(-90)]
    with Tap() as tap:
        try:
            run(tap, workflows, live)
        finally:
            for estate in live:
                estate.close()


def run(tap, workflows, live):
    check_tables(tap, workflows)
    for seed in (1, 2, 3):
        check_estate(tap, workflows, seed)
    check_kill(tap, workflows)
    for estate in live:
        estate.check(tap, workflows)


if __name__ == "__main__":
    main()
