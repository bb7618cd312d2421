#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds retail-sim against itself: replays the events it writes with --stdout, works out from
them alone what a collector must find, and compares that with the ledger. Prints TAP.

Usage: check_ledger.py PATH_OF_RETAIL_SIM      (CHECK_EVENTS: events of the large runs)
"""
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from datetime import datetime

START = "2026-11-21T10:00:00Z"
LINKS = {
    "orderid": "order", "returnid": "return", "shipmentid": "shipment", "paymentid": "payment",
    "caseid": "case", "promotionid": "promotion", "correlationid": "correlation",
}
SAYS_NOTHING = {"", "0", "null", "n/a", "unknown"}
EFFECTS = {
    "com.tillwatch.erp.sale.posted": "transaction",
    "com.tillwatch.erp.refund.posted": "return",
    "com.tillwatch.payment.captured": "payment",
}
# What an event fact repeats of the event, besides its objects and its time.
STATED = ("type", "storeid", "customerref", "outcome", "errorclass", "consent", "fulfilment")
NAME = re.compile(r"[a-z0-9]+\Z")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)\Z")
AMOUNT = re.compile(r"-?\d+(\.\d+)?\Z")
CURRENCY = re.compile(r"[A-Z]{3}\Z")
OUTCOMES = {"ok", "failed", "retrying", "deadletter", "compensated"}
TRACE = re.compile(r"00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}\Z")


class Bad(Exception):
    """Why a line is no event: the name of the reason in core/problem.h."""


def pairs(items):
    if len({key for key, _ in items}) != len(items):
        raise Bad("json_duplicate")
    return dict(items)


def depth(text):
    level = most = 0
    in_string = False
    for byte in re.sub(r"\\.", "", text):
        if byte == '"':
            in_string = not in_string
        elif not in_string and byte in "{[":
            level += 1
            most = max(most, level)
        elif not in_string and byte in "}]":
            level -= 1
    return most


def check_values(event):
    for name, value in event.items():
        if name == "data":
            continue
        if not NAME.match(name) and name != "data_base64":
            raise Bad("attribute_name")
        if isinstance(value, bool) or (isinstance(value, int) and name not in ("id", "source")):
            continue
        if not isinstance(value, str):
            raise Bad("attribute_type")
    if "time" in event and not TIME.match(event["time"]):
        raise Bad("time")
    if "amount" in event and not AMOUNT.match(event["amount"]):
        raise Bad("amount")
    if "currency" in event and not CURRENCY.match(event["currency"]):
        raise Bad("amount")
    if event.get("outcome", "ok") not in OUTCOMES:
        raise Bad("outcome")
    if "data" in event and "data_base64" in event:
        raise Bad("data")


def decode(line):
    """The event of a line, strictly as CloudEvents 1.0 says; raises Bad."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        raise Bad("utf8") from None
    if depth(text) > 64:
        raise Bad("json_depth")
    try:
        event = json.loads(text, object_pairs_hook=pairs)
    except ValueError:
        raise Bad("json") from None
    if "specversion" not in event:
        raise Bad("unmapped")
    if event["specversion"] != "1.0":
        raise Bad("specversion")
    for name in ("id", "source", "type"):
        if event.get(name, "") == "":
            raise Bad("required")
    check_values(event)
    return event


def objects_of(event):
    """Linking objects, and how many identifiers said nothing."""
    found, ignored = [], 0
    if "transactionid" in event:
        found.append("transaction:%s/%s" % (event["storeid"], event["transactionid"]))
    for attribute, kind in LINKS.items():
        for value in event.get(attribute, "").split(" ") if attribute in event else []:
            if value.lower() in SAYS_NOTHING:
                ignored += 1
            else:
                found.append("%s:%s" % (kind, value))
    if "traceparent" in event:
        found.append("trace:" + TRACE.match(event["traceparent"]).group(1))
    return found, ignored


class Replay:
    """What a collector must find in a stream of lines."""

    def __init__(self, lines):
        self.totals = Counter()
        self.reasons = Counter()
        self.types = Counter()
        self.seen = {}
        self.effects = set()
        self.sources = {}
        self.objects = {}
        self.stated = {}
        self.events = []
        for line in lines:
            self.take(line)

    def take(self, line):
        self.totals["delivered"] += 1
        try:
            event = decode(line)
        except Bad as bad:
            self.reasons[str(bad)] += 1
            return
        identity = (event["source"], event["id"])
        digest = hashlib.blake2b(line, digest_size=16).digest()
        if identity in self.seen:
            self.totals["duplicates" if self.seen[identity] == digest else "conflicts"] += 1
            return
        self.seen[identity] = digest
        self.accept(event)

    def accept(self, event):
        self.totals["accepted"] += 1
        self.events.append(event)
        self.types[event["type"]] += 1
        found, ignored = objects_of(event)
        self.objects[event["id"]] = sorted(set(found))
        self.stated[event["id"]] = {name: event[name] for name in STATED if name in event}
        self.stated[event["id"]]["time_us"] = round(seconds(event["time"]) * 1e6)
        self.totals["objects_ignored"] += ignored
        self.totals["uncorrelated"] += not found
        outcome = event.get("outcome", "ok")
        self.totals["failed"] += outcome == "failed"
        self.totals["retrying"] += outcome == "retrying"
        kind = EFFECTS.get(event["type"])
        if kind and outcome == "ok":
            for name in found:
                if name.startswith(kind + ":"):
                    effect = (event["type"], name)
                    self.totals["double_effects"] += effect in self.effects
                    self.effects.add(effect)
        self.count(event["source"], int(event["sequence"]))

    def count(self, name, sequence):
        source = self.sources.setdefault(
            name, {"events": 0, "seen": set(), "high": 0, "gaps": 0, "filled": 0, "rewinds": 0,
                   "before": []})
        if sequence in source["seen"]:
            source["rewinds"] += 1
            source["before"] += missing_of(source)
            source["seen"], source["high"] = set(), 0
        source["events"] += 1
        source["seen"].add(sequence)
        if sequence > source["high"]:
            source["gaps"] += sequence > source["high"] + 1
            source["high"] = sequence
        else:
            source["filled"] += 1


def missing_of(source):
    return [n for n in range(1, source["high"] + 1) if n not in source["seen"]]


def numbers_of(ranges):
    return [n for first, last in ranges for n in range(first, last + 1)]


class Tap:
    def __init__(self):
        self.count = self.failed = 0

    def check(self, name, problem):
        self.count += 1
        if problem:
            self.failed += 1
            print("not ok %d - %s" % (self.count, name))
            for text in str(problem).splitlines()[:20]:
                print("# " + text[:400])
        else:
            print("ok %d - %s" % (self.count, name))
        sys.stdout.flush()


def run(program, directory, *arguments):
    ledger = os.path.join(directory, "ledger")
    command = [program, "--stdout", "--start", START, "--ledger", ledger, "--ledger-journeys",
               "--ledger-runs"]
    done = subprocess.run(command + list(arguments), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise SystemExit("Bail out! %s: %s" % (arguments, done.stderr.decode()))
    with open(ledger, "rb") as file:
        raw = file.read()
    facts = defaultdict(list)
    for line in raw.splitlines():
        fact = json.loads(line)
        facts[fact["fact"]].append(fact)
    return done.stdout, facts, raw


def differences(replay, facts):
    """Everything in which the ledger and the replayed events do not agree."""
    wrong = []
    finished = facts["finished"][0]
    for name in ("delivered", "accepted", "duplicates", "conflicts", "uncorrelated",
                 "objects_ignored", "double_effects"):
        if finished[name] != replay.totals[name]:
            wrong.append("%s: ledger %d, events %d" % (name, finished[name], replay.totals[name]))
    if finished["quarantined"] != dict(replay.reasons):
        wrong.append("reasons: ledger %s, events %s" % (finished["quarantined"], replay.reasons))
    listed = {fact["source"]: fact for fact in facts["source"]}
    if set(listed) != set(replay.sources):
        wrong.append("sources differ: %s" % sorted(set(listed) ^ set(replay.sources))[:5])
    for name in set(listed) & set(replay.sources):
        fact, source = listed[name], replay.sources[name]
        expected = (source["events"], source["high"], source["gaps"], source["filled"],
                    source["rewinds"], source["before"] + missing_of(source))
        stated = (fact["events"], fact["last"], fact["gaps"], fact["filled"], fact["rewinds"],
                  numbers_of(fact["missing"]))
        if expected != stated:
            wrong.append("%s: ledger %s, events %s" % (name, stated, expected))
    withheld = {(fact["source"], fact["sequence"]) for fact in facts["withheld"]}
    if len(withheld) != finished["withheld"]:
        wrong.append("withheld: %d facts, %d counted" % (len(withheld), finished["withheld"]))
    noted = {fact["id"]: sorted(set(fact["objects"])) for fact in facts["event"]
             if (fact["source"], fact["sequence"]) not in withheld}
    if noted != replay.objects:
        odd = [key for key in set(noted) | set(replay.objects)
               if noted.get(key) != replay.objects.get(key)]
        wrong.append("objects of %d events differ, e.g. %s: ledger %s, event %s" % (
            len(odd), odd[0], noted.get(odd[0]), replay.objects.get(odd[0])))
    for fact in facts["event"]:
        stated = {name: fact[name] for name in STATED + ("time_us",) if name in fact}
        if replay.stated.get(fact["id"], stated) != stated:
            wrong.append("event %s: ledger %s, event %s" % (fact["id"], stated,
                                                            replay.stated[fact["id"]]))
    for name in ("duplicate", "conflict", "garbage", "rewind"):
        counted = finished.get(name + "s", sum(finished["quarantined"].values()))
        if len(facts[name]) != counted:
            wrong.append("%s: %d facts, %d counted" % (name, len(facts[name]), counted))
    return "\n".join(wrong)


def check_determinism(tap, program, directory):
    faults = ["--fault", "duplicate", "--fault", "loss", "--fault", "garbage", "--fault",
              "out-of-order", "--fault", "step-missing:p=0.01", "--fault", "slow-step:p=0.01",
              "--fault", "cancellation", "--fault", "ack-missing"]
    arguments = ["--stores", "50", "--events", "20000", "--seed", "7"] + faults
    one, _, ledger_one = run(program, directory, *arguments)
    two, _, ledger_two = run(program, directory, *arguments)
    tap.check("same seed: same events, byte for byte", one != two)
    tap.check("same seed: same ledger, byte for byte", ledger_one != ledger_two)
    other, _, _ = run(program, directory, *(arguments + ["--seed", "8"]))
    tap.check("another seed: other events", one == other)


def check_estate(tap, program, directory, events):
    out, facts, _ = run(program, directory, "--stores", "200", "--events", str(events), "--drain")
    lines = out.splitlines()
    replay = Replay(lines)
    tap.check("clean run: every line is a valid CloudEvent", dict(replay.reasons))
    tap.check("clean run: the ledger agrees", differences(replay, facts))
    tap.check("clean run: no gap, duplicate, conflict or repeated effect",
              [name for name in ("gaps", "filled", "duplicates", "conflicts", "double_effects",
                                 "failed", "retrying", "withheld", "rewinds", "flows_open")
               if facts["finished"][0][name] != 0])
    mean = len(out) / len(lines)
    tap.check("clean run: every run completes, in time",
              [(fact["workflow"], fact["object"], fact["state"]) for fact in facts["run"]
               if fact["state"] != "completed" or fact["faults"] or fact["open"]][:5]
              or not facts["run"])
    tap.check("events have about 590 bytes", "" if 550 < mean < 630 else mean)
    tap.check("a till says which it is, and its store",
              [event["source"] for event in replay.events if event["source"].startswith("/pos/")
               and event["source"] != "/pos/store-%s/till-%s" % (event["storeid"],
                                                                 event["registerid"])][:5])
    orders = defaultdict(set)
    shipments = {}
    receipts = defaultdict(set)
    times = defaultdict(list)
    for event in replay.events:
        if event["type"].endswith("shipment.dispatched"):
            shipments[event["shipmentid"]] = event["orderid"].split(" ")
            for order in shipments[event["shipmentid"]]:
                orders[order].add(event["shipmentid"])
        if "transactionid" in event:
            receipts[event["transactionid"]].add(event["storeid"])
        times[event["source"]].append(event["time"])
    tap.check("parcels with several orders, orders with several parcels",
              not (any(len(o) > 1 for o in shipments.values())
                   and any(len(s) > 1 for s in orders.values())))
    tap.check("receipt numbers repeat across stores",
              not any(len(stores) > 3 for stores in receipts.values()))
    known = {name for found in replay.objects.values() for name in found}
    tap.check("order 100 and return 100 both exist",
              not {"order:100", "return:100"} <= known)
    tap.check("times of a source never go back",
              [name for name, list_ in times.items() if list_ != sorted(list_)][:5])
    sales = replay.types["com.tillwatch.pos.sale.completed"]
    posted = replay.types["com.tillwatch.erp.sale.posted"]
    tap.check("every sale is posted once the run is drained",
              "" if sales == posted > len(lines) / 10 else (sales, posted))
    wanted = sorted({"pos", "ecommerce", "middleware", "erp", "loyalty", "crm", "cdp", "wms",
                     "payment", "inventory", "service", "marketing", "finance"})
    tap.check("every system speaks",
              "" if sorted({name.split("/")[1] for name in replay.sources}) == wanted else "no")


def check_delivery(tap, program, directory, events):
    faults = {"duplicate": "p=0.02", "conflict": "p=0.01", "out-of-order": "p=0.02,delay=5",
              "loss": "p=0.01", "garbage": "p=0.01", "garbage-id": "p=0.01",
              "double-posting": "p=0.02", "bad-master-data": "p=0.02", "throttling": "p=0.2",
              "hub": "p=0.01,id=EVERYTHING",
              "clock-skew": "stores=3,offset=90", "store-offline": "stores=5,from=5,for=20",
              "erp-outage": "from=20,for=10"}
    arguments = [part for name, value in faults.items()
                 for part in ("--fault", name + ":" + value)]
    out, facts, _ = run(program, directory, "--stores", "300", "--events", str(events), *arguments)
    replay = Replay(out.split(b"\n")[:-1])
    finished = facts["finished"][0]
    tap.check("all faults at once: the ledger agrees with the events",
              differences(replay, facts))
    tap.check("every fault of delivery happened",
              [name for name in ("duplicates", "conflicts", "withheld", "late", "gaps", "filled",
                                 "double_effects", "objects_ignored", "failed", "retrying",
                                 "uncorrelated") if finished[name] == 0])
    kinds = {fact["kind"] for fact in facts["garbage"]}
    tap.check("garbage of every kind was sent", "" if len(kinds) >= 20 else sorted(kinds))
    hub = [1 for found in replay.objects.values() if "correlation:EVERYTHING" in found]
    tap.check("the hub is carried by many events", len(hub) < events / 1000)
    skewed = sum(fact["events"] for fact in facts["skew"])
    tap.check("the skewed stores are in the ledger", skewed == 0)
    for name in ("duplicates", "withheld"):
        rate = finished[name] / finished["composed"]
        least, most = (0.015, 0.025) if name == "duplicates" else (0.006, 0.013)
        tap.check("%s are about as probable as asked" % name,
                  "" if least < rate < most else rate)


def check_rewinds(tap, program, directory, events):
    out, facts, _ = run(program, directory, "--stores", "20", "--events", str(events), "--fault",
                        "sequence-rewind:p=0.002,max=20", "--fault", "duplicate:p=0.01",
                        "--fault", "loss:p=0.001")
    tap.check("rewinds: the ledger agrees with the events",
              differences(Replay(out.split(b"\n")[:-1]), facts))
    rewinds = facts["finished"][0]["rewinds"]
    tap.check("sources are rewound, each once, no more than allowed",
              "" if 5 <= rewinds <= 20 and all(fact["rewinds"] <= 1 for fact in facts["source"])
              else rewinds)


def seconds(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def check_windows(tap, program, directory):
    base = ["--stores", "20", "--rate", "100", "--duration", "120", "--unpaced"]
    out, facts, _ = run(program, directory, *base, "--fault",
                        "silent-store:store=0007,from=30,for=60")
    start = seconds(START)
    heard = [seconds(json.loads(line)["time"]) - start for line in out.splitlines()
             if b'"source":"/pos/store-0007/' in line]
    tap.check("a silent store is silent in its window and only there",
              "" if any(t < 30 for t in heard) and any(t >= 90 for t in heard)
              and not any(30 <= t < 90 for t in heard) else heard)
    tap.check("its silence is in the ledger", len(facts["silent"]) != 1)

    out, facts, _ = run(program, directory, *base, "--fault",
                        "store-offline:store=0007,from=30,for=60")
    late, now, wrong = 0, 0.0, []
    for line in out.splitlines():
        event = json.loads(line)
        at = seconds(event["time"]) - start
        if event["source"].startswith("/pos/store-0007/"):
            late += 30 <= at < 90 and now >= 89
            if 30 <= at < 90 and now < 89:
                wrong.append((at, now))
        else:
            now = max(now, at)
    tap.check("events of an offline store come after the window with their old times",
              wrong or late == 0)
    tap.check("their number is in the ledger", facts["offline"][0]["events"] != late)

    out, facts, _ = run(program, directory, *base, "--fault", "erp-outage:from=30,for=30")
    posted = [event for event in map(json.loads, out.splitlines())
              if event["type"].startswith("com.tillwatch.erp.")]
    wrong = [event["time"] for event in posted if event["type"].endswith(".posted")
             and (30 <= seconds(event["time"]) - start < 60) != ("outcome" in event)]
    tap.check("in an ERP outage all postings fail, outside of it none", wrong[:5])
    failed = {event.get("transactionid") for event in posted if "outcome" in event}
    done = {event.get("transactionid") for event in posted if "outcome" not in event}
    tap.check("most failed postings succeed later", len(failed & done) < len(failed) / 2)

    out, _, _ = run(program, directory, *base, "--fault", "flash-sale:from=30,for=30,factor=4")
    at = [seconds(json.loads(line)["time"]) - start for line in out.splitlines()]
    peak = sum(30 <= t < 60 for t in at)
    tap.check("a flash sale multiplies the rate", "" if 11500 < peak < 12500 else peak)


def check_steps(tap, program, directory):
    base = ["--stores", "40", "--events", "40000", "--drain", "--seed", "3"]
    out, facts, _ = run(program, directory, *base, "--fault",
                        "step-missing:p=0.05,workflow=sale-posting,step=received")
    named = {fact["object"] for fact in facts["step-missing"]}
    overdue = {fact["object"] for fact in facts["run"] if fact["state"] == "overdue"}
    tap.check("a missing step leaves its run overdue, and no other", named ^ overdue)
    sold = {"transaction:%s/%s" % (event["storeid"], event["transactionid"])
            for event in map(json.loads, out.splitlines())
            if event["type"] == "com.tillwatch.middleware.sale.received"}
    tap.check("a missing step is not said, and leaves no gap",
              not named or named & sold or facts["finished"][0]["gaps"])
    _, facts, _ = run(program, directory, *base, "--fault",
                      "slow-step:p=0.02,workflow=sale-posting")
    slow = {fact["object"] for fact in facts["slow-step"]}
    recovered = {fact["object"] for fact in facts["run"] if fact["state"] == "recovered"}
    tap.check("a slow step is done late, its run recovers", not slow or slow ^ recovered)
    _, facts, _ = run(program, directory, *base, "--fault", "cancellation:p=0.2")
    taken_back = {fact["object"] for fact in facts["run"] if fact["state"] == "compensated"}
    tap.check("a cancelled order is compensated",
              not taken_back or taken_back ^ {fact["object"] for fact in facts["cancellation"]})
    _, facts, _ = run(program, directory, "--stores", "600", "--events", "20000", "--drain",
                      "--share", "price-update=100", "--share", "promotion-rollout=100",
                      "--fault", "ack-missing:p=0.02")
    silent = defaultdict(set)
    for fact in facts["ack-missing"]:
        silent[fact["object"]].add(fact["store"])
    roll_outs = {fact["object"]: fact for fact in facts["run"] if "missing" in fact}
    tap.check("stores that do not acknowledge are missing from their roll-out",
              not silent or [name for name, fact in roll_outs.items()
                             if set(fact["missing"]) != silent[name]
                             or fact["answered"] + len(fact["missing"]) != 600])


def check_arguments(tap, program):
    wrong = []
    for arguments in (["--events", "0"], ["--stores", "0", "--events", "1"],
                      ["--stores", "10000", "--events", "1"], [],
                      ["--agent", "--misbehave", "refuse=2", "--events", "1"],
                      ["--agent", "--misbehave", "sulk=1", "--events", "1"],
                      ["--agent", "--agent-systems", "erp,,crm", "--events", "1"],
                      ["--agent", "--agent-capacity", "4097", "--events", "1"],
                      ["--fault", "nothing", "--events", "1"],
                      ["--fault", "loss:p=2", "--events", "1"],
                      ["--fault", "loss:stores=2", "--events", "1"],
                      ["--fault", "clock-skew:store=0200", "--events", "1"],
                      ["--tap", "fax", "--events", "1"], ["--start", "noon", "--events", "1"],
                      ["--ledger-journeys", "--events", "1"],
                      ["--ledger-runs", "--events", "1"],
                      ["--share", "nothing=1", "--events", "1"],
                      ["--share", "settlement=99999", "--events", "1"],
                      ["--fault", "step-missing:workflow=nothing", "--events", "1"],
                      ["--fault", "slow-step:workflow=sale-posting,step=sold", "--events", "1"],
                      ["--events", "1", "more"],
                      ["--events", "1", "--stdout", "--ledger", "/nowhere/ledger"]):
        done = subprocess.run([program] + arguments, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=False)
        lines = done.stderr.decode().splitlines()
        if done.returncode not in (1, 2) or len(lines) != 1 or done.stdout:
            wrong.append((arguments, done.returncode, lines))
    tap.check("wrong arguments: one clear line and a status", wrong)
    for option in ("--help", "--version", "--list-faults", "--list-flows"):
        done = subprocess.run([program, option], stdout=subprocess.PIPE, check=False)
        tap.check("%s answers" % option, done.returncode or not done.stdout)


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    events = int(os.environ.get("CHECK_EVENTS", "60000"))
    tap = Tap()
    with tempfile.TemporaryDirectory() as directory:
        check_arguments(tap, sys.argv[1])
        check_determinism(tap, sys.argv[1], directory)
        check_estate(tap, sys.argv[1], directory, events)
        check_delivery(tap, sys.argv[1], directory, events)
        check_rewinds(tap, sys.argv[1], directory, events // 2)
        check_windows(tap, sys.argv[1], directory)
        check_steps(tap, sys.argv[1], directory)
    print("1..%d" % tap.count)
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())
