# SPDX-License-Identifier: Apache-2.0
"""Precision and recall of every kind of fault that retail-sim knows: what it did, by its ledger,
and what a tower says of it. Each kind counts in its own unit: events, numbers, messages, sources,
stores, runs. A row: (kind, unit, injected, found, missed, reported without cause)."""
import collections
import datetime
import os
import urllib.parse

TROUBLE = ("failed", "overdue", "recovered", "compensated")
# Those that meet runs; what they must come to is the model's.
OF_RUNS = ("erp-outage", "throttling", "bad-master-data", "step-missing", "slow-step",
           "cancellation", "step-failed", "taken-back", "shared-correlation", "silent-store",
           "store-offline", "clock-skew", "hub")
TRANSIT_S = 5  # an event needs no longer when nothing keeps it back


def counted(kind, unit, pairs):
    """A row from pairs (injected, reported) of counts that must be the same."""
    pairs = list(pairs)
    return (kind, unit, sum(pair[0] for pair in pairs), sum(min(pair) for pair in pairs),
            sum(max(0, wanted - found) for wanted, found in pairs),
            sum(max(0, found - wanted) for wanted, found in pairs))


def compared(kind, unit, wanted, found):
    """A row from two sets."""
    return (kind, unit, len(wanted), len(wanted & found), len(wanted - found),
            len(found - wanted))


def numbers(ranges):
    return {number for first, last in ranges for number in range(first, last + 1)}


def of_sources(ledger, found):
    """What is counted by source."""
    names = set(ledger.sources) | set(found)

    def both(wanted, key):
        return ((wanted(name), found[name][key] if name in found else 0) for name in names)

    def fact(key):
        return lambda name: ledger.sources[name][key] if name in ledger.sources else 0

    yield counted("duplicate", "events", both(lambda name: ledger.echoes["duplicate", name],
                                              "duplicates"))
    yield counted("conflict", "events", both(lambda name: ledger.echoes["conflict", name],
                                             "conflicts"))
    yield counted("out-of-order", "numbers", both(fact("filled"), "filled"))
    yield counted("sequence-rewind", "rewinds", both(fact("rewinds"), "rewinds"))
    lost = {(name, number) for name, row in ledger.sources.items()
            for number in numbers(row["missing"])}
    missing = {(name, number) for name, row in found.items()
               for number in numbers([gap["first"], gap["last"]] for gap in row["gaps"])}
    yield compared("loss", "numbers", lost, missing)


def store_of(source):
    return source.split("/")[2][len("store-"):] if source.startswith("/pos/") else None


def of_clocks(ledger, found):
    """Sources whose clock is wrong, with the offset in seconds as measured."""
    wanted, told = set(), set()
    for name, row in found.items():
        offset_s = ledger.skews.get(store_of(name), 0) / 1e6
        if offset_s != 0:
            wanted.add((name, offset_s))
        measured_s = row["skew_seconds"] - max(0.0, row["transit_min_seconds"])
        if abs(measured_s - offset_s) < TRANSIT_S:
            measured_s = offset_s
        if measured_s > 0 or measured_s < -TRANSIT_S:
            told.add((name, measured_s))
    # The first thing that an offline store says can be old: that its clock is right shows later.
    return compared("clock-skew", "sources", wanted,
                    {entry for entry in told if store_of(entry[0]) not in ledger.offline})


def of_quarantine(ledger, api):
    found = collections.Counter(row["reason"] for row in api.pages("/api/v1/quarantine"))
    return counted("garbage", "messages", ((ledger.garbage[reason], found[reason])
                                           for reason in set(ledger.garbage) | set(found)))


def met(ledger, kind):
    return {key for key, fact in ledger.run_facts.items() if kind in fact["faults"]}


def journey(api, key):
    return api.get("/api/v1/journeys/%s?limit=1" % urllib.parse.quote(key[1], safe=":/"))


def of_hub(ledger, api, count):
    """Whether what shares the hub's identifier is told so, and nothing else."""
    names = sorted(ledger.by_object)
    with_hub = [name for name in names if name != ledger.hub and any(
        ledger.hub in ledger.event_objects[number] for number in ledger.by_object[name])]
    touched = set(with_hub)
    without = [name for name in names if name.startswith("transaction:") and name not in touched
               and ledger.hub not in ledger.journey(name)[1]]
    wanted = {name for name in with_hub[:count] if name.startswith(("transaction:", "order:"))}
    found = {name for name in sorted(wanted) + without[:count]
             if ledger.hub in journey(api, (None, name))["hubs"]}
    return compared("hub", "journeys", wanted, found)


def of_effects(ledger, api):
    """Sales that were posted twice."""
    wanted = met(ledger, "double-posting")
    found = {key for key in wanted if journey(api, key)["duplicate_effects"] > 0}
    more = api.total("effects_duplicate") - len(wanted)
    return ("double-posting", "sales", len(wanted), len(found), len(wanted - found), max(0, more))


def of_answers(expected, listed):
    """Stores that did not acknowledge a roll-out."""
    wanted = {(key, store) for key, verdict in expected.items() for store in verdict.missing or ()}
    found = {(key, store) for key, row in listed.items() for store in row["missing"] or ()}
    # A roll-out that nobody has to see is in no list: then nothing is missing from it.
    return compared("ack-missing", "stores", wanted, found)


def of_peak(ledger, api, starts):
    """Ten seconds with more than twice as many beginnings as usual. starts: event types with which
    runs start."""
    begun = collections.Counter(said.true // 10000000 for said in ledger.said
                                if said.type in starts and said.number not in ledger.lost)
    first = ledger.started["start_us"] // 10000000

    def moment(tens):
        at = datetime.datetime.fromtimestamp(tens * 10, datetime.timezone.utc)
        return at.strftime("%Y-%m-%dT%H:%M:%SZ")

    answer = api.get("/api/v1/series?metric=runs_started&step=10s&since=%s&until=%s" % (
        moment(first), moment(max(begun) + 2)))
    told = collections.Counter()
    for series in answer["series"]:
        for index, value in enumerate(series["v"]):
            told[first + index] += value or 0

    def peaks(counts):
        usual = sorted(counts[tens] for tens in range(first, first + 10))[5]
        return {tens for tens, count in counts.items() if count > 2 * usual}

    return compared("flash-sale", "10 s", peaks(begun), peaks(told))


def of_runs(ledger, expected, wrong, judged):
    """Runs that a fault met: told as they are, or not; in trouble without being so is an alarm
    without cause. What no fault met stands under "none"."""
    rows = collections.defaultdict(collections.Counter)
    faults = {key: set(fact["faults"]) & set(OF_RUNS) for key, fact in ledger.run_facts.items()}
    for key in judged:
        for kind in faults.get(key, ()) or ("none",):
            is_trouble = key in expected and expected[key].state in TROUBLE
            rows[kind]["met"] += 1
            rows[kind]["right"] += key not in wrong
            rows[kind]["missed"] += key in wrong and is_trouble
            rows[kind]["false"] += key in wrong and not is_trouble
    for kind in OF_RUNS + ("none",):
        row = rows[kind]
        yield (kind, "runs", row["met"], row["right"], row["met"] - row["right"], row["false"])


def rates(row):
    """(precision, recall); None where there was nothing."""
    _, _, injected, found, _, false = row
    return (found / (found + false) if found + false else None,
            found / injected if injected else None)


def is_perfect(row):
    return row[2] > 0 and rates(row) == (1.0, 1.0)


def show(rows):
    """The table as lines."""
    yield "%-18s %-9s %9s %9s %9s %9s %10s %10s" % (
        "fault", "of", "injected", "found", "missed", "no cause", "precision", "recall")
    for row in rows:
        texts = ["-" if rate is None else "%.4f" % rate for rate in rates(row)]
        yield "%-18s %-9s %9d %9d %9d %9d %10s %10s" % (*row, *texts)


def keep(path, title, rows):
    """Add the table to a file that stays for whoever wants to read it."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "a", encoding="utf-8") as file:
        file.write(title + "\n" + "\n".join(show(rows)) + "\n\n")
