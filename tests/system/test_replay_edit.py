#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Repairing an event before it is sent again: off unless it is switched on; what may be changed,
how it is compared, who must approve, what is sent, and that the stored event stays."""

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import uuid

import zmq

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from replay_kit import (call, change, config, fail_all, items, open_count, publish,  # noqa: E402
                        read, wait_over)
from tap import Tap  # noqa: E402
from tower import Tower, wait_until  # noqa: E402

PYTHON_AGENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "clients", "agent.py")
SKU = [{"path": "/data/change", "value": 7}]


class Destination:
    """The agent in Python of docs/agents.md, and loyalty behind it, which is this test."""

    def __init__(self, tower):
        self.tower = tower
        self.socket = zmq.Context.instance().socket(zmq.PULL)
        port = self.socket.bind_to_random_port("tcp://127.0.0.1")
        self.process = subprocess.Popen(
            ["/usr/bin/python3", PYTHON_AGENT, tower.env["TILLWATCH_AGENTS"], "mw-1", "loyalty",
             "tcp://127.0.0.1:%d" % port], stdin=subprocess.DEVNULL)
        wait_until(lambda: any(one["state"] == "online"
                               for one in tower.get("/api/v1/agents")["items"]), "its hello")

    def receive(self):
        """The next event that is replayed; None: there is none."""
        return json.loads(self.socket.recv()) if self.socket.poll(10000) else None

    def is_silent(self):
        """Nothing comes."""
        return self.socket.poll(1000) == 0

    def prove(self, event):
        """Say that it is done."""
        publish(self.tower, [{**event, "id": event["id"] + "-done", "source": "/loyalty/worker",
                              "causationid": event["id"]}])

    def close(self):
        self.process.kill()
        self.process.wait()
        self.socket.close()


def first_failures(tower):
    """Numbers of all open failures."""
    groups = tower.get("/api/v1/failures")["items"]
    return [one["id"] for group in groups
            for one in tower.get("/api/v1/failures/%d/items" % group["id"])["items"]]


def start(tower, planned, **more):
    """POST /replays."""
    return call(tower, "replays", {"plan": planned["plan"], "reason": "wrong card", **more},
                str(uuid.uuid4()))


def switched_off(tap):
    """Nobody has switched it on."""
    with tempfile.TemporaryDirectory() as place, \
            Tower(config=config(place, 1)) as tower:
        fail_all(tower, ["o1"], 1)
        status, answer = call(tower, "replays/plan",
                              {"failures": first_failures(tower), "edit": SKU})
        tap.ok(status == 403 and "replay.edit" in answer["detail"],
               "switched off it is refused, and says by what", answer)


def refused(tap, tower, failures):
    """What is no repair."""
    cases = [
        ({"failures": failures[:2], "edit": SKU}, "one of them"),
        ({"filter": {"system": "loyalty"}, "edit": SKU}, "one of them"),
        ({"failures": [999999], "edit": SKU}, "no such failure"),
        ({"failures": failures[:1], "edit": []}, "1 to 32"),
        ({"failures": failures[:1], "edit": [{"path": "/id", "value": "x"}]}, "cannot be changed"),
        ({"failures": failures[:1], "edit": [{"path": "/orderid", "value": "x"}]},
         "cannot be changed"),
        ({"failures": failures[:1], "edit": [{"path": "/data/none/x", "value": 1}]},
         "no such place"),
        ({"failures": failures[:1], "edit": [{"path": "/data/change", "value": 0}]},
         "this value already"),
        ({"failures": failures[:1], "edit": [{"path": "/amount", "value": "1,50"}]},
         "no valid event"),
    ]
    for body, why in cases:
        status, answer = call(tower, "replays/plan", body)
        tap.ok(status == 400 and why in answer.get("detail", ""),
               "refused: %s" % json.dumps(body["edit"])[:60], (status, answer))


def sent(tap, tower, loyalty, failure):
    """A repair is sent, proven, and the stored event is what it was."""
    before = tower.get("/api/v1/events/1?reveal=1&reason=test")
    status, planned = call(tower, "replays/plan", {"failures": [failure], "edit": SKU})
    tap.equal((status, planned["edit"]["diff"], planned["edit"]["needs_approval"]),
              (200, [{"path": "/data/change", "before": 0, "after": 7}], False),
              "the plan says what it changes")
    status, answer = start(tower, planned)
    event = loyalty.receive()
    tap.equal(event["data"]["change"], 7, "what is sent has the change")
    whole = {**change("o1", 0), "data": {"change": 7}, "replayid": event["replayid"], "attempt": 1}
    tap.equal(event, whole, "and is the stored event for the rest")
    loyalty.prove(event)
    one = wait_over(tower, answer["id"])
    tap.equal((status, one["counts"]["proven"], one["edit"]),
              (202, 1, [{"path": "/data/change", "removed": False}]), "it is proven")
    tap.equal(tower.get("/api/v1/events/1?reveal=1&reason=test"), before,
              "the stored event is what it was")
    key = items(tower, answer["id"])[0]["idempotency_key"]
    tap.equal(key, "loyalty//ecommerce/shop#o1-00", "the key is that of the stored event")


def approved(tap, tower, loyalty, failure):
    """Money wants a second person."""
    status, planned = call(tower, "replays/plan", {
        "failures": [failure], "edit": [{"path": "/data/unitPrice", "value": "2.00"}]})
    tap.equal((status, planned["edit"]["money"], planned["edit"]["needs_approval"]),
              (200, True, True), "a price is money")
    status, answer = start(tower, planned)
    number = answer["id"]
    tap.equal((status, answer["state"]), (202, "awaiting_approval"), "it awaits another person")
    for act, wanted in (("resume", 409), ("pause", 409), ("approve", 403)):
        tap.equal(call(tower, "replays/%d/%s" % (number, act), {"reason": "me"})[0], wanted,
                  "who asked for it cannot %s it" % act)
    tap.equal(call(tower, "replays/%d/approve" % number, {})[0], 400, "approval wants a reason")
    tap.ok(loyalty.is_silent() and read(tower, number)["counts"]["waiting"] == 1,
           "nothing is sent meanwhile")
    # There are no users yet: in the table somebody else has asked for it.
    with sqlite3.connect(os.path.join(tower.state, "desk.db"), timeout=10) as db:
        db.execute("UPDATE replay SET actor = CAST('kim' AS BLOB) WHERE id = ?", (number,))
    tap.equal(call(tower, "replays/%d/approve" % number, {"reason": "seen"})[0], 200,
              "another person approves")
    event = loyalty.receive()
    tap.equal(event["data"], {"change": 0, "unitPrice": "2.00"}, "then it is sent")
    loyalty.prove(event)
    one = wait_over(tower, number)
    tap.equal((one["counts"]["proven"], one["approver"]), (1, "local"), "and proven")
    tap.ok(any(act["action"] == "approve" and act["reason"] == "seen" for act in one["history"]),
           "the approval is in the history", one["history"])


def masked(tap, tower, failure):
    """Personal data is not shown by the comparison."""
    status, planned = call(tower, "replays/plan", {
        "failures": [failure], "edit": [{"path": "/data/email", "value": "b@example.org"},
                                        {"path": "/data/who", "remove": True}]})
    shown = json.dumps(planned["edit"]["diff"]) if status == 200 else str(planned)
    tap.ok(status == 200 and "a@example.org" not in shown and "***" in shown,
           "what was there is masked", shown)


def main():
    with Tap() as tap:
        switched_off(tap)
        with tempfile.TemporaryDirectory() as place, \
                Tower(config=config(place, 1, replay__edit="true")) as tower:
            loyalty = Destination(tower)
            try:
                fail_all(tower, ["o1", "o2"], 1)
                both = [change("o3", 0), change("o3", 0, failed=True)]
                both[0]["data"].update(email="a@example.org",
                                       who={"email": "a@example.org", "n": 1})
                publish(tower, both)
                wait_until(lambda: open_count(tower) == 3, "all three")
                failures = sorted(first_failures(tower))
                refused(tap, tower, failures)
                masked(tap, tower, failures[2])
                sent(tap, tower, loyalty, failures[0])
                approved(tap, tower, loyalty, failures[1])
            finally:
                loyalty.close()


if __name__ == "__main__":
    main()
