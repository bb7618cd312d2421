#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Replays to an HTTP destination, through the tower: what the endpoint answers is what is told,
the same key over all posts, one effect for each, no matter who is killed in between."""

import collections
import json
import os
import queue
import socket
import sys
import tempfile
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from http_endpoint import Endpoint  # noqa: E402
from publish import Acked, body  # noqa: E402
from replay_kit import (change, config, fail_all, items, plan, publish,  # noqa: E402
                        read, replay, wait_over)
from tap import Tap  # noqa: E402
from tower import Tower, wait_until  # noqa: E402

PACE = {"canary": 0, "rate": 1000, "stop_after_failures": 100000, "stop_percent": 100}
CONFIG = """
destinations:
  - {name: loyalty, url: "%s?session=1", timeout-s: 8, headers: {X-Tenant: emea}}
"""


class Loyalty(Endpoint):
    """Loyalty as an endpoint: POST /change. `script` says what it does with the posts of an order,
    in turn; then it does well."""

    def __init__(self, tower_router):
        super().__init__()
        self.script = {}
        self.done = collections.OrderedDict()  # key -> event
        self.proofs = queue.Queue()
        self.hold = threading.Event()
        self.hold.set()
        threading.Thread(target=self._prove, args=(tower_router,), daemon=True).start()

    def _prove(self, router):
        """The events of what was done, on the tap. One thread has the socket."""
        sender = None
        while True:
            event = self.proofs.get()
            sender = sender or Acked(router())
            sender.send(body([event]))
            sender.flush()

    def effect(self, key, event):
        """Done; once for a key."""
        with self.lock:
            is_new = key not in self.done
            self.done.setdefault(key, event)
        return is_new

    def prove(self, key):
        """Say that it is done; the same words each time."""
        event = self.done[key]
        self.proofs.put({
            "specversion": "1.0", "id": event["id"] + "-told", "source": "/loyalty/worker",
            "type": event["type"], "time": "2026-11-01T00:00:00Z", "orderid": event["orderid"],
            "causationid": event["id"], "replayid": event["replayid"],
            "attempt": event["attempt"], "data": {}})

    def serve(self, peer, request):
        event = json.loads(request.body)
        key = dict(request.headers)["idempotency-key"]
        with self.lock:
            left = self.script.get(event["orderid"], [])
            what = left.pop(0) if left else "ok"
        if what == "ok":
            if not self.hold.is_set():
                self.hold.wait(60)
                if not peer.recv(1, socket.MSG_PEEK):
                    return False  # whoever asked is gone, and nothing was done
            self.answer(peer, 202 if self.effect(key, event) else 409, {})
            self.prove(key)
            return True
        if what == "lost":  # done, and nobody hears of it
            self.effect(key, event)
            return False
        if what == "never":
            return self._never(peer, {})
        if what == "422":
            return self.answer(peer, 422, {"content-type": "application/problem+json",
                                           "body": '{"detail": "card is closed"}'})
        return self.answer(peer, int(what), {"retry-after": "1"} if what == "503" else {})

    def posts(self, order):
        """(idempotency key, replayid, attempt) of the posts of an order."""
        found = []
        for request in self.got("/change"):
            event = json.loads(request.body)
            if event["orderid"] == order:
                found.append((dict(request.headers)["idempotency-key"], event["replayid"],
                              event["attempt"]))
        return found


def of_order(found, order):
    """Items of a replay of one order, by number of the change."""
    return [one for one in found if one["identifier"] == order]


def words(item):
    """What its timeline says, after it was planned."""
    return [line["what"] for line in item["timeline"] if line["what"] != "planned"]


def check_outcomes(tap, tower, loyalty):
    """One order for each way it can go, with two changes each."""
    loyalty.script = {"o-later": ["503"], "o-lost": ["lost"], "o-refused": ["422"],
                      "o-silent": ["never"], "o-broken": ["500"] * 1000}
    orders = ["o-good", *loyalty.script]
    fail_all(tower, orders, 2)
    planned = plan(tower, filter={"system": "loyalty"})
    tap.equal((planned["count"], planned["destination"], planned["destination_kind"]),
              (12, "loyalty", "http"), "all is planned, over HTTP, without an agent")
    number = replay(tower, planned, proof_seconds=20, **PACE)
    over = wait_over(tower, number)
    tap.equal({state: count for state, count in over["counts"].items() if count},
              {"proven": 8, "refused": 1, "unproven": 1, "cancelled": 2},
              "each ends as the endpoint said")
    found = items(tower, number)
    tap.equal([one["state"] for one in of_order(found, "o-good")], ["proven", "proven"],
              "202, and the proof came")
    tap.equal(words(of_order(found, "o-good")[0]), ["sent", "accepted", "proven"],
              "its timeline")
    later = of_order(found, "o-later")[0]
    tap.equal(words(later), ["sent", "put_off", "sent_again", "accepted", "proven"],
              "503: put off, said again, accepted, proven")
    lost = of_order(found, "o-lost")[0]
    tap.ok(lost["state"] == "proven" and lost["outcome_event"] is None and
           "the destination says" in (lost["why"] or ""),
           "an answer that was lost: done, the destination says so", lost)
    refused = of_order(found, "o-refused")
    tap.ok(refused[0]["state"] == "refused" and refused[0]["why"].endswith("card is closed"),
           "422: refused, with its reason", refused[0])
    tap.ok(refused[1]["state"] == "cancelled" and not refused[1]["sent"],
           "what stands behind it is not sent", refused[1])
    silent = of_order(found, "o-silent")[0]
    tap.equal(silent["state"], "proven", "no answer in time: posted again, proven")
    broken = of_order(found, "o-broken")[0]
    tap.ok(broken["state"] == "unproven" and len(loyalty.posts("o-broken")) > 2,
           "500 until the deadline: unproven", broken)
    tap.equal(found[0]["agent"], loyalty.url("/change"), "the address is told, without its query")
    check_posts(tap, loyalty, found, orders)


def check_posts(tap, loyalty, found, orders):
    """Posts against items: a key for each, an effect at most, attempts as they are told."""
    for order in orders:
        mine = of_order(found, order)
        posts = loyalty.posts(order)
        wanted = [(one["idempotency_key"], one["replayid"], one["attempt"]) for one in mine
                  if one["sent"]]
        firsts = list(dict.fromkeys(posts))
        tap.equal(firsts, wanted, "%s: what arrived is what is told, in order" % order)
    requests = loyalty.got("/change")
    tap.ok(all(dict(r.headers)["x-tenant"] == "emea" for r in requests),
           "every post has the constant header")
    tap.equal(loyalty.failures, [], "the endpoint understood all of them")


def check_kill(tap, tower, loyalty):
    """kill -9 while posts wait for their answer: the same key, replayid and attempt again. What did
    not end well before is among them: another replay, and the same key."""
    loyalty.script = {}
    loyalty.hold.clear()
    wait_until(lambda: open_now(tower) == 4, "the proof of what was lost")
    orders = ["k-%d" % i for i in range(12)]
    fail_more(tower, orders)
    planned = plan(tower, filter={"system": "loyalty"})
    tap.equal(planned["count"], len(orders) + 4, "what did not end well is replayed again")
    earlier = loyalty.posts("o-broken")
    count = len(loyalty.got("/change"))
    number = replay(tower, planned, **PACE)
    wait_until(lambda: len(loyalty.got("/change")) >= count + 8,
               "as many posts as may be under way")
    tower.kill()
    before = {order: loyalty.posts(order) for order in orders}
    tap.ok(max(len(posts) for posts in before.values()) == 1, "nothing was posted twice so far",
           before)
    loyalty.hold.set()
    tower.start()
    over = wait_over(tower, number)
    found = items(tower, number)
    tap.equal(over["counts"]["proven"], planned["count"], "after the restart all is proven")
    again = [order for order in orders if len(loyalty.posts(order)) > 1]
    tap.ok(again and all(len(set(loyalty.posts(order))) == 1 for order in orders),
           "what was not answered was posted again, the same", before)
    tap.equal(len([key for key, event in loyalty.done.items() if event["orderid"] in orders]),
              len(orders), "each made one effect")
    tap.ok(all("sent_again" in words(one) for order in again for one in of_order(found, order)),
           "and its timeline says so")
    later = [post for post in loyalty.posts("o-broken")[len(earlier):] if post[0] == earlier[0][0]]
    tap.ok(later and later[0][1] != earlier[0][1], "another replay, the same key", later)


def check_nothing(tap, tower, loyalty):
    """A destination that asks to wait until the deadline: it is known that nothing has happened."""
    fail_more(tower, ["n-0"])
    loyalty.script = {"n-0": ["503"] * 1000}
    number = replay(tower, plan(tower, filter={"system": "loyalty"}), proof_seconds=5, **PACE)
    phase = wait_until(lambda: (read(tower, number) or {}).get("phase") == "put-off" and
                       read(tower, number), "the phase of a replay that is put off")
    tap.ok("503" in (phase["phase_detail"] or ""), "while it waits the replay says why", phase)
    wait_over(tower, number)
    item = items(tower, number)[0]
    tap.ok(item["state"] == "refused" and "nothing has happened" in item["why"],
           "503 until the deadline: refused, since nothing has happened", item)
    tap.equal((len(set(loyalty.posts("n-0"))), len(loyalty.posts("n-0")) > 1), (1, True),
              "it was posted as the same")
    loyalty.script = {}
    number = replay(tower, plan(tower, filter={"system": "loyalty"}), **PACE)
    tap.equal(wait_over(tower, number)["counts"]["proven"], 1, "and may be replayed at once")


def open_now(tower):
    """How many failures are open."""
    return sum(group["count"] for group in
               json.loads(tower.request("/api/v1/failures?state=all")[1])["items"])


def fail_more(tower, orders):
    """The first change of each fails; until the desk has them beside what is known."""
    known = open_now(tower)
    publish(tower, [change(order, 0) for order in orders])
    publish(tower, [change(order, 0, failed=True) for order in orders])
    wait_until(lambda: open_now(tower) == known + len(orders), "their failures", timeout=120)


def main():
    with Tap() as tap, tempfile.TemporaryDirectory(prefix="tillwatch-posts-") as directory:
        towers = []
        loyalty = Loyalty(lambda: towers[0].router)
        text = config(directory, 2)
        text = text.replace("destinations: []\n", "") + CONFIG % loyalty.url("/change")
        with Tower(config=text) as tower:
            towers.append(tower)
            check_outcomes(tap, tower, loyalty)
            check_kill(tap, tower, loyalty)
            check_nothing(tap, tower, loyalty)
            tap.equal(tower.stop(), 0, "the tower stops cleanly")


if __name__ == "__main__":
    main()
