#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The protocol of replay agents, held against any agent in any language: docs/agents.md.

    tests/system/agent_check.py [--heartbeat S] [--patience S] [--no-effects] -- COMMAND...

plays the tower at a free port, starts COMMAND and prints TAP. In COMMAND {tower} stands for the
endpoint of the tower and {effects} for a PULL socket to which the agent must send the event of
every replay that it carries out, as a single frame; they are also in the environment as
TILLWATCH_AGENTS and TILLWATCH_TAP_PULL. --no-effects is for an agent that cannot do that: what is
seen by effects alone is then skipped, and said so. Exit code 1: something is not as it must be."""

import argparse
import datetime
import json
import os
import signal
import subprocess
import sys
import time

import zmq

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import Tap  # noqa: E402

MALFORMED = [b"", b"{", b"null", b"[]", b"{}", b'"replay"', b"\xff\xfe\x00", b"{\"op\":1}",
             b"{\"op\":\"replay\"}", b"{\"op\":\"replay\",\"replayid\":7,\"attempt\":\"x\"}",
             b"[" * 5000, b'{"op":"ping"', b'{"op":"welcome","heartbeat":"soon"} x',
             b'{"op":"replay","replayid":"' + b"x" * 5000 + b'","attempt":1}']


class FakeTower:
    """The tower's side of the protocol: a ROUTER that welcomes, pings and writes down what comes.
    Nothing happens but in pump() and await_(). As context manager it is closed at the end."""

    def __init__(self, heartbeat=0.3):
        self.context = zmq.Context()
        self.heartbeat = heartbeat
        self.socket = None
        self.port = None
        self.is_quiet = False  # says nothing, not even to a hello
        self.peer = None       # of the last hello
        self.next_ping = 0.0
        self.hellos = []       # (time, message)
        self.pings = []        # times
        self.answers = []      # messages, accepted and refused
        self.wrong = []        # frames that an agent must not send
        self.count = 0
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.stop()
        self.context.destroy(linger=0)

    @property
    def endpoint(self):
        return "tcp://127.0.0.1:%d" % self.port

    def start(self):
        """Listen, on the port of before where there was one."""
        self.socket = self.context.socket(zmq.ROUTER)
        self.socket.linger = 0
        self.peer = None
        if self.port is None:
            self.port = self.socket.bind_to_random_port("tcp://127.0.0.1")
            return
        end = time.monotonic() + 10
        while True:
            try:
                self.socket.bind(self.endpoint)
                return
            except zmq.ZMQError:  # the old socket is closed in the background
                if time.monotonic() > end:
                    raise
                time.sleep(0.01)

    def stop(self):
        """As a tower that dies: nothing is said."""
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    def say(self, message, *more):
        """To the agent that said hello last, if any: an object, or frames as they are."""
        if self.peer is None:
            return
        raw = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.socket.send_multipart([self.peer, raw, *more])

    def _take(self, frames):
        now = time.monotonic()
        peer, body = frames[0], frames[1:]
        try:
            message = json.loads(body[0].decode()) if len(body) == 1 else None
        except ValueError:
            message = None
        op = message.get("op") if isinstance(message, dict) else None
        if op == "hello":
            self.hellos.append((now, message))
            if not self.is_quiet:
                self.peer = peer
                self.say({"op": "welcome", "heartbeat": self.heartbeat})
                self.next_ping = now
        elif op == "ping":
            self.pings.append(now)
        elif op in ("accepted", "refused"):
            self.answers.append(message)
        else:
            self.wrong.append(body)

    def pump(self, seconds):
        """Play for a while, or until something came."""
        end = time.monotonic() + seconds
        while True:
            now = time.monotonic()
            if self.peer is not None and not self.is_quiet and now >= self.next_ping:
                self.say({"op": "ping"})
                self.next_ping = now + self.heartbeat
            left = min(end - now, self.heartbeat / 4)
            if self.socket.poll(max(0, left) * 1000):
                self._take(self.socket.recv_multipart())
                return
            if now >= end:
                return

    def await_(self, condition, seconds):
        """Play until the condition holds; False: it did not in time."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                return False
            self.pump(0.05)
        return True

    def play(self, seconds):
        """Play for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.pump(max(0.001, end - time.monotonic()))

    def replay(self, destination, **changes):
        """A replay as the tower sends it, not sent yet. changes: members; None leaves one out."""
        self.count += 1
        replayid = changes.pop("replayid", "rp-%d-%d" % (self.port, self.count))
        attempt = changes.pop("attempt", 1)
        deadline = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=10)
        message = {
            "op": "replay", "replayid": replayid, "attempt": attempt,
            "idempotencykey": "key-" + replayid, "destination": destination,
            "deadline": deadline.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "event": {
                "specversion": "1.0", "id": "ev-%d" % self.count, "source": "/erp/posting-1",
                "type": "com.tillwatch.erp.sale.posted", "time": "2026-11-27T18:00:00.000000Z",
                "storeid": "0042", "transactionid": str(4700 + self.count), "amount": "12.99",
                "currency": "EUR", "outcome": "failed", "errorcode": "ERP-503",
                "errorclass": "unavailable", "replayid": replayid, "attempt": attempt,
                "data": {"text": "Zürich \u2028 \"quoted\" \\ 日本", "n": 1.50}}}
        message.update(changes)
        return {name: value for name, value in message.items() if value is not None}

    def answers_to(self, replay):
        """What the agent said to it."""
        return [a for a in self.answers if a.get("replayid") == replay["replayid"]
                and a.get("attempt") == replay["attempt"]]


class Effects:
    """What the agent has done: events on a PULL socket."""

    def __init__(self, context):
        self.socket = context.socket(zmq.PULL)
        self.port = self.socket.bind_to_random_port("tcp://127.0.0.1")
        self.events = []

    @property
    def endpoint(self):
        return "tcp://127.0.0.1:%d" % self.port

    def of(self, replay):
        """The effects of a replay that have arrived."""
        while self.socket.poll(0):
            frames = self.socket.recv_multipart()
            said = json.loads(frames[-1].decode())
            self.events += said if isinstance(said, list) else [said]
        return [e for e in self.events if e.get("replayid") == replay["replayid"]]


class Check:
    """The cases, one method each; run() has their order."""

    def __init__(self, tap, tower, effects, patience):
        self.tap = tap
        self.tower = tower
        self.effects = effects  # None: the agent shows none
        self.patience = patience
        self.hello = {}
        self.done = None   # a replay that was accepted
        self.said = []     # what was answered then

    def destination(self):
        systems = self.hello["systems"]
        return "erp" if "erp" in systems else systems[0]

    def send(self, replay):
        self.tower.say(replay)
        return self.tower.await_(lambda: self.tower.answers_to(replay), self.patience)

    def says_hello(self):
        if not self.tap.ok(self.tower.await_(lambda: self.tower.hellos, self.patience),
                           "the agent says hello"):
            return False
        self.hello = hello = self.tower.hellos[-1][1]
        self.tap.ok(isinstance(hello.get("agent"), str) and hello["agent"] != "",
                    "hello names the agent", hello)
        systems = hello.get("systems")
        good = self.tap.ok(isinstance(systems, list) and systems != [] and
                           all(isinstance(s, str) and s for s in systems),
                           "hello lists its systems", hello)
        capacity = hello.get("capacity")
        return self.tap.ok(type(capacity) is int and capacity >= 1,
                           "hello says a capacity of 1 or more", hello) and good

    def pings(self):
        heartbeat = self.tower.heartbeat
        self.tower.play(heartbeat)  # the welcome arrives
        self.tower.pings.clear()
        hellos = len(self.tower.hellos)
        began = time.monotonic()
        self.tower.play(12 * heartbeat)
        times = [began] + self.tower.pings + [time.monotonic()]
        longest = max(b - a for a, b in zip(times, times[1:]))
        self.tap.ok(longest < 3 * heartbeat, "it pings at the interval of the welcome",
                    "longest pause %.3f s, interval %.3f s" % (longest, heartbeat))
        self.tap.ok(len(self.tower.pings) <= 24, "it does not ping far more often than that",
                    "%d pings in 12 intervals" % len(self.tower.pings))
        self.tap.equal(len(self.tower.hellos), hellos, "it stays while the tower pings")

    def answers(self):
        self.done = replay = self.tower.replay(self.destination())
        self.tap.ok(self.send(replay), "a replay is answered")
        self.tower.play(2 * self.tower.heartbeat)
        self.said = self.tower.answers_to(replay)
        self.tap.equal([a["op"] for a in self.said], ["accepted"], "by accepted, once")
        if self.effects is None:
            self.tap.skip("its effect carries replayid and attempt", "--no-effects")
            return
        self.tower.await_(lambda: self.effects.of(replay), self.patience)
        found = [(e.get("attempt"), e.get("storeid"), e.get("transactionid"))
                 for e in self.effects.of(replay)]
        event = replay["event"]
        self.tap.equal(found, [(1, event["storeid"], event["transactionid"])],
                       "its effect, one, carries replayid, attempt and the objects")

    def repeats(self, name):
        before = self.effects is not None and len(self.effects.of(self.done))
        self.tower.answers.clear()
        self.tap.ok(self.send(self.done), name + " is answered")
        self.tower.play(3 * self.tower.heartbeat)
        self.tap.equal(self.tower.answers_to(self.done), self.said, name + ": with the same words")
        if self.effects is None:
            self.tap.skip(name + ": without another effect", "--no-effects")
        else:
            self.tap.equal(len(self.effects.of(self.done)), before,
                           name + ": without another effect")

    def full_load(self):
        capacity = min(self.hello["capacity"], 1000)
        replays = [self.tower.replay(self.destination()) for _ in range(capacity)]
        for replay in replays:
            self.tower.say(replay)
        self.tower.await_(lambda: all(self.tower.answers_to(r) for r in replays), self.patience)
        self.tower.play(2 * self.tower.heartbeat)
        self.tap.equal([len(self.tower.answers_to(r)) for r in replays], [1] * capacity,
                       "as many replays at once as its capacity: each is answered once")
        refused = [a for r in replays for a in self.tower.answers_to(r) if a["op"] != "accepted"]
        self.tap.equal(refused, [], "and none is refused for being too many")

    def other_attempt(self):
        replay = self.tower.replay(self.destination(), replayid=self.done["replayid"], attempt=2)
        self.tap.ok(self.send(replay), "another attempt of the same effect is answered")

    def refuses(self):
        strange = self.tower.replay("no-such-system")
        late = self.tower.replay(self.destination(), deadline="2020-01-01T00:00:00Z")
        for replay, name in ((strange, "for a system that is not its own"),
                             (late, "whose deadline has passed")):
            self.send(replay)
            said = self.tower.answers_to(replay)
            self.tap.ok([a["op"] for a in said] == ["refused"] and
                        isinstance(said[0].get("reason"), str) and said[0]["reason"] != "",
                        "a replay %s is refused with a reason" % name, said)
            if self.effects is None:
                self.tap.skip("a replay %s has no effect" % name, "--no-effects")
            else:
                self.tap.equal(self.effects.of(replay), [], "a replay %s has no effect" % name)

    def survives(self):
        self.tower.answers.clear()
        hellos = len(self.tower.hellos)
        for raw in MALFORMED:
            self.tower.say(raw)
        self.tower.say(b'{"op":"ping"}', b"more")
        for op in ("later", "", "welcomed", "PING"):
            self.tower.say({"op": op, "replayid": "x", "attempt": 1})
        self.tower.play(3 * self.tower.heartbeat)
        said = [a for a in self.tower.answers if a.get("op") != "refused"]
        self.tap.equal(said, [], "malformed frames and unknown ops: nothing is accepted")
        more = self.tower.replay(self.destination(), somethingnew={"a": [1, {"b": None}]})
        self.send(more)
        self.tap.ok([a["op"] for a in self.tower.answers_to(more)] == ["accepted"],
                    "after them, a replay with unknown members is accepted")
        self.tap.equal(len(self.tower.hellos), hellos, "and the agent has not connected again")

    def silence(self):
        heartbeat = self.tower.heartbeat
        self.tower.pings.clear()
        hellos = len(self.tower.hellos)
        self.tower.is_quiet = True
        began = time.monotonic()
        came = self.tower.await_(lambda: len(self.tower.hellos) > hellos, self.patience)
        self.tap.ok(came, "a tower silent for three intervals: the agent says hello anew")
        waited = time.monotonic() - began
        self.tap.ok(waited > 2 * heartbeat, "not before three intervals (one on the way)",
                    "%.3f s after the tower fell silent, interval %.3f s" % (waited, heartbeat))
        self.tower.is_quiet = False
        hellos = len(self.tower.hellos)
        came = self.tower.await_(lambda: len(self.tower.hellos) > hellos, self.patience)
        self.tap.ok(came, "a hello without a welcome is said again")

    def stopped(self, process):
        hellos = len(self.tower.hellos)
        process.send_signal(signal.SIGSTOP)
        self.tower.play(5 * self.tower.heartbeat)
        process.send_signal(signal.SIGCONT)
        came = self.tower.await_(lambda: len(self.tower.hellos) > hellos, self.patience)
        self.tap.ok(came, "an agent that was stopped for five intervals says hello anew")

    def restart(self):
        hellos = len(self.tower.hellos)
        self.tower.stop()
        time.sleep(3 * self.tower.heartbeat)
        self.tower.start()
        came = self.tower.await_(lambda: len(self.tower.hellos) > hellos, self.patience)
        self.tap.ok(came, "a tower that restarts hears hello")

    def run(self, process):
        """Every case that can be looked at; of an agent that is this process."""
        if not self.says_hello():
            return
        self.pings()
        self.answers()
        self.repeats("the same replay again")
        self.other_attempt()
        self.full_load()
        self.refuses()
        self.survives()
        self.stopped(process)
        self.silence()
        self.repeats("the same replay after a silence")
        self.restart()
        self.repeats("the same replay after a restart of the tower")
        self.tap.equal(self.tower.wrong, [], "nothing was said that the protocol does not have")


def check_command(tap, command, heartbeat=0.3, patience=40, has_effects=True):
    """Run a command as an agent and hold it against the protocol."""
    with FakeTower(heartbeat) as tower:
        effects = Effects(tower.context)
        words = [word.replace("{tower}", tower.endpoint).replace("{effects}", effects.endpoint)
                 for word in command]
        environment = dict(os.environ, TILLWATCH_AGENTS=tower.endpoint,
                           TILLWATCH_TAP_PULL=effects.endpoint)
        with subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL) as agent:
            try:
                Check(tap, tower, effects if has_effects else None, patience).run(agent)
                tap.equal(agent.poll(), None, "the agent is alive at the end")
            finally:
                agent.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--heartbeat", type=float, default=0.3, help="interval of the welcome, s")
    parser.add_argument("--patience", type=float, default=40, help="for one answer or hello, s")
    parser.add_argument("--no-effects", action="store_true", help="the agent sends no effects")
    parser.add_argument("command", nargs="+", help="starts the agent")
    arguments = parser.parse_args()
    with Tap() as tap:
        check_command(tap, arguments.command, arguments.heartbeat, arguments.patience,
                      not arguments.no_effects)


if __name__ == "__main__":
    main()
