#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A publisher that sends its last message and ends while the tower is held up: what is still in
the kernels' buffers must arrive. A ZeroMQ PING from the tower would make the publisher's kernel
reset the connection and throw it away.
"""
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import Tap  # noqa: E402
from tower import Tower, config_with, program_path, wait_until  # noqa: E402

EVENTS = 3000
HEARTBEAT_MS = 200


def publish_and_end(tap, tower, kind):
    """Hold the tower up while a publisher sends and ends; count what arrives afterwards."""
    before = tower.total("events_received")
    command = [program_path("retail-sim"), "--stores", "10", "--rate", "2000", "--events",
               str(EVENTS), "--tap", kind, "--seed", str(before + 1)]
    publisher = subprocess.Popen(command, env=tower.environment(), stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: tower.total("events_received") > before, "the first events")
        os.kill(tower.pid(), signal.SIGSTOP)
        try:
            # Ends while nobody reads: 2 MB fit into the buffers of the kernels.
            publisher.wait(30)
            ended = True
        except subprocess.TimeoutExpired:
            ended = False
        # The heartbeats that fall due while it stands still are sent when it goes on.
        time.sleep(3 * HEARTBEAT_MS / 1000)
        os.kill(tower.pid(), signal.SIGCONT)
        tap.ok(ended and publisher.returncode == 0,
               kind + ": the publisher ended before the tower went on")
    finally:
        publisher.kill()
        publisher.wait()
    try:
        wait_until(lambda: tower.total("events_received") - before >= EVENTS, "the last events", 20)
    except TimeoutError:
        pass
    tap.equal(tower.total("events_received") - before, EVENTS, kind + ": every event arrived")


def main():
    config = config_with(**{"commit-ms": 5}).replace(
        "heartbeat-ms: 5000", "heartbeat-ms: %d" % HEARTBEAT_MS)
    with Tap() as tap, Tower(config=config) as tower:
        for kind in ("pull", "sub"):
            publish_and_end(tap, tower, kind)


if __name__ == "__main__":
    main()
