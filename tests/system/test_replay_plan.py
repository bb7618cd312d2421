#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Planning and starting replays, over HTTP with a real tower. `all` means all, not a page; what is
planned is what is started, or nothing of it; one click has one effect, however often and by however
many it is sent; what has changed since is refused.

The agent has said hello and is killed before anything is started, and what is started is paused
before another one comes: it stays waiting, whatever the tower can send.

PLAN_ORDERS (1500): failures of the group; more than a page and more than can be named.
PLAN_KILLS (6) while a replay is being started.
"""
import concurrent.futures
import os
import random
import sys
import tempfile
import time
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from replay_kit import PAGE, Agent, call, config, fail_all, items, plan, read  # noqa: E402
from tap import Tap  # noqa: E402
from tower import Tower, wait_until  # noqa: E402

ORDERS = int(os.environ.get("PLAN_ORDERS", "1500"))
KILLS = int(os.environ.get("PLAN_KILLS", "6"))
CHANGES = 2
THREADS = 8
TOKEN = "0" * 32
RATE = 2000  # of the configuration; more than a request may say


def plan_items(tower, planned, **query):
    """The frozen set, page by page."""
    found, cursor = [], None
    while True:
        words = {"limit": PAGE, **query, **({"cursor": cursor} if cursor else {})}
        page = tower.get("/api/v1/replays/plan/%s/items?%s" % (planned["plan"],
                                                              urllib.parse.urlencode(words)))
        found += page["items"]
        cursor = page["next"]
        if cursor is None:
            return found


def reasons(planned):
    """{reason: count} of what is left out."""
    return {one["reason"]: one["count"] for one in planned["unreplayable"]}


def start(tower, planned, key, **more):
    """(status, answer) of POST /replays."""
    sent = {"plan": planned["plan"], "reason": "the card is known again", **more}
    return call(tower, "replays", sent, key)


def refused(tap, tower):
    """Bodies and headers that no plan or replay is made of."""
    good = {"filter": {"system": "loyalty"}}
    bodies = [
        ({}, "one of"), ({"group": 1, "filter": {"store": "1"}}, "one of"),
        ({"group": 0}, "'group'"), ({"group": "1"}, "'group'"), ({"failures": []}, "1 to 1000"),
        ({"failures": list(range(1, 1002))}, "1 to 1000"), ({"failures": [1, "2"]}, "numbers"),
        ({"events": [-1]}, "numbers"), ({"runs": [{}]}, "'workflow'"),
        ({"runs": [{"workflow": "w", "object": "nonsense"}]}, "order:4711"),
        ({"runs": [{"workflow": "w", "object": "order:1", "stop": "x"}]}, "'stop' is no key"),
        ({"filter": {}}, "names something"), ({"filter": {"stor": "1"}}, "'stor' is no key"),
        ({"filter": {"cause": "x"}}, "'cause' is one of"), ({"filter": {"since": "x"}}, "'since'"),
        ({"filter": {"store": "x" * 256}}, "'store'"), ({"filter": []}, "'filter' is an object"),
        ({**good, "destination": "erp"}, "loyalty"), ({**good, "destination": ""}, "destination"),
        ({**good, "override": ["all"]}, "unproven, parked"), ({**good, "everything": 1}, "no key"),
        ({**good, "reason": "x"}, "no key"), ([], "object"),
    ]
    wrong = []
    for sent, words in bodies:
        status, answer = call(tower, "replays/plan", sent)
        if status != 400 or words not in answer["detail"]:
            wrong.append((sent, status, answer))
    tap.ok(not wrong, "bodies that no plan is made of are refused, and say what is wrong", wrong)
    status, _ = call(tower, "replays/plan", {"group": 4711})
    tap.equal(status, 404, "a group that is not there is not found")
    wrong = []
    base = {"plan": TOKEN, "reason": "r"}
    for sent, key, expected in [
            (base, None, 400), (base, "a b", 400), (base, "k" * 256, 400), (base, "k" * 255, 404),
            ({"plan": TOKEN}, "k", 400), ({"reason": "r"}, "k", 400),
            ({**base, "reason": ""}, "k", 400), ({**base, "reason": "r" * 501}, "k", 400),
            ({**base, "rate": 0}, "k", 400), ({**base, "rate": 1001}, "k", 400),
            ({**base, "rate": "50"}, "k", 400), ({**base, "canary": 1001}, "k", 400),
            ({**base, "canary": -1}, "k", 400), ({**base, "stop_after_failures": 0}, "k", 400),
            ({**base, "stop_after_failures": 100001}, "k", 400),
            ({**base, "stop_percent": 0}, "k", 400), ({**base, "stop_percent": 101}, "k", 400),
            ({**base, "proof_seconds": 4}, "k", 400), ({**base, "proof_seconds": 86401}, "k", 400),
            ({**base, "rate": RATE}, "k", 404),  # as configured: may be said, too
            ({**base, "override_reason": 1}, "k", 400), ({**base, "force": True}, "k", 400),
            ({**base, "rate": 1000, "canary": 0, "stop_after_failures": 100000, "stop_percent": 1,
              "proof_seconds": 5, "override_reason": "o"}, "k", 404)]:
        status, answer = call(tower, "replays", sent, key)
        if status != expected:
            wrong.append((sent, key, status, answer))
    tap.ok(not wrong, "what no replay is started of is refused", wrong)
    statuses = [tower.request("/api/v1/replays/plan" + path)[0]
                for path in ("", "/x", "/%s" % TOKEN, "/%s/items" % TOKEN, "/%s/itemz" % TOKEN,
                             "/%s/items?verdict=x" % TOKEN, "/%s/items?x=1" % TOKEN)]
    tap.equal(statuses, [405, 404, 404, 404, 404, 400, 400],
              "paths of plans that are not there are told apart")
    tap.equal(tower.get("/api/v1/replays")["items"], [], "nothing of all that made a replay")


def everything(tap, tower, group):
    """A group that is larger than a page, whole."""
    planned = plan(tower, group=group["id"])
    tap.equal((planned["count"], planned["asked"], planned["objects"]),
              (2 * ORDERS, ORDERS, ORDERS),
              "a group is planned whole, with what is of the same objects")
    tap.equal((planned["destination"], planned["destination_kind"], planned["agents"]),
              ("loyalty", "agent", 1), "where it goes, and who carries it out")
    tap.equal(planned["held"], ORDERS, "the other change of each order follows")
    tap.equal((planned["amount"], planned["currency"]), ("%d.00" % (2 * ORDERS * 10), "EUR"),
              "its money is added up")
    tap.equal(planned["financial"], 2 * ORDERS, "what has an amount is financial")
    tap.equal(planned["rate"], RATE, "its rate is that of the configuration")
    tap.equal(planned["estimate_seconds"],
              round(max(2 * ORDERS / planned["rate"], 0.8) + 0.4 * planned["canary"], 6),
              "how long it takes is what the document says")
    found = plan_items(tower, planned)
    tap.equal(len({one["failure"] for one in found}), 2 * ORDERS, "its items are all there, once")
    tap.equal([one["seq"] for one in found], sorted(one["seq"] for one in found), "in their order")
    last = {}
    wrong = []
    for one in found:
        number = one["workflow"]  # change-00 comes before change-01
        if last.get(one["object"], "") >= number:
            wrong.append(one)
        last[one["object"]] = number
    tap.ok(not wrong, "within each order the first change comes first", wrong[:3])
    tap.equal(len(plan_items(tower, planned, verdict="held")), ORDERS, "held ones by their verdict")
    return planned


def selections(tap, tower, group):
    """The same failure by its number, its event, its run and a filter."""
    page = tower.get("/api/v1/failures/%d/items?limit=1" % group["id"])
    one = page["items"][0]
    other = {"asked": 1, "count": 2}
    for name, selection in [
            ("failures", {"failures": [one["id"]]}),
            ("events, by the failure", {"events": [one["failed_event"]]}),
            ("runs", {"runs": [{"workflow": group["workflow"], "object": one["object"],
                                "step": "told"}]})]:
        planned = plan(tower, **selection)
        tap.equal({key: planned[key] for key in other}, other, "one failure, by " + name)
    planned = plan(tower, filter={"workflow": group["workflow"], "step": "told",
                                  "cause": group["cause"], "label": group["label"]})
    tap.equal(planned["asked"], ORDERS, "a filter takes all that fits")
    planned = plan(tower, failures=[one["id"], 999999])
    tap.equal(planned["unknown"], 1, "a failure that is not there is counted")


def changed(tap, tower, group):
    """409 with what has changed, and nothing done."""
    planned = plan(tower, group=group["id"])
    found = plan_items(tower, planned, limit=2)
    ids = [one["failure"] for one in found if one["group"] == group["id"]][:2]
    act = "failures/%d/" % group["id"]
    status, _ = call(tower, act + "archive", {"ids": ids})
    tap.equal(status, 200, "two are put away by somebody else")
    status, answer = start(tower, planned, "key-changed")
    tap.equal((status, answer.get("changed"), answer.get("failures")), (409, 2, sorted(ids)),
              "what has changed since is refused, and named")
    tap.equal(answer.get("type"), "urn:problem-type:tillwatch:changed-since", "by its kind")
    tap.equal(tower.get("/api/v1/replays")["items"], [], "and nothing is done")
    status, _ = call(tower, act + "restore", {"ids": ids})
    tap.equal(status, 200, "they are taken out again")
    return planned


def pressed(tap, tower, planned):
    """Started once, by however many."""
    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(lambda _: start(tower, planned, "key-1", rate=7), range(THREADS)))
    tap.equal([status for status, _ in answers], [202] * THREADS, "pressed by eight at once")
    numbers = {answer["id"] for _, answer in answers}
    tap.equal(len(numbers), 1, "and it is one replay")
    number = numbers.pop()
    tap.equal([one["id"] for one in tower.get("/api/v1/replays")["items"]], [number],
              "there is no other")
    one = read(tower, number)
    tap.equal((one["count"], one["counts"]["waiting"], one["rate"], one["reason"]),
              (2 * ORDERS, 2 * ORDERS, 7, "the card is known again"), "it is what was planned")
    tap.equal([act["action"] for act in one["history"]], ["replay"], "the audit has it once")
    tap.equal(len({item["replayid"] for item in items(tower, number)}), 2 * ORDERS,
              "its items are all there")
    status, _ = start(tower, planned, "key-1", rate=8)
    tap.equal(status, 422, "the same key with another body is refused")
    status, _ = start(tower, planned, "key-2", rate=7)
    tap.equal(status, 404, "another key finds no plan any more")
    return number


def occupied(tap, tower, group, number):
    """What is in a replay is in no other, until it has ended."""
    again = plan(tower, group=group["id"])
    tap.equal((again["count"], again["asked"], reasons(again)),
              (0, ORDERS, {"in-another-replay": ORDERS}), "what is in a replay is in no other")
    tap.equal(len(again["unreplayable"][0]["items"]), 20, "the first twenty are named")
    tap.equal(set(again["unreplayable"][0]["items"][0]),
              {"failure", "object", "type", "identifier", "step", "store"}, "with what they are")
    status, answer = start(tower, again, "key-empty")
    tap.equal((status, answer["type"]), (422, "urn:problem-type:tillwatch:unfit-set"),
              "a plan with nothing in it is not started")
    status, _ = call(tower, "replays/%d/cancel" % number, {"reason": "somebody else did it"})
    tap.equal(status, 200, "the replay is cancelled")
    again = plan(tower, group=group["id"])
    tap.equal((again["count"], reasons(again)), (2 * ORDERS, {}), "then all can be planned again")


def raced(tap, tower):
    """One plan, many keys."""
    planned = plan(tower, filter={"system": "loyalty"})
    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(lambda n: start(tower, planned, "race-%d" % n), range(THREADS)))
    statuses = sorted(status for status, _ in answers)
    tap.equal(statuses, [202] + [404] * (THREADS - 1), "many with keys of their own: one has it")
    return next(answer["id"] for status, answer in answers if status == 202)


def press_until_answered(tower, planned, key):
    """The same order again and again, as a browser does whose answer never came."""
    def answered():
        status, answer = start(tower, planned, key, rate=1, canary=1)
        return (status, answer) if status not in (0, 503) else None
    return wait_until(answered, "an answer to the order", timeout=60, interval=0.1)


def killed(tap, tower, agent):
    """kill -9 while a replay is being started: it is there whole, once, or not at all. The first
    time only how long starting takes is measured."""
    rng = random.Random(KILLS)
    wrong = []
    unanswered = 0
    took = 60
    for cycle in range(KILLS + 1):
        agent.kill()  # a new one says hello at once
        agent.start()
        agent.wait_online()
        known = {one["id"] for one in tower.get("/api/v1/replays?limit=1000")["items"]}
        for number in known:
            call(tower, "replays/%d/cancel" % number, {"reason": "the next one"})
        planned = plan(tower, filter={"system": "loyalty"})
        key = "kill-%d" % cycle
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            begun = time.monotonic()
            first = pool.submit(start, tower, planned, key, rate=1, canary=1)
            concurrent.futures.wait([first], rng.random() * took)
            if cycle == 0:
                took = time.monotonic() - begun
            tower.kill()
            unanswered += first.result()[0] == 0
        tower.start()
        status, answer = press_until_answered(tower, planned, key)
        now = {one["id"] for one in tower.get("/api/v1/replays?limit=1000")["items"]}
        if status != 202 or now - known != {answer["id"]}:
            wrong.append((cycle, status, answer, now - known))
            continue
        found = items(tower, answer["id"])
        if len(found) != planned["count"] or answer["count"] != planned["count"]:
            wrong.append((cycle, planned["count"], answer["count"], len(found)))
    tap.ok(not wrong, "%d kills while a replay is started: it is there once, whole" % KILLS, wrong)
    tap.ok(unanswered > 0, "some of them before the answer", (unanswered, took))
    tap.note("%d of %d were killed before they were answered (%.3f s)" % (unanswered, KILLS, took))


def main():
    """All of it, on one tower."""
    with Tap() as tap, tempfile.TemporaryDirectory() as place, \
            Tower(config=config(place, CHANGES, replay__rate=RATE)) as tower:
        agent = Agent(tower).start()
        try:
            fail_all(tower, ["o%05d" % n for n in range(ORDERS)], CHANGES, amount="10.00")
            agent.wait_online()
            groups = tower.get("/api/v1/failures?state=all")["items"]
            group = min(groups, key=lambda one: one["workflow"])
            refused(tap, tower)
            everything(tap, tower, group)
            selections(tap, tower, group)
            planned = changed(tap, tower, group)
            agent.kill()
            tower.kill()
            tower.start()
            tap.equal(len(plan_items(tower, planned)), 2 * ORDERS, "a plan outlives kill -9")
            number = pressed(tap, tower, planned)
            tower.kill()
            tower.start()
            status, answer = start(tower, planned, "key-1", rate=7)
            tap.equal((status, answer.get("id")), (202, number), "the same key after kill -9")
            status, _ = call(tower, "replays/%d/pause" % number, {"reason": "nothing is to leave"})
            tap.equal(status, 200, "it is paused, so that nothing leaves")
            agent = Agent(tower, name="mw-2").start()
            agent.wait_online()
            occupied(tap, tower, group, number)
            raced(tap, tower)
            killed(tap, tower, agent)
        finally:
            agent.kill()


if __name__ == "__main__":
    main()
