#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""600 stores, every workflow of the pack, every fault, three seeds: what a tower says of every run,
gap, clock and repeated event equals what was done. Precision and recall of every kind of fault are
kept in build/fault-table.txt.

The seeds are played on simulated time (tests/support/play.c), so that clocks that are wrong are
seen as they would be live and deadlines of days pass: the real pipeline writes a real store, and a
real web half answers for it. One is played again and killed twice on the way: every document and
every list is the same.

Over real taps, with real kills, events of two weeks ago come: every run must come to its end, and
none may be late because it was read late.

RUNS_EVENTS: events of each estate (20000); RUNS_JOURNEYS: journeys looked up (300).
"""
import collections
import copy
import datetime
import os
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import fault_table  # noqa: E402
from compare_ledger import (Api, compare_quarantine, compare_sources,  # noqa: E402
                            compare_totals, wait_for_all)
from compare_runs import (PACK, RunLedger, compare, compare_facts, compare_journey,  # noqa: E402
                          expect, listed_runs, load)
from fault_table import OF_RUNS, TROUBLE  # noqa: E402
from tap import Tap  # noqa: E402
from tower import BUILD, Tower, config_with, program_path, wait_until  # noqa: E402

EVENTS = int(os.environ.get("RUNS_EVENTS", "20000"))
JOURNEYS = os.environ.get("RUNS_JOURNEYS", "300")
STORES = 600
IDLE_S = 3
AGO = datetime.timedelta(days=14)
# A hub at 100 links: while an identifier is no hub yet it truly joins what carries it.
MAX_LINKS = 100
FAULTS = ("duplicate:p=0.005", "conflict:p=0.001", "out-of-order:p=0.003", "loss:p=0.001",
          "garbage:p=0.001", "garbage-id:p=0.002", "hub:p=0.03,id=NIGHTLY",
          "sequence-rewind:p=0.0008,max=9", "double-posting:p=0.005", "bad-master-data:p=0.01",
          "throttling:p=0.05", "erp-outage:from=6,for=4", "silent-store:stores=5,from=4,for=10",
          "store-offline:stores=5,from=4,for=40", "flash-sale:from=10,for=4",
          "step-missing:p=0.01", "slow-step:p=0.01,delay=14400", "ack-missing:p=0.02",
          "cancellation:p=0.05", "step-failed:p=0.02", "taken-back:p=0.02",
          "shared-correlation:p=0.05")
# What is rare otherwise: some of each in every estate.
SHARES = ("price-update=60", "promotion-rollout=60", "settlement=200", "replenishment=400",
          "product-master=400")
TABLE = os.path.join(BUILD, "fault-table.txt")
# On simulated time: RATE events a second of it. Whose clock is wrong sells nothing before that can
# be known.
RATE = 133
LIVE_FAULTS = ("erp-outage:from=60,for=30", "silent-store:stores=40,from=60,for=40",
               "store-offline:stores=10,from=60,for=50", "flash-sale:from=110,for=10,factor=4",
               "clock-skew:stores=10,offset=90,both=1,opens=45")
AGAIN = 3  # the seed that is played twice
UNTIL_DUE = "432000/3600"  # the longest deadlines are over after five days


def config(stores, **changes):
    """The built-in one with roll-outs to all stores and little patience."""
    text = config_with(**{"idle-s": IDLE_S, "settle-s": 1, "max-links": MAX_LINKS,
                          "query-deadline-ms": 60000, **changes})
    names = ", ".join('"%04d"' % (number + 1) for number in range(stores))
    return text.replace("track:\n", "track:\n  expected-stores: [%s]\n" % names)


def arguments(path, seed, *more, faults=FAULTS):
    start = datetime.datetime.now(datetime.timezone.utc) - AGO
    command = [program_path("retail-sim"), "--stores", str(STORES), "--events", str(EVENTS),
               "--seed", str(seed), "--start", start.strftime("%Y-%m-%dT00:00:00Z"), "--drain",
               "--per-message", "16", "--ledger", path, "--ledger-journeys", "--ledger-runs",
               "--quiet", *more]
    for share in SHARES:
        command += ["--share", share]
    for fault in faults:
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


def agree(tap, tower, expected, name, journeys=JOURNEYS, more=()):
    """One case: nothing is missed, nothing alarmed falsely."""
    wrong = compare(Api(tower.url), expected, journeys, more)
    tap.ok(not wrong, name, "\n".join([text for key in sorted(wrong) for text in wrong[key]][:40]))
    return wrong


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


def agrees_with_itself(tap, workflows, ledger, name):
    """The ledger's two tellings; what every run must come to."""
    wrong = list(compare_facts(ledger, workflows, max_links=MAX_LINKS))
    tap.ok(not wrong, name + ": the model and the simulator tell the same of every run",
           "\n".join(wrong[:40]))


class Played:
    """An estate on simulated time, and a web half on the store that this leaves behind."""

    def __init__(self, seed, *more):
        windows = {fault.split(":")[0] for fault in LIVE_FAULTS}
        # What was withheld last of a till comes when all is over, hours after the rest of its sale.
        self.tower = Tower(config=config(STORES, **{"idle-s": 60, "linger-s": 86400}),
                           args=["--only", "web"])
        self.ledger = os.path.join(self.tower.base, "ledger")
        estate = subprocess.Popen(
            arguments(self.ledger, seed, "--rate", str(RATE), "--unpaced", "--stdout", "--stamps",
                      faults=LIVE_FAULTS + tuple(fault for fault in FAULTS
                                                 if fault.split(":")[0] not in windows)),
            stdout=subprocess.PIPE)
        self.player = subprocess.Popen(
            [program_path("tower-play"), "--config", self.tower.config_path, "--batch", "5",
             "--after", UNTIL_DUE, *more], stdin=estate.stdout, env=self.tower.environment())
        estate.stdout.close()
        self.estate = estate

    def __enter__(self):
        self.statuses = (self.estate.wait(), self.player.wait())
        # Its last batch is of long ago: that it is not ready is true.
        self.tower.start(wait=False)
        wait_until(lambda: self.tower.status_of("/healthz") == 200, "the web half")
        return self

    def __exit__(self, *_):
        for process in (self.estate, self.player):
            process.kill()
            process.wait()
        self.tower.close()


def table_of(ledger, workflows, expected, api, wrong):
    """Every kind of fault that the estate has met, in its own unit."""
    found = api.sources()
    listed = listed_runs(api)
    starts = {name for workflow in workflows for step in workflow.steps if not step.after
              for name, _ in step.patterns["done"]}
    ignored = (ledger.finished["objects_ignored"], api.total("objects_ignored"))
    return [*fault_table.of_sources(ledger, found),
            fault_table.of_quarantine(ledger, api),
            fault_table.counted("garbage-id", "objects", [ignored]),
            fault_table.of_hub(ledger, api, 40),
            fault_table.of_clocks(ledger, found),
            fault_table.of_effects(ledger, api),
            fault_table.of_answers(expected, listed),
            fault_table.of_peak(ledger, api, starts),
            *fault_table.of_runs(ledger, expected, wrong, wrong.judged)]


def check_played(tap, workflows, seed):
    """One seed on simulated time."""
    name = "seed %d" % seed
    with Played(seed) as played:
        if not tap.equal(played.statuses, (0, 0), name + ": the estate was played to its end"):
            return
        ledger = RunLedger(played.ledger)
        agrees_with_itself(tap, workflows, ledger, name)
        expected = expect(ledger, workflows, max_links=MAX_LINKS)
        states = collections.Counter(verdict.state for verdict in expected.values())
        tap.note(dict(states))
        tap.ok(all(states[state] for state in TROUBLE + ("completed",)),
               name + ": there are runs of every state", dict(states))
        api = Api(played.tower.url)
        wrong = list(compare_totals(ledger, api)) + list(compare_sources(ledger, api)) + list(
            compare_quarantine(ledger, api))
        tap.ok(not wrong, name + ": every gap and every total is as in the ledger",
               "\n".join(wrong[:40]))
        # Faults that leave no trouble behind: some runs of each are looked up.
        more = [key for kind in OF_RUNS for key in sorted(fault_table.met(ledger, kind))[:60]]
        wrong = agree(tap, played.tower, expected, name + ": nothing missed, no false alarm",
                      more=more)
        rows = table_of(ledger, workflows, expected, api, wrong)
        for line in fault_table.show(rows):
            tap.note(line)
        fault_table.keep(TABLE, name, rows)
        poor = [row[:2] for row in rows if not fault_table.is_perfect(row)]
        tap.ok(not poor, name + ": precision and recall of every kind of fault are 1", poor)
        told = subprocess.run([program_path("retail-sim"), "--list-faults"],
                              stdout=subprocess.PIPE, check=True).stdout.decode()
        kinds = {line.split()[0] for line in told.splitlines() if not line.startswith(" ")}
        # What does not begin is no run: test_alert_weeks.py.
        kinds -= {"standstill", "few-customers"}
        tap.equal(kinds - {row[0] for row in rows}, set(), name + ": every kind is in the table")
        if seed == 1:
            check_lies(tap, played.tower, expected, name)
        if seed == AGAIN:
            check_killed_on_the_way(tap, played.tower, ledger, seed)


def answers(tower):
    """Everything that tracking says, but for what counts the seconds until now."""
    api = Api(tower.url)
    found = {"overview": api.get("/api/v1/overview")}
    for key, row in listed_runs(api).items():
        # That a run waited long, and when its row was written, depends on when it was looked at.
        row.pop("updated")
        if row["state"] not in ("running", "completed"):
            found["run %s %s" % key] = row
    for row in api.pages("/api/v1/workflows"):
        found["workflow " + row["name"]] = api.get("/api/v1/workflows/" + row["name"])
    for row in api.pages("/api/v1/objectives"):
        found["objective " + row["name"]] = api.get("/api/v1/objectives/" + row["name"])
    return found


def differing(wanted, found, path=""):
    """Where two documents differ, but for what counts the time until now."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key in sorted(set(wanted) | set(found), key=str):
            if key not in ("now", "waiting_seconds"):
                yield from differing(wanted.get(key), found.get(key), path + " " + str(key))
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        for index, (one, other) in enumerate(zip(wanted, found)):
            yield from differing(one, other, path + " %d" % index)
    elif wanted != found:
        yield "%s: %s, after kills %s" % (path, str(wanted)[:200], str(found)[:200])


def check_killed_on_the_way(tap, whole, ledger, seed):
    """The same seed, killed twice."""
    name = "seed %d, killed twice on the way" % seed
    lines = ledger.finished["delivered"]
    with Played(seed, "--kill", str(lines // 3), "--kill", str(lines * 2 // 3)) as killed:
        tap.equal(killed.statuses, (0, 0), name + ": played to its end")
        other = list(differing(answers(whole), answers(killed.tower)))
        tap.ok(not other, name + ": every count, budget and list is that of a whole play",
               "\n".join(other[:60]))


def check_taps(tap, workflows):
    """One estate over real taps, one tower that was empty, and its restart."""
    name = "over real taps"
    with tempfile.TemporaryDirectory(prefix="tw-runs-") as directory, \
            Tower(config=config(STORES)) as tower:
        path = os.path.join(directory, "ledger")
        done = subprocess.run(arguments(path, 4), env=tower.environment(),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if not tap.ok(done.returncode == 0, name + ": the estate ran to its end", done.stdout):
            return
        ledger = RunLedger(path)
        agrees_with_itself(tap, workflows, ledger, name)
        # Events of two weeks ago: that a clock is wrong cannot be seen.
        expected = expect(ledger, workflows, clock="stated", max_links=MAX_LINKS)
        api = Api(tower.url)
        late = wait_for_all(ledger, api, 60)
        tap.ok(late is None, name + ": everything was read", late)
        wrong = list(compare_totals(ledger, api)) + list(compare_sources(ledger, api))
        tap.ok(not wrong, name + ": every gap and every total is as in the ledger",
               "\n".join(wrong[:40]))
        settle(tower, expected)
        agree(tap, tower, expected, name + ": nothing missed, no false alarm")
        tap.equal(tower.stop(), 0, name + ": the tower stops cleanly")
        tower.start()
        settle(tower, expected)
        agree(tap, tower, expected, name + ": so it is after a restart", "60")


def counts(tower):
    """Every count and budget: runs by state, steps, objectives and what spent them; but for what
    watches the minutes that pass, as forecasts do."""
    api = Api(tower.url)
    found = {"run %s %s" % key: (row["state"], row["step"], row["cause"], row["attempts"],
                                 row["answered"]) for key, row in listed_runs(api).items()
             if row["state"] in ("failed", "overdue")}
    for row in api.pages("/api/v1/workflows"):
        row = api.get("/api/v1/workflows/" + row["name"])
        found["workflow " + row["name"]] = row["runs"], [
            [step[key] for key in ("name", "waiting", "overdue", "failed")]
            for step in row["steps"]]
    for row in api.pages("/api/v1/objectives"):
        if row["kind"] != "freshness":
            row = api.get("/api/v1/objectives/" + row["name"])
            found["objective " + row["name"]] = [row[key] for key in (
                "good", "bad", "total", "undecided", "excluded", "budget_remaining_so_far")], {
                    by: sorted((str(spent["what"]), spent["bad"]) for spent in row["spend"][by])
                    for by in ("cause", "system", "store")}
    return found


class Paced:
    """The same events on the acknowledged tap, paced, against a real tower."""

    def __init__(self, name):
        self.name = name
        self.directory = tempfile.TemporaryDirectory(prefix="tw-runs-")
        self.tower = Tower(config=config(STORES, **{"snapshot-s": 2})).start()
        self.ledger = os.path.join(self.directory.name, "ledger")
        self.player = subprocess.Popen(
            arguments(self.ledger, 4, "--tap", "router", "--resend-ms", "1000", "--rate", "4000",
                      "--speed", "3"),
            env=self.tower.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def kill(self, at):
        """kill -9 once so many events were accepted, and a start."""
        # After a start the counters begin at what is stored.
        wait_until(lambda: self.tower.total("events_accepted") >= at, "events to come")
        self.tower.kill()
        self.tower.start()

    def finish(self, tap, workflows):
        """What is told in the end; None: it did not come to that."""
        said = self.player.communicate()[0]
        if not tap.ok(self.player.returncode == 0, self.name + ": the estate ran to its end", said):
            return None
        ledger = RunLedger(self.ledger)
        expected = expect(ledger, workflows, clock="stated", max_links=MAX_LINKS)
        settle(self.tower, expected)
        agree(tap, self.tower, expected, self.name + ": nothing missed, no false alarm", "100")
        return counts(self.tower)

    def close(self):
        self.player.kill()
        self.player.wait()
        self.tower.close()
        self.directory.cleanup()


def check_kill(tap, workflows):
    """Two towers side by side; one is killed twice."""
    estates = []
    try:
        for name in ("without a kill", "killed twice"):
            estates.append(Paced(name))
        for number in (1, 2):
            estates[1].kill(EVENTS * number // 4)
        whole, killed = (estate.finish(tap, workflows) for estate in estates)
    finally:
        for estate in estates:
            estate.close()
    if whole is not None and killed is not None:
        tap.ok(whole and whole == killed, "killed twice: every count and budget is that of a whole "
               "run", [(key, whole.get(key), killed.get(key)) for key in set(whole) | set(killed)
                       if whole.get(key) != killed.get(key)][:20])


def main():
    workflows = load(PACK)
    with Tap() as tap:
        if os.path.exists(TABLE):
            os.unlink(TABLE)
        check_tables(tap, workflows)
        for seed in (1, 2, 3):
            check_played(tap, workflows, seed)
        check_taps(tap, workflows)
        check_kill(tap, workflows)


if __name__ == "__main__":
    main()
