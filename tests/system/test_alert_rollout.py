#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Price lists that some stores do not acknowledge, on simulated time under the rules that are built
in: two hours later the first of them is overdue, and half an hour behind that it is told once, as
a ticket; an hour after the last of them it is over, and that is told. Price lists that every store
acknowledges are told to nobody.
"""
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import Tap  # noqa: E402
from tower import config_with, program_path  # noqa: E402

RULE = "RollOutNotAcknowledged"
WITHIN_S = 7200  # the deadline of the step
OVER_S = 3600    # the window of the rule
FOR_S = 1800     # how long it waits: what is many is told by then
TOLD_S = 90      # a tick, a bucket, and what a group waits for
SECONDS = 4.5 * 3600
FAULT = "ack-missing:p=0.02,workflow=price-update,from=900,for=600"


def play(directory):
    def path(name):
        return os.path.join(directory, name)

    with open(path("config.yaml"), "w", encoding="ascii") as f:
        # So few events leave a store without one for a while.
        f.write(config_with(store__dir=path("state"), store_silent_s=3600))
    estate = [program_path("retail-sim"), "--stores", 100, "--rate", 4, "--duration", SECONDS,
              "--seed", 1, "--start", "2026-11-23T09:00:00Z", "--stdout", "--stamps", "--unpaced",
              "--quiet", "--share", "price-update=400", "--share", "promotion-rollout=0",
              "--fault", FAULT, "--ledger", path("ledger"), "--ledger-runs"]
    source = subprocess.Popen([str(word) for word in estate], stdout=subprocess.PIPE)
    tower = subprocess.Popen([program_path("tower-play"), "--config", path("config.yaml"),
                              "--batch", "5", "--no-documents", "--alerts", path("alerts")],
                             stdin=source.stdout, stderr=subprocess.DEVNULL)
    source.stdout.close()
    try:
        is_played = tower.wait() == 0 and source.wait() == 0
    finally:
        for process in (source, tower):
            process.kill()
            process.wait()
    return is_played, lines(path("ledger")), lines(path("alerts"))


def lines(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def check(tap, facts, rows):
    missing = [fact for fact in facts if fact["fact"] == "ack-missing"]
    lists = {fact["object"] for fact in missing}
    runs = [fact for fact in facts if fact["fact"] == "run" and
            fact["workflow"] == "price-update"]
    tap.ok(lists and len(runs) > len(lists), "some price lists lack stores, others do not",
           "%d of %d" % (len(lists), len(runs)))
    first_s = min(fact["at_us"] for fact in missing) / 1e6 + WITHIN_S + FOR_S
    fired = [row for row in rows if row["what"] == "firing" and row["alert"] == RULE]
    tap.equal(len(fired), 1, "it fires once")
    tap.ok(fired and 0 <= fired[0]["at"] - first_s <= TOLD_S,
           "half an hour after the first one is overdue",
           fired and fired[0]["at"] - first_s)
    tap.equal(fired and (fired[0]["labels"]["workflow"], fired[0]["labels"]["step"],
                         fired[0]["labels"]["owner"], fired[0]["severity"]),
              ("price-update", "applied", "pricing-team", "warning"),
              "a ticket of who publishes them")
    last_s = max(fact["at_us"] for fact in missing) / 1e6 + WITHIN_S + OVER_S
    ended = [row["at"] - last_s for row in rows if row["what"] == "resolved" and
             row["alert"] == RULE]
    tap.ok(len(ended) == 1 and 0 <= ended[0] <= TOLD_S, "an hour after the last one it is over",
           ended)
    told = [(row["body"]["status"], sorted({alert["labels"]["alertname"]
                                            for alert in row["body"]["alerts"]}))
            for row in rows if row["what"] == "notice" and
            any(alert["labels"]["severity"] != "info" for alert in row["body"]["alerts"])]
    tap.note(told)
    mine = [status for status, names in told if RULE in names]
    tap.equal(mine, ["firing", "resolved"], "told once, and its end")
    # Of a hundred stores hardly a list reaches all: that pages, too.
    burns = {"FailuresTrickle", "BudgetBurnFast", "BudgetBurnMedium", "RollOutsNotAcknowledged"}
    tap.equal(sorted({name for _, names in told for name in names} - {RULE} - burns), [],
              "of nothing else but the budget that it spends")


def main(tap):
    base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="tw-rollout-", dir=base) as directory:
        is_played, facts, rows = play(directory)
        if tap.ok(is_played, "four hours and a half are played"):
            check(tap, facts, rows)


if __name__ == "__main__":
    with Tap() as the_tap:
        main(the_tap)
