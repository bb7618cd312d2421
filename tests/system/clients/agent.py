#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A replay agent: agent.py TOWER NAME SYSTEM,... PUSH-ENDPOINT, where each event goes to."""

import json
import sys
import time
from datetime import datetime, timezone

import zmq

TOWER, NAME, SYSTEMS, TARGET = sys.argv[1:5]
verdicts = {}  # (replayid, attempt) -> answer, the oldest first
context = zmq.Context()
target = context.socket(zmq.PUSH)
target.immediate, target.sndtimeo = True, 1000  # shorter than three intervals
target.connect(TARGET)


def carry_out(replay):
    """Returns None, or why nothing has happened."""
    if replay["destination"] not in SYSTEMS.split(","):
        return "not a system of this agent"
    if "deadline" in replay and datetime.fromisoformat(
            replay["deadline"].replace("Z", "+00:00")) <= datetime.now(timezone.utc):
        return "its deadline has passed"
    try:
        target.send(json.dumps(replay["event"]).encode())
    except zmq.Again:
        return "nobody takes it"
    return None


def answer(replay):
    """The same words as the first time, if it was answered already."""
    key = (str(replay["replayid"]), int(replay["attempt"]))
    if key not in verdicts:
        said = {"op": "accepted", "replayid": key[0], "attempt": key[1]}
        try:
            reason = carry_out(replay)
        except (KeyError, TypeError, ValueError) as error:
            reason = "malformed: %r" % error
        verdicts[key] = said if reason is None else {**said, "op": "refused", "reason": reason}
        if len(verdicts) > 4096:
            del verdicts[next(iter(verdicts))]
    return verdicts[key]


def converse():
    """One connection, until either side was silent for three intervals."""
    tower = context.socket(zmq.DEALER)
    tower.linger = 0
    tower.connect(TOWER)
    def say(message):
        tower.send(json.dumps(message).encode(), zmq.DONTWAIT)
    say({"op": "hello", "agent": NAME, "systems": SYSTEMS.split(","), "capacity": 8})
    interval, welcome = 2.0, False
    heard = said = time.monotonic()
    while time.monotonic() < min(heard, said) + 3 * interval:
        if welcome and time.monotonic() >= said + interval:
            say({"op": "ping"})
            said = time.monotonic()
        if not tower.poll(interval * 250):
            continue
        frames = tower.recv_multipart()
        heard = time.monotonic()
        try:
            message = json.loads(frames[0]) if len(frames) == 1 else {}
            if message["op"] == "welcome":
                interval, welcome = max(0.01, float(message["heartbeat"])), True
                said = heard - interval  # the first ping is due
            elif message["op"] == "replay":
                say(answer(message))
        except (KeyError, TypeError, ValueError, RecursionError):
            pass  # malformed, or of a later protocol
    tower.close()

while True:
    converse()
