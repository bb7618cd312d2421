#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a tower says of each store equals what was done to it: sources, missing numbers, clocks that
are wrong, and when it was silent. Stores that are silent, off line (they deliver later what they
kept), with clocks that are wrong, with lost and late messages, on simulated time, three seeds;
one of them is played again and killed twice on the way.

STORES_SECONDS: simulated seconds of each estate (600).
"""
import collections
import datetime
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from compare_ledger import Api  # noqa: E402
from compare_runs import RunLedger  # noqa: E402
from tap import Tap  # noqa: E402
from tower import Tower, config_with, program_path, wait_until  # noqa: E402

SECONDS = int(os.environ.get("STORES_SECONDS", "600"))
STORES = 60
RATE = 133
EXPECTED_S = 40  # track.store-silent-s; at this rate a store says something every second or two
AFTER_S = 90     # time goes on behind the last event: then every store is silent
CLOCK_S = 2.5    # how exact the time of an event of a wrong clock is put right, and its offset
FAULTS = ("silent-store:stores=8,from=150,for=120", "store-offline:stores=8,from=200,for=200",
          "clock-skew:stores=10,offset=90,both=1,opens=45", "loss:p=0.003", "duplicate:p=0.005",
          "out-of-order:p=0.003", "sequence-rewind:p=0.0003,max=9", "conflict:p=0.001",
          "erp-outage:from=100,for=60")
AGAIN = 2  # the seed that is played twice


def microseconds(text):
    at = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return round((at - datetime.datetime.fromtimestamp(0, datetime.timezone.utc))
                 / datetime.timedelta(microseconds=1))


class StoreLedger(RunLedger):
    """What each source has said of which stores, and which stores were silent."""

    def __init__(self, path):
        self.silent = {}
        self.events = []
        super().__init__(path)

    def take_silent(self, fact):
        self.silent[fact["store"]] = (fact["from_us"], fact["until_us"])

    def take_event(self, fact):
        self.events.append((fact["source"], fact["sequence"], fact.get("storeid"), fact["at_us"]))
        super().take_event(fact)

    def arrived(self):
        for source, sequence, store, at_us in self.events:
            if (source, sequence) not in self.withheld:
                yield source, store, at_us

    def own_sources(self):
        """Store to the sources all of whose events name this store and no other."""
        named = collections.defaultdict(set)
        for source, store, _ in self.arrived():
            if store is not None:
                named[source].add(store)
        own = collections.defaultdict(set)
        for source, stores in named.items():
            if len(stores) == 1:
                own[stores.pop()].add(source)
        return own

    def silences(self):
        """Store to the spans in which none of its own sources said anything for too long."""
        own = self.own_sources()
        said = collections.defaultdict(list)
        for source, store, at_us in self.arrived():
            if source in own.get(store, ()):
                said[store].append(at_us)
        spans, last = collections.defaultdict(list), {}
        for store, times in said.items():
            times.sort()
            spans[store] = [(one, other) for one, other in zip(times, times[1:])
                            if other - one > EXPECTED_S * 1000000]
            last[store] = times[-1]
        return spans, last


class Played:
    """An estate on simulated time, and a web half on the store that this leaves behind."""

    def __init__(self, seed, *more):
        self.tower = Tower(config=config_with(store_silent_s=EXPECTED_S, linger_s=86400),
                           args=["--only", "web"])
        self.path = os.path.join(self.tower.base, "ledger")
        command = [program_path("retail-sim"), "--stores", str(STORES), "--duration", str(SECONDS),
                   "--rate", str(RATE), "--seed", str(seed), "--start", "2026-11-20T09:00:00Z",
                   "--unpaced", "--stdout", "--stamps", "--ledger", self.path,
                   "--ledger-journeys", "--quiet"]
        for fault in FAULTS:
            command += ["--fault", fault]
        self.estate = subprocess.Popen(command, stdout=subprocess.PIPE)
        self.player = subprocess.Popen(
            [program_path("tower-play"), "--config", self.tower.config_path, "--after",
             str(AFTER_S), *more], stdin=self.estate.stdout, env=self.tower.environment())
        self.estate.stdout.close()

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

    def stores(self):
        api = Api(self.tower.url)
        return {row["store"]: api.get("/api/v1/stores/" + row["store"])
                for row in api.pages("/api/v1/stores")}


def about(ledger, store, found_us, wanted_us):
    """The same time; of a clock that is wrong as exact as it can be put right."""
    exact_us = CLOCK_S * 1e6 if store in ledger.skews else 0
    return abs(found_us - wanted_us) <= exact_us


def wrong_sources(ledger, store, row, own):
    """The sources of one store against the ledger."""
    found = {source["name"]: source for source in row["sources"]}
    if set(found) != own:
        yield "sources %s, wanted %s" % (sorted(found), sorted(own))
        return
    for name, source in found.items():
        # A warehouse that has dealt with one store only is its source too; its clock is right.
        offset_s = ledger.skews.get(store, 0) / 1e6 if name.startswith("/pos/") else 0
        fact = ledger.sources[name]
        repeats = (ledger.echoes["duplicate", name], ledger.echoes["conflict", name])
        lost = sum(last - first + 1 for first, last in fact["missing"])
        for key, value in (("events", fact["events"]), ("rewinds", fact["rewinds"]),
                           ("filled", fact["filled"]), ("missing", lost), ("store", store),
                           ("duplicates", repeats[0]), ("conflicts", repeats[1])):
            if source[key] != value:
                yield "%s: %s is %s, not %s" % (name, key, source[key], value)
        clock_s = source["clock_behind_seconds"] or 0
        if abs(clock_s + offset_s) > (CLOCK_S if offset_s else 0):
            yield "%s: its clock is %s s behind, not %s" % (name, clock_s, -offset_s)


def wrong_sums(row):
    """What is said of the store against what is said of its sources."""
    sources = row["sources"]
    clocks = [source["clock_behind_seconds"] or 0 for source in sources]
    for key, value in (("source_count", len(sources)),
                       ("missing", sum(source["missing"] for source in sources)),
                       ("gaps", sum(source["gap_count"] for source in sources)),
                       ("clock_behind_seconds", max(clocks, key=abs) or None)):
        if row[key] != value:
            yield "%s is %s, its sources say %s" % (key, row[key], value)


def wrong_silences(ledger, store, row, spans, last_us):
    """When it was silent, and that it is now."""
    found = [(microseconds(one["from"]), microseconds(one["until"]))
             for one in reversed(row["silences"][1:])]
    if len(found) != len(spans) or not all(
            about(ledger, store, one, other) for pair in zip(found, spans)
            for one, other in zip(*pair)):
        yield "silent %s, wanted %s" % (found, spans)
    now = row["silences"][0] if row["silences"] else {"until": "none"}
    if not row["is_silent"] or now["until"] is not None or now["from"] != row["silent_since"]:
        yield "it is silent now, and it says: %s, %s" % (row["is_silent"], now)
    elif not about(ledger, store, microseconds(now["from"]), last_us):
        yield "it is silent since %s, wanted %s" % (now["from"], last_us)


def wrong_injected(silent, stores):
    """Against what was done to stores, not what they said: each silence is found, no other."""
    for store, row in stores.items():
        found = [(microseconds(one["from"]), microseconds(one["until"]))
                 for one in row["silences"][1:]]
        window = silent.get(store)
        if window is None and found:
            yield "%s: found %s, it was never silent" % (store, found)
        if window is not None and not (len(found) == 1 and found[0][0] < window[0]
                                       and found[0][1] >= window[1]):
            yield "%s: silent in %s, found %s" % (store, window, found)


def check_lies(tap, ledger, stores, name):
    """A comparison that finds nothing must be able to find something."""
    loud = next(store for store in stores if store not in ledger.silent)
    some = next(iter(ledger.silent))
    window = ledger.silent[some]
    longer = (window[0], window[1] + 10**9)
    lies = ({**ledger.silent, loud: window}, {**ledger.silent, some: longer},
            {store: ledger.silent[store] for store in ledger.silent if store != some})
    noticed = [len(list(wrong_injected(lie, stores))) for lie in lies]
    tap.equal(noticed, [1, 1, 1], name + ": a silence too many, too long, or too few is noticed")


def check_seed(tap, seed):
    name = "seed %d" % seed
    with Played(seed) as played:
        if not tap.equal(played.statuses, (0, 0), name + ": the estate was played to its end"):
            return
        ledger = StoreLedger(played.path)
        stores = played.stores()
        own = ledger.own_sources()
        spans, last_us = ledger.silences()
        tap.equal(len(stores), STORES, name + ": every store is there")
        tap.ok(len(ledger.silent) == 8 and len(ledger.offline) == 8 and len(ledger.skews) == 10,
               name + ": every fault has met its stores",
               (ledger.silent, ledger.offline, ledger.skews))
        wrong = [store + ": " + text for store, row in stores.items()
                 for text in wrong_sources(ledger, store, row, own[store])]
        tap.ok(not wrong, name + ": sources, gaps and clocks are as in the ledger",
               "\n".join(wrong[:40]))
        tap.ok(any(row["missing"] for row in stores.values()) and any(
            row["clock_behind_seconds"] for row in stores.values()),
               name + ": numbers are missing and clocks are wrong")
        wrong = [store + ": " + text for store, row in stores.items() for text in wrong_sums(row)]
        tap.ok(not wrong, name + ": a store says what its sources say", "\n".join(wrong[:40]))
        wrong = [store + ": " + text for store, row in stores.items() for text in
                 wrong_silences(ledger, store, row, spans[store], last_us[store])]
        tap.ok(not wrong, name + ": silences are the gaps between its own events",
               "\n".join(wrong[:40]))
        wrong = list(wrong_injected(ledger.silent, stores))
        tap.ok(not wrong, name + ": every store that was made silent is found, no other", wrong)
        check_lies(tap, ledger, stores, name)
        listed = {row["store"]: row for row in Api(played.tower.url).pages("/api/v1/stores")}
        wrong = [store for store, row in listed.items() for key in row
                 if key != "silent_seconds" and row[key] != stores[store][key]]
        tap.ok(not wrong, name + ": the list says the same", wrong)
        if seed == AGAIN:
            check_killed(tap, ledger, stores, seed)


def kept(row):
    """What a store comes to, but for what counts the time until now or until the last look."""
    names = ("source_count", "missing", "gaps", "clock_behind_seconds", "is_silent",
             "silent_since", "silences", "silences_forgotten", "own_sources", "last_event",
             "last_received", "last_own_event", "last_own_received", "event_lag", "waiting",
             "overdue", "failed")
    of_source = ("name", "store", "events", "missing", "filled", "rewinds", "gaps",
                 "clock_behind_seconds")
    return ([row[name] for name in names],
            [[one[name] for name in of_source] for one in row["sources"]],
            [(one["objective"], one["bad"]) for one in row["objectives"]])


def check_killed(tap, ledger, whole, seed):
    """The same seed, killed twice."""
    name = "seed %d, killed twice on the way" % seed
    lines = ledger.finished["delivered"]
    with Played(seed, "--kill", str(lines // 3), "--kill", str(lines * 2 // 3)) as killed:
        tap.equal(killed.statuses, (0, 0), name + ": played to its end")
        stores = killed.stores()
        wrong = [(store, kept(row), kept(stores[store])) for store, row in whole.items()
                 if kept(row) != kept(stores[store])]
        tap.ok(not wrong, name + ": every store is as without kills", wrong[:2])


def main():
    with Tap() as tap:
        for seed in (1, AGAIN, 3):
            check_seed(tap, seed)


if __name__ == "__main__":
    main()
