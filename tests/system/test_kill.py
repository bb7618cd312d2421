#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 under load: every acknowledged event is there afterwards, exactly once.

The sender at the acknowledged tap keeps its own log of what was acknowledged; that log is the
judge. TW_KILL_CYCLES (200) cycles; TW_SEED makes the times of the kills repeatable. One cycle in
five kills while the tower is still starting, so that a recovery is interrupted too."""

import os
import random
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from publish import BATCH, Load  # noqa: E402
from tap import Tap  # noqa: E402
from tower import Tower, config_with  # noqa: E402

CYCLES = int(os.environ.get("TW_KILL_CYCLES", "200"))
SEED = int(os.environ.get("TW_SEED", "1"))
PAUSE_S = 0.15  # a cycle's load lasts at most so long


def kill_cycles(tower, load, rng):
    """The cycles; the longest start."""
    slowest = 0
    for cycle in range(CYCLES):
        began = time.monotonic()
        if cycle % 5 == 4:
            tower.start(wait=False)
            time.sleep(rng.uniform(0, 0.05))
            tower.kill()
        tower.start()
        slowest = max(slowest, time.monotonic() - began)
        load.reconnect.set()
        # A random moment, not a wait for something: the kill must hit anywhere.
        time.sleep(rng.uniform(0, PAUSE_S))
        tower.kill()
    return slowest


def check(tap, tower, load):
    """Compare what was acknowledged with what is stored."""
    acked = load.acknowledged()
    stored = tower.stored_ids()
    lost = [i for i in acked if stored[i] == 0]
    twice = [i for i, count in stored.items() if count > 1]
    tap.note("%d events acknowledged, %d stored" % (len(acked), sum(stored.values())))
    tap.ok(len(acked) >= CYCLES * BATCH, "there was load", len(acked))
    tap.equal(lost[:10], [], "acknowledged and lost: 0 (%d kills)" % CYCLES)
    tap.equal(twice[:10], [], "stored twice: 0")
    tap.equal({s for _, s, _ in load.client.acked}, {b"ok"}, "every answer was ok")
    tap.equal(tower.total("events_accepted"), len(stored), "counted twice: 0")
    tap.equal(tower.total("events_conflict"), 0, "no event became another")
    tap.equal(tower.total("events_quarantined"), 0, "nothing was damaged on the way")


def main():
    rng = random.Random(SEED)
    with Tap() as tap:
        # Small partitions, so that kills hit their change, sealing and the recovery of several.
        tower = Tower(config=config_with(partition_events=20000, commit_ms=5))
        load = Load(tower.router, "/pos/store-0042/till-1")
        try:
            load.start()
            slowest = kill_cycles(tower, load, rng)
            tower.start()
            load.finish.set()
            load.join()
            tap.ok(load.is_flushed, "after the last start everything is acknowledged",
                   "%d messages are not" % len(load.client.pending))
            tap.note("slowest start %.2f s" % slowest)
            check(tap, tower, load)
            tap.equal(tower.stop(), 0, "the tower stops cleanly")
        finally:
            load.finish.set()
            tower.close()


if __name__ == "__main__":
    main()
