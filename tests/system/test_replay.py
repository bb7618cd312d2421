#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Replays as a whole: planned, sent, proven, over real sockets with the simulator as the agent,
which keeps books of what it did; held against these books.

- everything that failed is replayed and proven, each effect once;
- order: whatever fails on the way, loyalty never hears of a change of an order before the one
  before it is done;
- kill -9 of tower and agent at random: no item is lost, no effect doubled, no state is wrong.

REPLAY_ORDERS (60) and REPLAY_CHANGES (10) of the test of order, REPLAY_CYCLES (12) kills.
"""
import collections
import json
import os
import random
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from replay_kit import (Agent, config, count_states, fail_all, is_over, items,  # noqa: E402
                        open_count, plan, read, replay, wait_over)
from tap import Tap  # noqa: E402
from tower import Tower, wait_until  # noqa: E402

ORDERS = int(os.environ.get("REPLAY_ORDERS", "60"))
CHANGES = int(os.environ.get("REPLAY_CHANGES", "10"))
CYCLES = int(os.environ.get("REPLAY_CYCLES", "12"))
PACE = {"rate": 1000, "canary": 1, "stop_after_failures": 100000, "stop_percent": 100}
ALL = {"filter": {"system": "loyalty"}, "destination": "loyalty"}
ROUNDS_MAX = 40
ORDERS_A_CYCLE = 12  # so that there is something under way at every kill


def effects(agent):
    """{idempotency key: how often its effect was made}, as the agent wrote it down."""
    return collections.Counter(fact["idempotencykey"]
                               for fact in agent.facts("effect", "effect-doubled"))


def number_of(fact):
    """(order, number of the change) of a fact about a replay: ids are ORDER-NN."""
    order, number = fact["event"].rsplit("-", 1)
    return order, int(number)


def out_of_order(agent):
    """Changes that loyalty heard of before the one before them was done."""
    done = collections.defaultdict(set)
    wrong = []
    for fact in agent.facts("replay-received", "effect"):
        order, number = number_of(fact)
        if fact["fact"] == "effect":
            done[order].add(number)
        elif number > 0 and number - 1 not in done[order]:
            wrong.append((order, number, fact["replayid"]))
    return wrong


def whole(tap):
    """A quiet replay of everything."""
    orders = ["o%03d" % number for number in range(20)]
    with tempfile.TemporaryDirectory() as place, \
            Tower(config=config(place, 3)) as tower:
        agent = Agent(tower).start()
        try:
            fail_all(tower, orders, 3, amount="10.00")
            agent.wait_online()
            planned = plan(tower, **ALL)
            tap.equal((planned["count"], planned["amount"], planned["unreplayable"]),
                      (60, "600.00", []), "the plan has all that failed, and what it is worth")
            number = replay(tower, planned, canary=2, rate=200)
            one = wait_over(tower, number)
            tap.equal((one["state"], one["counts"]["proven"]), ("done", 60),
                      "everything is proven")
            tap.equal(open_count(tower), 0, "nothing has failed any more")
            made = effects(agent)
            tap.ok(len(made) == 60 and set(made.values()) == {1}, "each effect is made once",
                   made.most_common(5))
            tap.equal(out_of_order(agent), [], "in the order of the changes")
            found = items(tower, number)
            tap.ok(all([step["what"] for step in item["timeline"]][-1] == "proven" and
                       item["outcome_event"] and item["ended"] for item in found),
                   "each item says what proved it")
            again = plan(tower, failures=[item["failure"] for item in found])
            tap.equal((again["count"], again["already_done"]), (0, 60),
                      "what is proven is not replayed again")
        finally:
            agent.kill()


def order(tap):
    """Random failures on the way; replayed until everything is done."""
    orders = ["o%04d" % number for number in range(ORDERS)]
    with tempfile.TemporaryDirectory() as place, \
            Tower(config=config(place, CHANGES)) as tower:
        agent = Agent(tower, "--fault", "throttling:p=0.03", "--misbehave",
                      "refuse=0.03,drop-accept=0.02,bare-proof=0.1").start()
        try:
            fail_all(tower, orders, CHANGES)
            agent.wait_online()
            seen = collections.Counter()
            for rounds in range(ROUNDS_MAX):
                planned = plan(tower, override=["parked"], **ALL)
                if planned["count"] == 0:
                    break
                parked = planned["overridden"]["parked"]
                number = replay(tower, planned, proof_seconds=30,
                                **({"override_reason": "again"} if parked else {}), **PACE)
                one = wait_over(tower, number, 300)
                if one["state"] == "stopped":  # the canary itself failed
                    tower.request("/api/v1/replays/%d/cancel" % number, {"reason": "canary"},
                                  "POST")
                    wait_until(lambda: is_over(read(tower, number)), "it is cancelled")
                seen += count_states(items(tower, number))
            tap.note("%d rounds: %s" % (rounds, dict(seen)))
            tap.equal(open_count(tower), 0, "all that failed is done in the end")
            made = effects(agent)
            tap.ok(len(made) == ORDERS * CHANGES and set(made.values()) == {1},
                   "each of %d effects is made once" % (ORDERS * CHANGES),
                   (len(made), made.most_common(3)))
            tap.equal(out_of_order(agent)[:5], [],
                      "loyalty never hears of a change before the one before it is done")
            tap.ok(seen["failed_again"] > 0 and seen["refused"] > 0 and seen["cancelled"] > 0,
                   "there was something to get out of order", dict(seen))
        finally:
            agent.kill()


class Judge:
    """What items say, against the books of the agent."""

    def __init__(self, agent):
        self.received = {fact["replayid"] for fact in agent.facts("replay-received")}
        self.refused = {fact["replayid"] for fact in agent.facts("replay-refused")}
        self.failed = {fact["replayid"] for fact in agent.facts("failed-again")}
        self.keys = set(effects(agent))

    def faults(self, item):
        """What is wrong with one item that has ended."""
        state, replayid = item["state"], item["replayid"]
        if state in ("waiting", "sent"):
            return "it has not ended"
        if state == "proven" and not (item["idempotency_key"] in self.keys and
                                      item["outcome_event"]):
            return "proven without an effect"
        if state == "refused" and replayid not in self.refused:
            return "refused, but not by the agent"
        if state == "failed_again" and replayid not in self.failed:
            return "failed again, but the agent did not say so"
        if state == "cancelled" and replayid in self.received:
            return "cancelled, but the agent has received it"
        return None


def kills(tap):
    """kill -9 at random while replays are under way."""
    rng = random.Random(15)
    orders = ["k%04d" % number for number in range(CYCLES * ORDERS_A_CYCLE)]
    replays, busy = [], 0
    with tempfile.TemporaryDirectory() as place, \
            Tower(config=config(place, 8)) as tower:
        agent = Agent(tower, "--misbehave", "drop-accept=0.05,refuse=0.01").start()
        try:
            fail_all(tower, orders, 8)
            agent.wait_online()
            for _ in range(CYCLES):
                begin(tower, agent, replays, rate=60)
                time.sleep(rng.uniform(0.05, 1.2))
                busy += not is_over(read(tower, replays[-1]))
                victim = rng.choice(["tower", "agent", "both"])
                if victim != "agent":
                    tower.kill()
                if victim != "tower":
                    agent.kill()
                    agent.start()
                if victim != "agent":
                    tower.start()
                agent.wait_online()
            tap.ok(busy >= CYCLES * 0.9, "%d of %d kills met a replay under way" % (busy, CYCLES))
            settle(tower, agent, replays)
            judge(tap, tower, agent, replays, len(orders) * 8)
        finally:
            agent.kill()


def begin(tower, agent, replays, **pace):
    """Another replay of what is open, when the one before is over or has stopped."""
    if replays:
        one = read(tower, replays[-1])
        if one is None:
            return
        if one["state"] == "stopped":
            tower.request("/api/v1/replays/%d/resume" % replays[-1], {"reason": "go on"}, "POST")
            return
        if not is_over(one):
            return
    agent.wait_online()
    planned = plan(tower, override=["parked", "unproven"], **ALL)
    if planned["count"] > 0:
        more = {"override_reason": "test"} if any(planned["overridden"].values()) else {}
        replays.append(replay(tower, planned, proof_seconds=20, **{**PACE, **pace}, **more))


def settle(tower, agent, replays):
    """Without further kills, until nothing is open."""
    deadline = time.monotonic() + 300
    while open_count(tower) != 0 and time.monotonic() < deadline:
        begin(tower, agent, replays)
        time.sleep(0.3)
    wait_until(lambda: all(is_over(read(tower, number)) for number in replays),
               "every replay to be over", timeout=60)


def judge(tap, tower, agent, replays, total):
    """Nothing lost, nothing doubled, every state true."""
    agent.stop()
    tap.equal(open_count(tower), 0, "%d kills: everything is done in the end" % CYCLES)
    made = effects(agent)
    tap.equal((len(made), sum(made.values())), (total, total), "no effect is lost or doubled")
    judge_of = Judge(agent)
    lost, wrong, seen = [], [], collections.Counter()
    for number in replays:
        one = read(tower, number)
        found = items(tower, number)
        if len(found) != one["count"] or sum(one["counts"].values()) != one["count"]:
            lost.append((number, one["count"], len(found), one["counts"]))
        seen += count_states(found)
        wrong += [(item["replayid"], item["state"], fault)
                  for item in found for fault in [judge_of.faults(item)] if fault]
    tap.equal(lost, [], "no item is lost")
    tap.equal(wrong[:10], [], "no item has a wrong state")
    tap.equal(out_of_order(agent)[:5], [], "nothing was out of order")
    tap.note("%d replays, %s" % (len(replays), json.dumps(seen)))


def main():
    with Tap() as tap:
        whole(tap)
        order(tap)
        kills(tap)


if __name__ == "__main__":
    main()
