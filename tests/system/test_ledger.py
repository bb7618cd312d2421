#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A simulated estate with every fault of delivery against a real tower, over all three taps: what
the tower reports equals the ledger exactly, before and after a restart.
LEDGER_EVENTS: events of the run (1000000); LEDGER_JOURNEYS: journeys compared (600).
"""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from compare_ledger import Api, Ledger, compare, compare_journey, sample  # noqa: E402
from tap import Tap  # noqa: E402
from tower import Tower, config_with, program_path  # noqa: E402

EVENTS = int(os.environ.get("LEDGER_EVENTS", "1000000"))
JOURNEYS = os.environ.get("LEDGER_JOURNEYS", "600")
FAULTS = ("duplicate:p=0.005", "conflict:p=0.001", "out-of-order:p=0.003", "loss:p=0.0004",
          "garbage:p=0.001", "garbage-id:p=0.002", "double-posting:p=0.005",
          "bad-master-data:p=0.005", "throttling:p=0.05", "clock-skew:stores=5,offset=90",
          "store-offline:stores=5,from=5,for=20")


def play(tower, directory, events, *more):
    """Run the estate against the tower; (status, what it said, path of the ledger)."""
    path = os.path.join(directory, "ledger.ndjson")
    arguments = [program_path("retail-sim"), "--ledger", path, "--ledger-journeys",
                 "--events", str(events), *more]
    # Some 3,000 events share an identifier: well beyond the 100 links of a hub. Below them it
    # would join their journeys, as it should, and the comparison would take minutes.
    for fault in FAULTS + ("hub:p=%g,id=NIGHTLY" % min(0.5, 5000 / events),):
        arguments += ["--fault", fault]
    done = subprocess.run(arguments, env=tower.environment(), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout.decode(errors="replace"), path


def agree(tap, tower, ledger, name, journeys):
    """One case: nothing differs."""
    wrong = []
    for difference in compare(ledger, Api(tower.url), journeys):
        wrong.append(difference)
        if len(wrong) >= 40:
            break
    tap.ok(not wrong, name, "\n".join(wrong))


def notices(tap, tower, path, name):
    """A comparison that finds nothing must be able to find something: each lie is noticed."""
    ledger = Ledger(path)
    source = next(fact for fact in ledger.sources.values() if fact["missing"])
    source["missing"] = source["missing"][1:] + [[source["last"] + 1, source["last"] + 1]]
    ledger.finished["duplicates"] += 1
    reason = sorted(ledger.garbage)[0]
    ledger.garbage[reason] += 1
    order = next(name for name in sorted(ledger.by_object) if name.startswith("order:"))
    ledger.event_ids[ledger.by_object[order][0]] = "another"
    said = list(compare(ledger, Api(tower.url), "0")) + list(
        compare_journey(ledger, Api(tower.url), order))
    wanted = ["total events_duplicate:", "source %s: missing numbers:" % source["source"],
              "quarantine %s:" % reason, "journey %s:" % order]
    unnoticed = [start for start in wanted if not any(text.startswith(start) for text in said)]
    tap.ok(not unnoticed, name + ": a ledger that lies is noticed", unnoticed)


def run(tap, name, events, *arguments):
    """One estate against one tower that was empty."""
    # A hub's journey has 10,000 events: more than the usual deadline on a busy machine.
    config = config_with(**{"query-deadline-ms": 60000})
    with tempfile.TemporaryDirectory(prefix="tw-ledger-") as directory, \
            Tower(config=config) as tower:
        status, said, path = play(tower, directory, events, *arguments)
        tap.note(said)
        if not tap.ok(status == 0, name + ": the estate ran to its end", said):
            tap.note(tower.log()[-2000:])
            return
        ledger = Ledger(path)
        finished = ledger.finished
        happened = [fact for fact in ("duplicates", "conflicts", "withheld", "late", "filled",
                                      "double_effects", "objects_ignored", "uncorrelated")
                    if finished[fact] == 0]
        tap.ok(not happened, name + ": every fault happened", happened)
        tap.ok(finished["resent"] == 0, name + ": nothing had to be sent again", finished)
        tap.note("%d journeys are compared" % len(sample(ledger, JOURNEYS)))
        agree(tap, tower, ledger, name + ": the tower's answers equal the ledger", JOURNEYS)
        notices(tap, tower, path, name)
        tap.equal(tower.stop(), 0, name + ": the tower stops cleanly")
        tower.start()
        agree(tap, tower, ledger, name + ": so they do after a restart", "60")


def main():
    with Tap() as tap:
        run(tap, "all taps, batches", EVENTS, "--stores", "1000", "--seed", "11",
            "--per-message", "16")
        run(tap, "acknowledged tap, one event a message", EVENTS // 5, "--stores", "100",
            "--seed", "12", "--tap", "router", "--fault", "sequence-rewind:p=0.001,max=20")


if __name__ == "__main__":
    main()
