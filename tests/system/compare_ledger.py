#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Does the tower say what the simulator did? Compares a ledger of retail-sim with the answers of
a tower that was empty before the run: totals, duplicates, conflicts, quarantine by reason,
duplicate effects, every source with its missing numbers, and whole journeys, all exactly.

    compare_ledger.py LEDGER [--url http://127.0.0.1:8460] [--journeys N|all] [--wait SECONDS]
                      [--token FILE]

Prints each difference; exit status 1 when there is any. Journeys need a ledger written with
--ledger-journeys; they are computed here by the definition in docs/simulator.md, from what the
ledger says each event carries, and not from anything the tower says.
"""
import argparse
import collections
import json
import random
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

# As in the built-in configuration: correlate.max-hops, max-links, max-journey-events.
MAX_HOPS = 3
MAX_LINKS = 100
MAX_EVENTS = 10000
SHOWN_GAPS = 100  # ranges that /taps names of one source


class Ledger:
    """What must be found, read from the file."""

    def __init__(self, path):
        self.started = self.finished = None
        self.hub = None
        self.sources = {}
        self.garbage = collections.Counter()
        self.withheld = set()
        self.event_ids = []
        self.event_objects = []
        self.by_object = {}
        self.identities = {}
        with open(path, "rb") as file:
            for line in file:
                fact = json.loads(line)
                handler = getattr(self, "take_" + fact["fact"], None)
                if handler:
                    handler(fact)
        if self.finished is None:
            raise SystemExit("%s: the ledger has no end; did retail-sim fail?" % path)
        self.index()

    def take_started(self, fact):
        self.started = fact

    def take_finished(self, fact):
        self.finished = fact

    def take_fault(self, fact):
        if fact["name"] == "hub":
            self.hub = "correlation:" + fact["id"]

    def take_source(self, fact):
        self.sources[fact["source"]] = fact

    def take_garbage(self, fact):
        self.garbage[fact["reason"]] += 1

    def take_withheld(self, fact):
        self.withheld.add((fact["source"], fact["sequence"]))

    def take_event(self, fact):
        self.identities[(sys.intern(fact["source"]), fact["sequence"])] = len(self.event_ids)
        self.event_ids.append(fact["id"])
        self.event_objects.append(tuple(sys.intern(name) for name in fact["objects"]))

    def index(self):
        """Objects to their events, without those that never arrived."""
        lost = {self.identities[key] for key in self.withheld if key in self.identities}
        self.identities = None
        for number, objects in enumerate(self.event_objects):
            if number not in lost:
                for name in objects:
                    self.by_object.setdefault(name, []).append(number)

    def journey(self, start):
        """(event ids, other objects, is partial) of the journey of one object. Ids are None when
        there are too many for one journey: which of them are shown is not settled."""
        if len(self.by_object[start]) > MAX_EVENTS:
            return None, set(), True
        kind = start.split(":", 1)[0]
        hops = {start: 0}
        events = set()
        partial = False
        level = [start]
        for depth in range(MAX_HOPS + 1):
            following = []
            for name in sorted(level):
                if name != start and name.startswith(kind + ":"):
                    continue
                mine = self.by_object[name]
                neighbours = {other for number in mine for other in self.event_objects[number]}
                neighbours.discard(name)
                is_hub = len(neighbours) > MAX_LINKS or len(mine) > MAX_EVENTS
                if is_hub and name != start:
                    continue
                events.update(mine)
                if is_hub:
                    continue
                for other in neighbours:
                    if other not in hops and depth == MAX_HOPS:
                        partial = True
                    elif other not in hops:
                        hops[other] = depth + 1
                        following.append(other)
            level = following
        del hops[start]
        return {self.event_ids[number] for number in events}, set(hops), partial


class Api:
    """The tower's HTTP interface."""

    def __init__(self, url, token=None):
        self.url = url.rstrip("/")
        self.headers = {"Authorization": "Bearer " + token} if token else {}

    def raw(self, path):
        request = urllib.request.Request(self.url + path, headers=self.headers)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as error:
            raise RuntimeError("GET %s: %d %s" % (path, error.code, error.read()[:300])) from None

    def get(self, path):
        return json.loads(self.raw(path))

    def pages(self, path, pick=lambda answer: answer):
        """Every item of a list."""
        cursor = None
        while True:
            more = "" if cursor is None else "&cursor=" + urllib.parse.quote(cursor, safe="")
            page = pick(self.get(path + ("&" if "?" in path else "?") + "limit=1000" + more))
            yield from page["items"]
            cursor = page["next"]
            if cursor is None:
                return

    def totals(self):
        found = {}
        for line in self.raw("/metrics").splitlines():
            if line and not line.startswith("#") and "{" not in line:
                name, value = line.split()[:2]
                found[name] = int(float(value))
        return found

    def total(self, name):
        return self.totals().get("tillwatch_%s_total" % name, 0)

    def sources(self):
        return {row["name"]: row
                for row in self.pages("/api/v1/taps", lambda answer: answer["sources"])}


def wait_for_all(ledger, api, seconds):
    """Until the tower has committed everything and written down its sources; what it lacks."""
    finished = ledger.finished
    deadline = time.monotonic() + seconds
    while True:
        received = api.total("events_received")
        if received >= finished["delivered"]:
            listed = sum(row["events"] for row in api.sources().values())
            if listed >= finished["accepted"]:
                return None
        else:
            listed = "?"
        if time.monotonic() > deadline:
            return ("waited %g s in vain: events received %d of %d, accepted in sources %s of %d"
                    % (seconds, received, finished["delivered"], listed, finished["accepted"]))
        time.sleep(0.25)


def compare_totals(ledger, api):
    finished = ledger.finished
    wanted = {
        # On standard output a line is one message, however many are written at once.
        "messages_received": sum(tap["events" if name == "stdout" else "messages"]
                                 for name, tap in finished["sent"].items()),
        "events_received": finished["delivered"],
        "events_accepted": finished["accepted"],
        "events_duplicate": finished["duplicates"],
        "events_conflict": finished["conflicts"],
        "events_quarantined": sum(finished["quarantined"].values()),
        "effects_duplicate": finished["double_effects"],
        "events_uncorrelated": finished["uncorrelated"],
        "objects_ignored": finished["objects_ignored"],
        "objects_unscoped": 0,
        "objects_over_limit": 0,
        "sequence_gaps": finished["gaps"],
        "sequence_filled": finished["filled"],
        "sequence_rewinds": finished["rewinds"],
        "sequence_unreadable": 0,
        "sources_over_limit": 0,
    }
    totals = api.totals()
    # What the client sent again may arrive twice: that many messages more, as duplicates.
    again = finished["resent"]
    loose = {"messages_received": again}
    for name in ("events_received", "events_duplicate", "events_quarantined"):
        loose[name] = again * ledger.started["per_message"]
    for name, value in wanted.items():
        found = totals.get("tillwatch_%s_total" % name)
        if found is None:
            yield "total %s: the tower does not say" % name
        elif not value <= found <= value + loose.get(name, 0):
            yield "total %s: ledger %d, tower %d" % (name, value, found)


def ranges_of(gaps):
    return [[gap["first"], gap["last"]] for gap in gaps]


def compare_sources(ledger, api):
    found = api.sources()
    for name in sorted(set(found) ^ set(ledger.sources)):
        yield "source %s: only in the %s" % (name, "tower" if name in found else "ledger")
    for name in sorted(set(found) & set(ledger.sources)):
        fact, row = ledger.sources[name], found[name]
        missing = sum(last - first + 1 for first, last in fact["missing"])
        for key, value in (("events", fact["events"]), ("sequence_highest", fact["last"] or None),
                           ("filled", fact["filled"]), ("rewinds", fact["rewinds"]),
                           ("missing", missing), ("forgotten", 0), ("unreadable", 0)):
            if row[key] != value:
                yield "source %s: %s: ledger %s, tower %s" % (name, key, value, row[key])
        if ranges_of(row["gaps"]) != fact["missing"][:SHOWN_GAPS]:
            yield "source %s: missing numbers: ledger %s, tower %s" % (
                name, fact["missing"][:SHOWN_GAPS], ranges_of(row["gaps"]))


def compare_quarantine(ledger, api):
    found = collections.Counter(row["reason"] for row in api.pages("/api/v1/quarantine"))
    for reason in sorted(set(found) | set(ledger.garbage)):
        if found[reason] != ledger.garbage[reason] and ledger.finished["resent"] == 0:
            yield "quarantine %s: ledger %d, tower %d" % (reason, ledger.garbage[reason],
                                                          found[reason])


def compare_journey(ledger, api, name):
    events, objects, partial = ledger.journey(name)
    path = "/api/v1/journeys/" + urllib.parse.quote(name, safe=":/")
    row = api.get(path + "?limit=1000")
    if events is None:
        if row["total"] != MAX_EVENTS:
            yield "journey %s: too large, but %d events" % (name, row["total"])
    elif row["total"] != len(events):
        yield "journey %s: events: ledger %d, tower %d" % (name, len(events), row["total"])
    elif {event["id"] for event in api.pages(path, lambda a: {"items": a["events"],
                                                              "next": a["next"]})} != events:
        yield "journey %s: other events" % name
    related = {other["id"] for other in row["related"]}
    if related != objects:
        yield "journey %s: objects: only ledger %s, only tower %s" % (
            name, sorted(objects - related)[:5], sorted(related - objects)[:5])
    if bool(row["partial"]) != partial:
        yield "journey %s: partial: ledger %s, tower %s" % (name, partial, row["partial"])


def sample(ledger, wanted):
    """Names of journeys to compare: all, or so many, spread over the types."""
    names = sorted(ledger.by_object)
    if wanted == "all":
        return names
    of_type = collections.defaultdict(list)
    for name in names:
        of_type[name.split(":", 1)[0]].append(name)
    lot = random.Random(ledger.started["seed"])
    each = -(-int(wanted) // len(of_type)) if of_type else 0
    hub = [ledger.hub] if ledger.hub in ledger.by_object else []
    return hub + [name for kind in sorted(of_type)
                  for name in lot.sample(of_type[kind], min(each, len(of_type[kind])))]


def compare(ledger, api, journeys="500", wait=60.0):
    """Every difference, as text."""
    late = wait_for_all(ledger, api, wait)
    if late:
        yield late
    yield from compare_totals(ledger, api)
    yield from compare_sources(ledger, api)
    yield from compare_quarantine(ledger, api)
    for name in sample(ledger, journeys):
        yield from compare_journey(ledger, api, name)


def main():
    parser = argparse.ArgumentParser(description="a ledger of retail-sim against a tower")
    parser.add_argument("ledger")
    parser.add_argument("--url", default="http://127.0.0.1:8460")
    parser.add_argument("--journeys", default="500", help="how many, or all")
    parser.add_argument("--wait", type=float, default=60.0, help="seconds to let it catch up")
    parser.add_argument("--token", help="file with an API token")
    options = parser.parse_args()
    token = None
    if options.token:
        with open(options.token, encoding="ascii") as file:
            token = file.read().strip()
    ledger = Ledger(options.ledger)
    count = 0
    for difference in compare(ledger, Api(options.url, token), options.journeys, options.wait):
        count += 1
        if count <= 100:
            print(difference)
    print("%d differences; %d events, %d sources, %d journeys compared" % (
        count, ledger.finished["accepted"], len(ledger.sources),
        len(sample(ledger, options.journeys))))
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
