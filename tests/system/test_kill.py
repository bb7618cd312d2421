#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 under load: every acknowledged event is there afterwards, exactly once.

The sender at the acknowledged tap keeps its own log of what was acknowledged; that log is the
judge. TW_KILL_CYCLES (200) cycles; TW_SEED makes the times of the kills repeatable. One cycle in
five kills while the tower is still starting, so that a recovery is interrupted too."""

import collections
import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from publish import Acked, body, event  # noqa: E402
from tap import Tap  # noqa: E402
from tower import Tower, config_with  # noqa: E402

CYCLES = int(os.environ.get("TW_KILL_CYCLES", "200"))
SEED = int(os.environ.get("TW_SEED", "1"))
BATCH = 8  # events in a message
PAUSE_S = 0.15  # a cycle's load lasts at most so long


class Load(threading.Thread):
    """Sends batches as fast as the window allows, until told to finish; reconnects on request."""

    def __init__(self, endpoint, source):
        super().__init__(name="load")
        self.endpoint = endpoint
        self.source = source
        self.number = 0
        self.ids_of = {}  # ref -> ids of its events
        self.reconnect = threading.Event()
        self.finish = threading.Event()
        self.is_flushed = False
        self.client = None

    def run(self):
        self.client = Acked(self.endpoint, window=64)
        while not self.finish.is_set():
            if self.reconnect.is_set():
                self.reconnect.clear()
                self.client.connect()
            while self.client.has_room():
                made = [event(self.source, self.number + i, sequence="%012d" % (self.number + i + 1))
                        for i in range(BATCH)]
                self.number += BATCH
                self.ids_of[self.client.send(body(made))] = [e["id"] for e in made]
            self.client.receive(5)
        self.client.connect()
        self.is_flushed = self.client.flush(60)
        self.client.close()

    def acknowledged(self):
        """Ids of all events whose message was answered."""
        return [i for ref, _, _ in self.client.acked for i in self.ids_of[ref]]


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
    stored = collections.Counter(e["id"] for e in tower.export())
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
    sources = tower.get("/api/v1/status").get("totals", {})
    tap.note(sources)


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
