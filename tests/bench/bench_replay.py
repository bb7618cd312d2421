#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Replay: the plan of many failures (alone, with objects in common and a past; and through the
API), items a second through send and proof, and what a replay at
full speed takes from live ingest.

Everything runs on the cores of one machine: tower, agent, the senders and the one who asks. Of the
effect on ingest rounds with and without a replay take turns, and only those are compared.

Environment: BENCH_ORDERS (10000) orders of two changes each, which all fail; BENCH_PLAN (100000)
failures of the large plan; BENCH_ROUNDS (3); BENCH_SECONDS (5) of each round of ingest; BENCH_DIR
where the store is made (the build directory: a real disk, not memory).
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from replay_kit import (Agent, config, fail_all, open_count, plan, read,  # noqa: E402
                        replay, wait_over)
from tower import BUILD, Tower  # noqa: E402

ORDERS = int(os.environ.get("BENCH_ORDERS", "10000"))
PLAN = int(os.environ.get("BENCH_PLAN", "100000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "5"))
LIMITS = os.path.join(BUILD, "tests", "bench", "limits")
ALL = {"filter": {"system": "loyalty"}, "destination": "loyalty"}
FULL = {"rate": 1000, "canary": 1, "stop_after_failures": 100000, "stop_percent": 100}
CHANGES = 2
PLAN_CHANGES = 10
RATE = 100_000  # events a second that are offered: more than goes


def say(name, value, unit):
    """One figure."""
    print(name, ("%.4g" if abs(value) < 1e5 else "%.0f") % value, unit, flush=True)


class Place:
    """A directory for a store, removed afterwards."""

    def __init__(self):
        self.path = os.path.abspath(tempfile.mkdtemp(
            prefix="bench-replay-", dir=os.environ.get("BENCH_DIR", BUILD)))

    def __enter__(self):
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


def large_plan():
    """A plan of so many failures, again and again: planning changes nothing."""
    orders = ["p%06d" % number for number in range(PLAN // PLAN_CHANGES)]
    with Place() as place, \
            Tower(state=place, config=config(place, PLAN_CHANGES)) as tower:
        agent = Agent(tower).start()
        try:
            fail_all(tower, orders, PLAN_CHANGES)
            agent.wait_online()
            times = []
            for _ in range(ROUNDS):
                begun = time.monotonic()
                planned = plan(tower, **ALL)
                times.append(time.monotonic() - begun)
                assert planned["count"] == PLAN_CHANGES * len(orders), planned["count"]
            say("plan_items", planned["count"], "items")
            say("plan_seconds", statistics.median(times), "s")
            say("plan_seconds_max", max(times), "s")
            begun = time.monotonic()
            number = replay(tower, planned, rate=1, canary=1)
            say("start_seconds", time.monotonic() - begun, "s")
            begun = time.monotonic()
            tower.request("/api/v1/replays/%d/cancel" % number, {"reason": "measured"}, "POST")
            say("cancel_seconds", time.monotonic() - begun, "s")
        finally:
            agent.kill()


def ingest(tower, seconds, first):
    """Events a second that are committed while more are offered."""
    before = tower.total("events_accepted")
    begun = time.monotonic()
    sender = subprocess.Popen([LIMITS, "paced", tower.pull, str(RATE), str(seconds), str(first)],
                              stdout=subprocess.DEVNULL)
    time.sleep(seconds)
    rate = (tower.total("events_accepted") - before) / (time.monotonic() - begun)
    sender.kill()
    sender.wait()
    return rate


def speed():
    """Items a second, alone; then ingest with and without a replay, in turns."""
    orders = ["s%06d" % number for number in range(ORDERS)]
    with Place() as place, \
            Tower(state=place, config=config(place, CHANGES)) as tower:
        agent = Agent(tower, "--agent-capacity", "512").start()
        try:
            fail_all(tower, orders, CHANGES)
            agent.wait_online()
            planned = plan(tower, **ALL)
            begun = time.monotonic()
            number = replay(tower, planned, **FULL)
            half = ORDERS * CHANGES // 2
            while read(tower, number)["counts"]["proven"] < half:
                time.sleep(0.05)
            say("items_per_second", half / (time.monotonic() - begun), "items/s")
            quiet, busy = [], []
            first = 1_000_000
            for turn in range(ROUNDS):
                tower.request("/api/v1/replays/%d/pause" % number, {"reason": "quiet"}, "POST")
                time.sleep(1)
                quiet.append(ingest(tower, SECONDS, first))
                tower.request("/api/v1/replays/%d/resume" % number, {"reason": "busy"}, "POST")
                before = read(tower, number)["counts"]["proven"]
                busy.append(ingest(tower, SECONDS, first + 10_000_000))
                done = read(tower, number)["counts"]["proven"] - before
                if turn == 0:
                    say("items_per_second_under_load", done / SECONDS, "items/s")
                first += 20_000_000
            say("ingest_without", statistics.median(quiet), "events/s")
            say("ingest_with", statistics.median(busy), "events/s")
            say("ingest_share", statistics.median(b / q for b, q in zip(busy, quiet)), "x")
            one = wait_over(tower, number, 300)
            say("proven", one["counts"]["proven"], "items")
            assert open_count(tower) == 0
        finally:
            agent.kill()


if __name__ == "__main__":
    subprocess.run([os.path.join(BUILD, "tests", "bench", "replay_plan"), str(PLAN),
                    os.environ.get("BENCH_DIR", BUILD)], check=True, stderr=subprocess.DEVNULL)
    large_plan()
    speed()
