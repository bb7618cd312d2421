#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Rules that need to know what is usual, over sixteen simulated days of the estate: stores trade
from half past ten to half past seven, Monday to Saturday, by the clock in Berlin, which goes back
an hour on the second Sunday. Fifteen days are quiet: no such rule may fire, not when doors open or
close, not on a Sunday, not on the Monday behind the clock change; in the first week the rules say
that they know nothing. On the last day traffic stops and falls in five ways: each is told by the
rules it belongs to, in time, once, and ends. Tried on the past the rules say the same.

What the rules look at is counted from the events themselves (tests/support/weeks.c), so that it
takes seconds. ALERT_WEEKS=all: the same weeks through the whole of the collector (support/play.c),
without the past. It takes many minutes.
"""
import datetime
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import Tap  # noqa: E402
from tower import config_with, program_path  # noqa: E402

IS_WHOLE = os.environ.get("ALERT_WEEKS", "") == "all"
HOUR = 3600
DAY = 24 * HOUR
DAYS = 16
RATE = 3.5
START = datetime.datetime(2026, 10, 12, tzinfo=datetime.timezone.utc)  # a Monday
SUMMER = 2 * HOUR
CHANGE = 13 * DAY + HOUR  # 2026-10-25 01:00 UTC
LAST = 15 * DAY
RULES = ["SystemSilent", "SalesStopped", "EventsMissing", "ThroughputLow", "DecisionsAbsent"]
USUAL = RULES[:4]  # whose value is a share of what is usual
SALES = {"workflow": "sale-posting"}
ORDERS = {"workflow": "order-fulfilment"}
# What each kind of trouble is told by; which labels; seconds from its begin in which it fires and
# from its end in which it is over. `also`: rules that may fire with it, as far as traffic falls.
TROUBLES = [
    ("a system is silent", "erp-outage:mute=1", 11 * HOUR, 1200,
     [("SystemSilent", {"system": "erp"}, 720, 2520)] +
     # Through the whole collector these sales are decided: they are late.
     ([] if IS_WHOLE else [("DecisionsAbsent", SALES, 600, 900)]),
     ["DecisionsAbsent"]),
    ("sales stop", "standstill:workflow=sale-posting", 12 * HOUR + 600, 1200,
     [("SalesStopped", SALES, 720, 600), ("DecisionsAbsent", SALES, 1000, 900)],
     ["ThroughputLow", "DecisionsAbsent"]),
    # Of these are the sequences: EventsLost (test_alert_day.py).
    ("half of the events are lost", "loss:p=0.95", 13 * HOUR + 1200, 1200, [],
     ["DecisionsAbsent"]),
    ("traffic falls", "few-customers:p=0.96", 14 * HOUR + 1200, 3000,
     [("ThroughputLow", SALES, 2400, 2400)], ["ThroughputLow", "DecisionsAbsent"]),
    ("hardly anything is heard", "flash-sale:factor=0.01", 16 * HOUR + 600, 1200,
     [("EventsMissing", {}, 840, 600)], RULES),
]
CALM = 2700  # behind a trouble: what follows from it has ended by then


class Weeks:
    """What was played, and what the rules said, in seconds since its begin."""

    def __init__(self, directory):
        self.directory = directory
        with open(self.path("config.yaml"), "w", encoding="ascii") as f:
            f.write(config_with(store__dir=self.path("state"))
                    .replace("\ntrack:\n", "\ntrack:\n  timezone: Europe/Berlin\n", 1))
        self.rows = []
        self.past = []

    def path(self, name):
        return os.path.join(self.directory, name)

    def play(self):
        """Whether it was played to its end."""
        estate = [program_path("retail-sim"), "--stores", 100, "--rate", RATE, "--duration",
                  DAYS * DAY, "--start", START.isoformat(), "--stdout", "--stamps", "--unpaced",
                  "--quiet", "--trade", "10:30-19:30", "--ahead",
                  "%d,%d,%d" % (SUMMER, CHANGE, SUMMER - HOUR), "--share", "price-update=0",
                  "--share", "promotion-rollout=0", "--ledger", self.path("ledger")]
        for _, fault, at, length, _, _ in TROUBLES:
            estate += ["--fault", "%s%sfrom=%d,for=%d" % (fault, "," if ":" in fault else ":",
                                                          LAST + at, length)]
        tower = ["--config", self.path("config.yaml"), "--alerts", self.path("alerts")]
        if IS_WHOLE:
            tower = [program_path("tower-play"), "--batch", "10", "--keep", "21600",
                     "--no-documents"] + tower
        else:
            tower = [program_path("tower-weeks"), "--days", str(DAYS)] + tower
            for rule in RULES:
                tower += ["--past", rule]
        with open(self.path("past"), "wb") as out, open(self.path("log"), "wb") as log:
            source = subprocess.Popen([str(word) for word in estate], stdout=subprocess.PIPE)
            sink = subprocess.Popen(tower, stdin=source.stdout, stdout=out, stderr=log)
            source.stdout.close()
            try:
                return sink.wait() == 0 and source.wait() == 0
            finally:
                for process in (source, sink):
                    process.kill()
                    process.wait()

    def read(self):
        for row in self.lines("alerts"):
            if row.get("alert") in RULES:
                row["s"] = row["at"] - START.timestamp()
                self.rows.append(row)
        if not IS_WHOLE:
            self.past = list(self.lines("past"))

    def lines(self, name):
        with open(self.path(name), encoding="utf-8") as f:
            for line in f:
                yield json.loads(line)

    def of(self, what, rule=None):
        return [row for row in self.rows
                if row["what"] == what and rule in (None, row["alert"])]


def has(labels, wanted):
    return all(labels.get(name) == value for name, value in wanted.items())


def says(row):
    at = START + datetime.timedelta(seconds=row["s"])
    return "%s %s %s %s" % (at.strftime("%a %H:%M:%S"), row["what"], row["alert"],
                            {name: value for name, value in row["labels"].items()
                             if name in ("workflow", "system", "objective")})


def check_ledger(tap, weeks):
    """The estate did what is looked for."""
    facts = {fact["fact"]: fact for fact in weeks.lines("ledger")}
    tap.equal((facts["trade"]["from_s"], facts["trade"]["until_s"]), (37800, 70200),
              "the ledger says when stores trade")
    tap.equal(facts["clock-change"]["at_us"] / 1e6 - START.timestamp(), CHANGE,
              "and when their clocks change")
    tap.ok(facts["standstill"]["flows"] > 500 and facts["few-customers"]["flows"] > 500,
           "and how much did not begin", facts)


def check_quiet(tap, weeks):
    """Before the last day there is nothing."""
    early = [says(row) for row in weeks.rows
             if row["what"] in ("firing", "pending") and row["s"] < LAST + TROUBLES[0][2]]
    tap.equal([text for text in early if " firing " in text], [],
              "a quiet fortnight, and the Monday behind the clock change")
    tap.note("pending, and dropped: %s" % ([text for text in early if " pending " in text] or
                                           "none"))
    for rule in USUAL:
        said = [(row["state"], (row["s"] + HOUR) // DAY) for row in weeks.of("rule", rule)]
        tap.equal(said, [("nodata", 0), ("ok", 7)], "%s: knows nothing for a week" % rule)
        tap.ok("less than a week" in weeks.of("rule", rule)[0]["detail"], "%s: says so" % rule)


def check_trouble(tap, weeks, trouble):
    """It is told by what it is told by, in time, once, and ends."""
    name, _, at, length, wanted, also = trouble
    fired = [row for row in weeks.of("firing") if at <= row["s"] - LAST < at + length + CALM]
    for rule, labels, within_s, over_s in wanted:
        mine = [row for row in fired if row["alert"] == rule and has(row["labels"], labels)]
        tap.equal(len(mine), 1, "%s: %s fires once" % (name, rule))
        seconds = mine[0]["s"] - LAST - at if mine else -1
        tap.ok(0 <= seconds <= within_s, "%s: %s fires within %d s" % (name, rule, within_s),
               "after %d s" % seconds)
        ends = [row["s"] - LAST - at - length for row in weeks.of("resolved", rule)
                if mine and row["fingerprint"] == mine[0]["fingerprint"] and
                row["s"] > mine[0]["s"]]
        tap.ok(ends and ends[0] <= over_s, "%s: %s is over %d s behind it" % (name, rule, over_s),
               ends[:1])
        tap.note("%s: %s after %d s, over %d s behind it" % (name, rule, seconds,
                                                             ends[0] if ends else -1))
    others = [says(row) for row in fired if row["alert"] not in also and
              not any(row["alert"] == rule for rule, _, _, _ in wanted)]
    tap.equal(others, [], "%s: no other rule fires" % name)


def spans_live(weeks, rule):
    """When it fired and ended, by its labels, as `past` says it."""
    spans = []
    for row in weeks.of("firing", rule):
        ends = [other["at"] for other in weeks.of("resolved", rule)
                if other["fingerprint"] == row["fingerprint"] and other["at"] > row["at"]]
        spans.append((row["at"], min(ends, default=0), json.dumps(row["labels"], sort_keys=True)))
    return sorted(spans)


def is_near(one, other, off_s):
    return one[2] == other[2] and abs(one[0] - other[0]) <= off_s and \
        abs(one[1] - other[1]) <= off_s


def check_past(tap, weeks, rule):
    """The last day to the ten seconds; all days to the minute and a half, where counts are looked
    at: values are those at the end of each minute then."""
    live = spans_live(weeks, rule)
    tap.ok(live, "%s: has fired" % rule)
    for days, off_s in ((1, 0), (DAYS, 90)):
        rows = [row for row in weeks.past if row["rule"] == rule and row["days"] == days]
        past = sorted((row["fired"], row["resolved"], json.dumps(row["labels"], sort_keys=True))
                      for row in rows if "fired" in row)
        if days == 1 or rule in USUAL:
            is_same = len(past) == len(live) and all(
                any(is_near(one, other, off_s) for other in live) for one in past)
            tap.ok(is_same, "%s: the past of %d days is what was live" % (rule, days),
                   "live %r\npast %r" % (live, past))
        doubt = [row["incomplete"] for row in rows if "incomplete" in row]
        knows = days == 1 or rule not in USUAL
        tap.equal("what is usual was not known" in str(doubt[0]), not knows,
                  "%s: of %d days the past says what it does not know" % (rule, days))


def main(tap):
    base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="tw-weeks-", dir=base) as directory:
        weeks = Weeks(directory)
        if not tap.ok(weeks.play(), "sixteen days are played"):
            with open(weeks.path("log"), encoding="utf-8") as f:
                tap.note(f.read()[-2000:])
            return
        weeks.read()
        check_ledger(tap, weeks)
        check_quiet(tap, weeks)
        for trouble in TROUBLES:
            check_trouble(tap, weeks, trouble)
        for rule in [] if IS_WHOLE else RULES:
            check_past(tap, weeks, rule)


if __name__ == "__main__":
    with Tap() as the_tap:
        main(the_tap)
