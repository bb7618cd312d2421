# SPDX-License-Identifier: Apache-2.0
"""What the tests and the benchmark of replays share: an estate of our own, in which each order has
so many changes that loyalty must be told of in turn and of which each failed; the simulator as the
agent of loyalty; plans and replays by the API."""

import collections
import json
import os
import subprocess
import urllib.parse
import uuid

from publish import Acked, body
from tower import config_with, program_path, wait_until

TYPE = "com.example.order.change"
PAGE = 1000
BATCH = 500  # events of one message
OPEN = ("waiting", "sent")

WORKFLOW = """name: change-%(number)02d
title: Change %(number)d of an order
owner: tests
timing: queued
criticality: standard
object: order
steps:
  - {name: placed, title: Changed, system: ecommerce,
     event: {type: %(type)s-%(number)02d, where: {causationid: absent}}}
  - name: told
    title: Loyalty told
    system: loyalty
    event: {type: %(type)s-%(number)02d, where: {causationid: present}}
    after: placed
    within: 1h
    destination: true
"""


def config(directory, changes, **more):
    """A configuration with one workflow for each change of an order."""
    where = os.path.join(directory, "workflows")
    os.makedirs(where, exist_ok=True)
    for number in range(changes):
        with open(os.path.join(where, "change-%02d.yaml" % number), "w", encoding="utf-8") as f:
            f.write(WORKFLOW % {"number": number, "type": TYPE})
    return config_with(workflows__pack='false\n  dirs: ["%s"]' % where, commit_ms=10, **more)


def change(order, number, failed=False, amount=None):
    """The event of a change, or that it failed at loyalty. Its time is that of the change."""
    made = {
        "specversion": "1.0", "id": "%s-%02d%s" % (order, number, "-f" if failed else ""),
        "source": "/loyalty/worker" if failed else "/ecommerce/shop",
        "type": "%s-%02d" % (TYPE, number),
        "time": "2026-%02d-%02dT%02d:00:%02dZ" % (1 + number // 20, 1 + number % 20,
                                                  int(failed), number),
        "orderid": order, "data": {"change": number},
    }
    if failed:
        made.update(outcome="failed", errorcode="LOY-7", errormessage="no such card",
                    errorclass="master-data", causationid="%s-%02d" % (order, number))
    if amount:
        made.update(amount=amount, currency="EUR")
    return made


def publish(tower, events):
    """All events, acknowledged."""
    sender = Acked(tower.router)
    events = list(events)
    for at in range(0, len(events), BATCH):
        while not sender.has_room():
            sender.receive(100)
        sender.send(body(events[at:at + BATCH]))
    assert sender.flush(), "not everything was acknowledged"
    sender.close()


def fail_all(tower, orders, changes, amount=None):
    """Each change of each order fails once; until the desk has them all."""
    def events():
        for number in range(changes):
            for order in orders:
                yield change(order, number, amount=amount)
        for number in range(changes):
            for order in orders:
                yield change(order, number, failed=True, amount=amount)
    publish(tower, events())
    wait_until(lambda: open_count(tower) == len(orders) * changes, "all failures on the desk",
               timeout=120)


def open_count(tower):
    """Failures that are open."""
    status, text = tower.request("/api/v1/failures?state=all")
    if status != 200:
        return -1
    return sum(group["count"] for group in json.loads(text)["items"])


class Agent:
    """The simulator as an agent: one process after another on one set of books."""

    def __init__(self, tower, *args, name="mw-1", systems="loyalty"):
        self.tower = tower
        self.name = name
        self.args = ["--agent-name", name, "--agent-systems", systems, *args]
        self.books = os.path.join(tower.base, "books-" + name)
        self.ledgers = []
        self.process = None

    def start(self, *more):
        """Start it."""
        ledger = os.path.join(self.tower.base, "ledger-%s-%d" % (self.name, len(self.ledgers)))
        self.ledgers.append(ledger)
        self.process = subprocess.Popen(
            [program_path("retail-sim"), "--agent-only", "--agent-state", self.books, "--stores",
             "1", "--tap", "router", "--resend-ms", "500", "--quiet", "--ledger", ledger,
             "--seed", str(len(self.ledgers)), *self.args, *more],
            env=self.tower.environment(), stdin=subprocess.DEVNULL, start_new_session=True)
        return self

    def kill(self):
        """kill -9."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self):
        """SIGTERM, so that its ledger is whole."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(60)
            self.process = None

    def facts(self, *names):
        """Facts of all its lives with these names, in order. A line that a kill cut is none."""
        found = []
        for ledger in self.ledgers:
            if not os.path.exists(ledger):
                continue
            with open(ledger, encoding="utf-8") as f:
                for line in f:
                    try:
                        fact = json.loads(line)
                    except ValueError:
                        continue
                    if fact["fact"] in names:
                        found.append(fact)
        return found

    def is_online(self):
        """The tower has heard its hello."""
        status, text = self.tower.request("/api/v1/agents")
        return status == 200 and any(one["agent"] == self.name and one["state"] == "online"
                                     for one in json.loads(text)["items"])

    def wait_online(self):
        """Until it is."""
        wait_until(self.is_online, "the agent's hello", timeout=60)


def call(tower, path, sent, key=None):
    """POST; (status, answer)."""
    headers = {"Idempotency-Key": key} if key else {}
    status, text = tower.request("/api/v1/" + path, sent, "POST", headers)
    return status, json.loads(text) if text else {}


def plan(tower, **selection):
    """A plan that must be made."""
    status, answer = call(tower, "replays/plan", selection)
    if status != 200:
        raise RuntimeError("plan: %d %s" % (status, answer))
    return answer


def replay(tower, planned, **more):
    """Start the replay of a plan; its number."""
    status, answer = call(tower, "replays", {"plan": planned["plan"], "reason": "test", **more},
                          str(uuid.uuid4()))
    if status != 202:
        raise RuntimeError("replay: %d %s" % (status, answer))
    return answer["id"]


def read(tower, number):
    """A replay as it is; None while nobody answers."""
    status, text = tower.request("/api/v1/replays/%d" % number)
    return json.loads(text) if status == 200 else None


def is_over(one):
    """Nothing is waiting or sent, and the tower has said so."""
    return (one is not None and one["finished"] is not None and
            not any(one["counts"][state] for state in OPEN))


def wait_over(tower, number, timeout=120):
    """The replay when it is over, or when it has stopped by itself."""
    def over():
        one = read(tower, number)
        return one if one and (is_over(one) or one["state"] in ("stopped", "paused")) else None
    return wait_until(over, "replay %d to be over" % number, timeout, interval=0.1)


def items(tower, number, **query):
    """All items of a replay."""
    found, cursor = [], None
    while True:
        words = {"limit": PAGE, **query, **({"cursor": cursor} if cursor else {})}
        page = tower.get("/api/v1/replays/%d/items?%s" % (number, urllib.parse.urlencode(words)))
        found += page["items"]
        cursor = page["next"]
        if cursor is None:
            return found


def count_states(found):
    """{state: how many}."""
    return collections.Counter(one["state"] for one in found)
