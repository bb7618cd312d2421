#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The tower's side of docs/agents.md, and how it sends what is in the outbox: a real tower, an
agent that this test plays word by word, and the agents of the tree. Replays are laid into desk.db
as a plan would lay them, so that each case is what it says."""

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import zmq  # noqa: E402

from publish import Acked, body  # noqa: E402
from replay_kit import Agent, change, config, fail_all  # noqa: E402
from tap import Tap  # noqa: E402
from tower import Tower, program_path, wait_until  # noqa: E402

RUNNING, PAUSED, STOPPED, CANCELLED, DONE = range(5)
ITEM_STATES = ("waiting", "sent", "unproven", "proven", "failed_again", "refused", "cancelled")
EVENTS = ("planned", "sent", "sent_again", "accepted", "refused", "proven", "failed_again",
          "unproven", "cancelled", "put_off")
HEARTBEAT = 1
ORDERS = ["o%03d" % number for number in range(12)]


class Desk:
    """desk.db beside the tower."""

    def __init__(self, tower):
        self.db = sqlite3.connect(os.path.join(tower.state, "desk.db"), timeout=30,
                                  isolation_level=None)
        self.db.text_factory = bytes

    def rows(self, sql, *values):
        """All rows of a statement."""
        return self.db.execute(sql, values).fetchall()

    def value(self, sql, *values):
        """The first value of a statement."""
        return self.rows(sql, *values)[0][0]

    def lay_out(self, orders=None, **more):
        """A replay of what is open, of these orders only; its number. As a plan would."""
        words = {"rate": 1000, "canary": 0, "stop_failures": 0, "stop_percent": 0, "proof_s": 60,
                 "state": RUNNING, **more}
        now = time.time_ns()
        self.db.execute("BEGIN IMMEDIATE")
        number = self.db.execute(
            "INSERT INTO replay(token, plan, created, actor, reason, destination, selection,"
            " request_key, request_hash, state, changed, rate, canary, stop_failures,"
            " stop_percent, proof_s) VALUES(x'74', x'70', ?, x'61', x'72',"
            " CAST('loyalty' AS BLOB), x'7b7d', randomblob(8), x'00', ?, ?, ?, ?, ?, ?, ?)",
            (now, words["state"], now, words["rate"], words["canary"], words["stop_failures"],
             words["stop_percent"], words["proof_s"])).lastrowid
        found = self.db.execute(
            "SELECT id, object_type, object_scope, object_id, input_n, failed_n FROM failure"
            " WHERE state = 0 ORDER BY since, input_n").fetchall()
        seen = set()
        seq = 0
        for failure, kind, scope, name, input_n, failed_n in found:
            if orders is not None and name.decode() not in orders:
                continue
            seq += 1
            self.db.execute(
                "INSERT INTO replay_item(replay, seq, replayid, failure, is_asked, is_ready,"
                " overridden, is_financial, object_type, object_scope, object_id, event_n,"
                " failed_n, amount_minor, currency, state) VALUES(?, ?, CAST(? AS BLOB), ?, 1, ?,"
                " 0, 0, ?, ?, ?, ?, ?, 0, x'', 0)",
                (number, seq, "r%d-t-%d" % (number, seq), failure, name not in seen, kind, scope,
                 name, input_n, failed_n))
            seen.add(name)
        self.db.execute("COMMIT")
        return number

    def set_state(self, number, state):
        """What an operator's command does."""
        self.db.execute("UPDATE replay SET state = ?, changed = ?, why = NULL WHERE id = ?",
                        (state, time.time_ns(), number))

    def counts(self, number):
        """{state: how many items}."""
        return {ITEM_STATES[state]: count for state, count in self.rows(
            "SELECT state, count(*) FROM replay_item WHERE replay = ? GROUP BY state", number)}

    def replay(self, number):
        """(state, why, phase, detail, is finished)."""
        state, why, phase, detail, finished = self.rows(
            "SELECT state, why, phase, phase_detail, finished FROM replay WHERE id = ?", number)[0]
        return (state, (why or b"").decode(), (phase or b"").decode(), (detail or b"").decode(),
                finished is not None)

    def timeline(self, replayid):
        """[(what, detail)] of an item."""
        return [(EVENTS[what], (detail or b"").decode()) for what, detail in self.rows(
            "SELECT what, detail FROM item_event WHERE item = (SELECT id FROM replay_item WHERE"
            " replayid = CAST(? AS BLOB)) ORDER BY id", replayid)]

    def agent(self, name):
        """The row of an agent as a dict; None: there is none."""
        cursor = self.db.execute("SELECT * FROM agent WHERE name = CAST(? AS BLOB)", (name,))
        row = cursor.fetchone()
        return row and dict(zip((column[0] for column in cursor.description), row))


class Played:
    """An agent of which this test says every word."""

    def __init__(self, tower, name="mw-1", systems=("loyalty",), capacity=100, hello=True):
        self.tower = tower
        self.words = {"op": "hello", "agent": name, "systems": list(systems),
                      "capacity": capacity}
        self.orders = []  # (replayid, order), as they came
        self.welcomes = self.pings = 0
        self.socket = None
        self.pinged = 0
        self.is_pinging = True
        self.answer = None  # of each order: a function of it, or None
        self.connect()
        if hello:
            self.say(self.words)
            self.until(lambda: self.welcomes, "a welcome")

    def connect(self):
        """A new connection."""
        self.close()
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.connect(self.tower.env["TILLWATCH_AGENTS"])

    def close(self):
        """Without a word."""
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    def say(self, message):
        """One frame."""
        self.socket.send(json.dumps(message).encode() if isinstance(message, dict) else message)

    def accept(self, order):
        """The answer to an order."""
        self.say({"op": "accepted", "replayid": order["replayid"], "attempt": order["attempt"]})

    def refuse(self, order, reason="locked"):
        """Likewise."""
        self.say({"op": "refused", "replayid": order["replayid"], "attempt": order["attempt"],
                  "reason": reason})

    def pump(self, wait_ms=20):
        """Take what came; ping."""
        if self.is_pinging and time.monotonic() - self.pinged > HEARTBEAT:
            self.pinged = time.monotonic()
            self.say({"op": "ping"})
        while self.socket.poll(wait_ms):
            wait_ms = 0
            message = json.loads(self.socket.recv())
            self.welcomes += message["op"] == "welcome"
            self.pings += message["op"] == "ping"
            if message["op"] == "replay":
                self.orders.append(message)
                if self.answer is not None:
                    self.answer(message)

    def until(self, condition, what, timeout=30):
        """Pump until it is true."""
        def look():
            self.pump()
            return condition()
        return wait_until(look, what, timeout, interval=0)

    def for_(self, seconds):
        """Pump for a while: to see that something does not happen."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.pump()

    def ids(self):
        """The replayids that came, in order."""
        return [order["replayid"] for order in self.orders]


def prove(tower, orders, outcome=None):
    """What loyalty says of orders that it was told to carry out."""
    made = []
    for order in orders:
        event = order["event"]
        made.append({**event, "id": "%s-p%s" % (event["id"], outcome or ""),
                     "source": "/loyalty/agent", "causationid": event["id"],
                     "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                     **({"outcome": "failed", "errorcode": "LOY-8"} if outcome else {})})
    sender = Acked(tower.router)
    sender.send(body(made))
    assert sender.flush(), "not acknowledged"
    sender.close()


class Case:
    """A tower of its own, in which each change of each order failed."""

    def __init__(self, changes=1, orders=ORDERS, **more):
        self.place = tempfile.TemporaryDirectory()
        self.tower = Tower(config=config(self.place.name, changes, heartbeat_s=HEARTBEAT, **more))
        self.changes = changes
        self.orders = orders

    def __enter__(self):
        self.tower.start()
        fail_all(self.tower, self.orders, self.changes)
        return self.tower, Desk(self.tower)

    def __exit__(self, *_):
        self.tower.close()
        self.place.cleanup()


def conversation(tap):
    """Hello, pings, silence, another connection: what the table of agents says."""
    with Case() as (tower, desk):
        stranger = Played(tower, "nobody", hello=False)
        stranger.say({"op": "accepted", "replayid": "r1-t-1", "attempt": 1})
        stranger.say(b"\xff\x00 nonsense")
        agent = Played(tower)
        wait_until(lambda: desk.agent("mw-1"), "the row of the agent")
        row = desk.agent("mw-1")
        tap.equal((row["systems"], row["capacity"], row["is_online"], row["hellos"]),
                  (b'["loyalty"]', 100, 1, 1), "an agent that said hello has its row")
        agent.until(lambda: agent.pings >= 2, "pings")
        tap.ok(True, "the tower pings")
        agent.say(b"{")
        agent.say({"op": "of a later protocol"})
        agent.until(lambda: desk.agent("mw-1")["malformed"] == 1, "the count of malformed frames")
        tap.equal(desk.agent("mw-1")["malformed"], 1, "what is malformed is counted")
        tap.equal((stranger.welcomes, desk.agent("nobody")), (0, None),
                  "who has not said hello is heard by nobody")
        agent.is_pinging = False
        agent.until(lambda: not desk.agent("mw-1")["is_online"], "silence")
        pings = agent.pings
        agent.for_(2.5 * HEARTBEAT)
        tap.equal(agent.pings, pings, "who was silent for three intervals is offline, not pinged")
        agent.is_pinging = True
        agent.say(agent.words)
        agent.until(lambda: desk.agent("mw-1")["is_online"], "hello again")
        other = Played(tower)
        agent.for_(2.5 * HEARTBEAT)
        before = agent.pings
        other.until(lambda: other.pings >= 2, "pings at the new connection")
        agent.for_(0.1)
        tap.ok(agent.pings <= before + 1 and desk.agent("mw-1")["hellos"] == 3,
               "a later hello of the name replaces the earlier one")
        tower.kill()
        tower.start()
        wait_until(lambda: desk.agent("mw-1")["is_online"] == 0, "nobody is online")
        tap.ok(True, "nobody has said hello to another life of the tower")
        for one in (stranger, agent, other):
            one.close()


def sending(tap):
    """Committed before it is sent; said again; answers; order."""
    with Case(changes=2) as (tower, desk):
        agent = Played(tower, capacity=5)
        number = desk.lay_out()
        agent.until(lambda: len(agent.orders) == 5, "as many as its capacity")
        agent.for_(0.5)
        tap.equal(len(agent.orders), 5, "an agent never has more than its capacity unanswered")
        order = agent.orders[0]
        state, deadline, key = desk.rows(
            "SELECT state, deadline, idempotency_key FROM replay_item WHERE replayid ="
            " CAST(? AS BLOB)", order["replayid"])[0]
        event = order["event"]
        tap.equal((state, order["attempt"], order["destination"], event["replayid"],
                   event["attempt"]), (1, 1, "loyalty", order["replayid"], 1),
                  "what is said is in the outbox")
        tap.equal((order["idempotencykey"].encode(), key),
                  (key, b"loyalty//ecommerce/shop#" + event["id"].encode()),
                  "the key names the effect")
        tap.ok(deadline > time.time_ns() and order["deadline"].endswith("Z"), "it has a deadline")
        sent = change(event["orderid"], 0)
        tap.equal({**event, "replayid": None, "attempt": None},
                  {**sent, "replayid": None, "attempt": None},
                  "the event is the one that the step waited for")
        # answers to nothing, of others, twice
        other = Played(tower, "mw-2", systems=["erp"])
        other.accept(agent.orders[1])
        other.say({"op": "accepted", "replayid": "r9-x-1", "attempt": 1})
        agent.say({"op": "accepted", "replayid": order["replayid"], "attempt": 2})
        agent.accept(order)
        agent.accept(order)
        agent.until(lambda: len(agent.orders) == 6, "room for the next")
        other.until(lambda: desk.agent("mw-2")["strange"] == 2, "the count of strange answers")
        tap.equal((desk.agent("mw-1")["accepted"], desk.agent("mw-1")["strange"],
                   desk.agent("mw-2")["accepted"]), (1, 1, 0),
                  "answers count once, of whom the order was given to")
        tap.equal([what for what, _ in desk.timeline(order["replayid"])], ["sent", "accepted"],
                  "the timeline says so")
        agent.refuse(agent.orders[1], "card is locked")
        agent.until(lambda: desk.counts(number).get("refused") == 1, "a refusal")
        tap.equal(desk.timeline(agent.orders[1]["replayid"])[-1], ("refused", "card is locked"),
                  "a refusal says why")
        tap.equal(desk.counts(number).get("cancelled"), 1,
                  "what is behind it of its object is not sent")
        # a new hello, after which what is unanswered is said again
        known = set(agent.ids())
        unanswered = [i for i in agent.ids() if desk.rows(
            "SELECT 1 FROM replay_item WHERE replayid = CAST(? AS BLOB) AND state = 1"
            " AND answered IS NULL", i)]
        agent.orders.clear()
        agent.say(agent.words)
        agent.until(lambda: len(agent.orders) >= len(unanswered), "the same again")
        agent.for_(0.3)
        again = [i for i in agent.ids() if i in known]
        tap.equal(sorted(again), sorted(unanswered),
                  "after a hello what was not answered is said again, once")
        tap.equal([what for what, _ in desk.timeline(again[0])], ["sent", "sent_again"],
                  "and noted")
        # another life of the tower
        tower.kill()
        tower.start()
        unanswered = {row[0].decode() for row in desk.rows(
            "SELECT replayid FROM replay_item WHERE state = 1 AND answered IS NULL")}
        agent.orders.clear()
        agent.connect()
        agent.say(agent.words)
        agent.until(lambda: unanswered <= set(agent.ids()), "the same after kill -9")
        tap.ok(True, "after kill -9 what was not answered is said again")
        tap.ok(all(o["attempt"] == 1 for o in agent.orders), "with the same attempt")
        # everything accepted and proven
        agent.answer = agent.accept
        for one in agent.orders:
            agent.accept(one)
        proven = set()

        def go_on():
            fresh = [o for o in agent.orders if o["replayid"] not in proven]
            if fresh:
                proven.update(o["replayid"] for o in fresh)
                prove(tower, fresh)
            return desk.replay(number)[4]
        prove(tower, [order])
        agent.until(go_on, "the end of the replay")
        tap.equal(desk.counts(number), {"proven": 22, "refused": 1, "cancelled": 1},
                  "all ends as it was answered and proven")
        tap.equal(desk.replay(number), (DONE, "", "", "", True), "nothing is waiting: done")
        for one in (agent, other):
            one.close()


def silence(tap):
    """Nobody there; no answer; gone after accepting; no proof."""
    with Case() as (tower, desk):
        number = desk.lay_out(proof_s=14)
        wait_until(lambda: desk.replay(number)[2] == "no-agent", "the phase")
        tap.equal(desk.replay(number)[3], "no agent carries out for loyalty now",
                  "without an agent nothing is sent")
        agent = Played(tower, capacity=3)
        agent.until(lambda: len(agent.orders) == 3, "orders")
        agent.accept(agent.orders[0])
        began = time.monotonic()
        agent.until(lambda: len(agent.orders) > 5, "the same again", 20)
        tap.ok(time.monotonic() - began > 8, "without an answer it is said again, not at once")
        counted = [agent.ids().count(i) for i in agent.ids()[:3]]
        tap.ok(counted[0] == 1 and counted[1:] == [2, 2], "what was answered is not said again",
               counted)
        agent.until(lambda: desk.counts(number).get("unproven", 0) >= 3, "the deadline", 30)
        whys = {row[0] for row in desk.rows(
            "SELECT why FROM replay_item WHERE replay = ? AND state = 2", number)}
        tap.equal(whys, {b"accepted, no proof within 14 s", b"no answer from mw-1 within 14 s"},
                  "what is not proven until its deadline is unproven, and says why")
        agent.close()
    with Case() as (tower, desk):
        agent = Played(tower, capacity=4)
        number = desk.lay_out()
        agent.until(lambda: len(agent.orders) == 4, "orders")
        taken = agent.orders[:2]
        for one in taken:
            agent.accept(one)
        agent.until(lambda: desk.agent("mw-1")["accepted"] == 2, "answers")
        agent.close()
        wait_until(lambda: not desk.agent("mw-1")["is_online"], "silence")
        wait_until(lambda: desk.counts(number).get("unproven") == 2, "unproven ones")
        tap.equal(desk.timeline(taken[0]["replayid"])[-1],
                  ("unproven", "agent mw-1 went away after accepting"),
                  "what an agent accepted before it went away is unproven")
        tap.ok(desk.counts(number)["sent"] >= 2, "what it has not answered stays with it")
        prove(tower, taken[:1])
        wait_until(lambda: desk.counts(number).get("proven") == 1, "a late proof")
        tap.equal(desk.counts(number)["unproven"], 1, "a proof that comes late counts")
        other = Played(tower, "mw-2", capacity=100)
        other.until(lambda: len(other.orders) >= 6, "the rest goes to another")
        other.for_(0.5)
        with_first = {row[0].decode() for row in desk.rows(
            "SELECT replayid FROM replay_item WHERE agent = CAST('mw-1' AS BLOB)")}
        tap.ok(not with_first & set(other.ids()), "nobody else is told what one agent was told")
        other.close()


def hostile(tap):
    """Who sends anything at all does not disturb others."""
    with Case() as (tower, desk):
        agent = Played(tower)
        agent.answer = agent.accept
        crowd = [Played(tower, "c%d" % one, hello=one == 0) for one in range(3)]
        bad = [b"", b"\x00" * 100, b"{" * 1000,
               b'{"op":"accepted","replayid":"r1-t-1","attempt":1}',
               b'{"op":"hello","agent":"","systems":["loyalty"],"capacity":1}',
               b'{"op":"hello","agent":"x","systems":["' + b"s" * 900000 + b'"],"capacity":1}',
               b'{"op":"refused","replayid":"r1-t-2","attempt":1,"reason":"' + b"r" * 5000 + b'"}']
        number = desk.lay_out(rate=6)
        for turn in range(400):
            for one in crowd:
                one.socket.send_multipart([bad[turn % len(bad)]] * (1 + turn % 11 // 10))
            agent.pump(1)
        agent.until(lambda: len(agent.orders) == 12, "all orders")
        prove(tower, agent.orders)
        agent.until(lambda: desk.replay(number)[4], "the end")
        tap.equal(desk.counts(number), {"proven": 12}, "answers of strangers and noise do nothing")
        row = desk.agent("c0")
        tap.ok(row["malformed"] > 200 and row["strange"] > 50, "they are counted",
               (row["malformed"], row["strange"]))
        crowd[1].say(b"x" * (1 << 20) + b"yz")
        agent.for_(1.5 * HEARTBEAT)
        tap.ok(desk.agent("mw-1")["is_online"], "a frame that is too long ends its own connection")
        for one in crowd + [agent]:
            one.close()


def stopped(tap):
    """SIGTERM in the middle."""
    with Case(changes=3) as (tower, desk):
        agent = Agent(tower).start()
        number = desk.lay_out(rate=40)
        for turn in range(2):
            wait_until(lambda: desk.counts(number).get("proven", 0) > 5 * turn, "some more", 60)
            began = time.monotonic()
            status = tower.stop()
            tap.ok(status == 0 and time.monotonic() - began < 5, "it stops in time",
                   (status, time.monotonic() - began))
            tower.start()
        wait_until(lambda: desk.replay(number)[4], "the end", 120)
        tap.equal(desk.counts(number), {"proven": 36}, "and loses nothing")
        tap.equal(agent.facts("effect-doubled"), [], "nor makes it twice")
        agent.kill()


def pace(tap):
    """Canary, stops, pause and resume, cancel, yielding."""
    with Case() as (tower, desk):
        agent = Played(tower)
        agent.answer = agent.accept
        number = desk.lay_out(canary=3, rate=100)
        agent.until(lambda: len(agent.orders) == 3, "the canary")
        agent.for_(0.6)
        tap.equal((len(agent.orders), desk.replay(number)[2:4]),
                  (3, ("canary", "0 of the first 3 are proven")), "the first go alone")
        prove(tower, agent.orders[:2])
        prove(tower, agent.orders[2:], "failed")
        wait_until(lambda: desk.replay(number)[0] == STOPPED, "the stop")
        tap.equal(desk.replay(number)[1], "1 of the first 3, which went ahead, failed again, were"
                  " refused or are unproven", "it goes on only when all of them are proven")
        tap.equal(len(agent.orders), 3, "nothing else was sent")
        tap.equal(desk.value("SELECT count(*) FROM audit WHERE action = CAST('stop' AS BLOB)"), 1,
                  "the audit says that it stopped")
        agent.until(lambda: desk.counts(number).get("proven") == 2, "the others of the canary")
        desk.set_state(number, RUNNING)
        agent.until(lambda: len(agent.orders) == 6, "another canary")
        prove(tower, agent.orders[3:])
        agent.until(lambda: desk.replay(number)[2] == "ramp", "the ramp")
        tap.equal(desk.replay(number)[3], "at most 13 a second, of 100",
                  "then it begins slowly")
        desk.set_state(number, PAUSED)
        agent.for_(0.3)
        count = len(agent.orders)
        agent.for_(0.7)
        tap.equal(len(agent.orders), count, "nothing leaves while it is paused")
        desk.set_state(number, RUNNING)
        agent.until(lambda: len(agent.orders) == 12, "the rest")
        prove(tower, agent.orders[6:])
        wait_until(lambda: desk.replay(number)[4], "the end")
        tap.equal(desk.counts(number), {"proven": 11, "failed_again": 1}, "it ends as it was")
        agent.close()
    with Case() as (tower, desk):
        agent = Played(tower, capacity=1)
        agent.answer = agent.refuse
        number = desk.lay_out(stop_failures=4)
        agent.until(lambda: desk.replay(number)[0] == STOPPED, "the stop")
        tap.equal((desk.replay(number)[1], desk.counts(number)),
                  ("4 of 4 that ended failed again, were refused or are unproven",
                   {"waiting": 8, "refused": 4}), "it stops at the number of failures")
        desk.set_state(number, RUNNING)
        agent.until(lambda: len(agent.orders) == 8, "four more")
        agent.until(lambda: desk.replay(number)[0] == STOPPED, "the next stop")
        tap.equal(desk.counts(number), {"waiting": 4, "refused": 8},
                  "resumed, it counts from there")
        tower.kill()
        tower.start()
        agent.connect()
        agent.say(agent.words)
        agent.for_(1)
        tap.equal(desk.counts(number), {"waiting": 4, "refused": 8}, "stopped is stopped")
        desk.db.execute("BEGIN IMMEDIATE")
        desk.db.execute("UPDATE replay_item SET state = 6, is_ready = 0 WHERE state = 0")
        desk.set_state(number, CANCELLED)
        desk.db.execute("COMMIT")
        wait_until(lambda: desk.replay(number)[4], "the end of what was cancelled")
        tap.equal(desk.replay(number)[0], CANCELLED, "cancelled stays cancelled")
        agent.close()


def gives_way(tap):
    """Live traffic that waits for the destination comes first."""
    with Case() as (tower, desk):
        number = desk.lay_out(rate=4)
        agent = Played(tower)
        agent.answer = agent.accept
        agent.until(lambda: len(agent.orders) >= 1, "the first")
        agent.until(lambda: desk.value("SELECT live_waiting FROM replay WHERE id = ?", number)
                    is not None, "what waits is known")
        live = [change("live%03d" % one, 0) for one in range(60)]
        for one in live:
            one["time"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        sender = Acked(tower.router)
        sender.send(body(live))
        sender.flush()
        agent.until(lambda: desk.replay(number)[2] == "yielding", "it gives way")
        tap.equal(desk.replay(number)[3],
                  "60 of live traffic wait for loyalty in time; 0 did when this began",
                  "it says why it gives way")
        agent.for_(0.3)
        count = len(agent.orders)
        agent.for_(1.5)
        tap.equal(len(agent.orders), count, "nothing leaves while it gives way")
        done = [{**one, "id": one["id"] + "-d", "causationid": one["id"],
                 "source": "/loyalty/worker"} for one in live]
        sender.send(body(done))
        sender.flush()
        sender.close()
        agent.until(lambda: len(agent.orders) == 12, "it goes on", 60)
        tap.ok(True, "it goes on when live traffic is done")
        agent.close()


def killed(tap):
    """kill -9 of the tower and of a real agent: the state comes from the tables alone."""
    with Case(changes=3) as (tower, desk):
        agent = Agent(tower).start()
        number = desk.lay_out(rate=50)
        for turn in range(4):
            wait_until(lambda: desk.counts(number).get("proven", 0) > 6 * turn, "some more", 60)
            tower.kill()
            tower.start()
            agent.kill()
            agent.start()
        wait_until(lambda: desk.replay(number)[4], "the end", 120)
        counts = desk.counts(number)
        tap.equal(sum(counts.values()), 36, "no item is lost")
        tap.ok(set(counts) <= {"proven", "unproven", "cancelled"} and counts["proven"] >= 20,
               "and none is in a wrong state", counts)
        doubled = agent.facts("effect-doubled")
        tap.equal(doubled, [], "no effect is made twice")
        agent.kill()
    with Case() as (tower, desk):
        effects = zmq.Context.instance().socket(zmq.PULL)
        port = effects.bind_to_random_port("tcp://127.0.0.1")
        command = [program_path("client/example_agent"), tower.env["TILLWATCH_AGENTS"], "mw-1",
                   "loyalty", "push", "tcp://127.0.0.1:%d" % port]
        agent = subprocess.Popen(command)
        number = desk.lay_out()
        got = []
        while len(got) < 12 and effects.poll(30000):
            got.append(json.loads(effects.recv()))
        prove(tower, [{"event": event} for event in got])
        wait_until(lambda: desk.replay(number)[4], "the end")
        tap.equal(desk.counts(number), {"proven": 12}, "libtillwatch's agent carries out")
        agent.kill()
        agent.wait()
        effects.close(0)


def main():
    """All cases, or those named."""
    with Tap() as tap:
        for case in (conversation, sending, silence, hostile, stopped, pace, gives_way, killed):
            if len(sys.argv) == 1 or case.__name__ in sys.argv[1:]:
                case(tap)


if __name__ == "__main__":
    main()
