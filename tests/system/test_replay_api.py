#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Replays over HTTP: what is told of them is what their rows say, item by item; pausing, resuming
and cancelling are refused where they mean nothing, take all of what waits, say exactly what had
left, are in the audit, and survive a kill. The rows are put in: none of these replays runs.
"""
import collections
import json
import os
import sys
import urllib.parse
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "browser"))
from fill import many  # noqa: E402
from publish import Acked  # noqa: E402
from replays import DONE, PAUSED, STATES, STOPPED, Rows  # noqa: E402
from tap import Tap  # noqa: E402
from tower import Tower, wait_until  # noqa: E402

FAILURES = 260
MIXED = ("proven", "proven", "waiting", "unproven", "sent", "failed_again", "refused", "cancelled")


def send(tower, messages):
    """All of them, acknowledged."""
    sender = Acked(tower.router, window=len(messages))
    for one in messages:
        sender.send(one)
    assert sender.flush()
    sender.close()


def post(tower, path, body, headers=None):
    """(status, parsed answer)."""
    status, answer = tower.request("/api/v1/replays/" + path, body, "POST", headers)
    return status, json.loads(answer)


def pages(tower, path):
    """All items of a list, a hundred a page."""
    found, cursor = [], ""
    while cursor is not None:
        answer = tower.get(path + ("&cursor=" + urllib.parse.quote(cursor) if cursor else ""))
        found += answer["items"]
        cursor = answer["next"]
    return found


def check_told(tap, tower):
    """Lists, details and items against the rows."""
    tap.equal([one["id"] for one in tower.get("/api/v1/replays")["items"]], [3, 2, 1],
              "replays are listed, the latest first")
    tap.equal([one["id"] for one in tower.get("/api/v1/replays?state=stopped")["items"]], [2],
              "or those of a state")
    tap.equal([one["id"] for one in pages(tower, "/api/v1/replays?limit=1")], [3, 2, 1],
              "with pages each comes once")
    one = tower.get("/api/v1/replays/2")
    items = pages(tower, "/api/v1/replays/2/items?limit=100")
    counts = collections.Counter(item["state"] for item in items)
    tap.equal({state: n for state, n in one["counts"].items() if n}, dict(counts),
              "its counts are those of its items")
    tap.equal(one["count"], FAILURES, "all of them")
    tap.equal([item["seq"] for item in items], list(range(1, FAILURES + 1)),
              "its items come once each, in their order")
    had_left = sum(item["state"] not in ("waiting", "cancelled") for item in items)
    tap.equal((one["left"], one["not_left"]), (had_left, FAILURES - had_left),
              "it says what left and what did not")
    minor = sum(round(float(item["amount"]) * 100) for item in items if item["amount"])
    tap.equal(one["amounts"][0]["amount_minor"], minor, "and what they are worth")
    tap.equal(sum(part["count"] for part in one["by_cause"]), counts["failed_again"],
              "what failed again is told by cause")
    tap.equal(one["why"], "10 of 61 failed again", "why it stopped is said")
    for state in STATES:
        listed = pages(tower, "/api/v1/replays/2/items?limit=100&state=" + state)
        tap.equal([item["id"] for item in listed],
                  [item["id"] for item in items if item["state"] == state],
                  "items that are %s are listed alone" % state)
    proven = next(item for item in items if item["state"] == "proven")
    tap.equal([line["what"] for line in proven["timeline"]],
              ["planned", "sent", "accepted", "proven"], "an item has its timeline")
    tap.equal(proven["previous"]["replay"], 1, "and the replay before this one")
    alone = tower.get("/api/v1/replays/2/items?failure=%d" % proven["failure"])["items"]
    tap.equal([item["id"] for item in alone], [proven["id"]], "the item of a failure is found")
    return items


def check_places(tap, tower, items):
    """Failures and steps of journeys say where they were replayed."""
    places = {item["failure"]: item for item in items}
    groups = tower.get("/api/v1/failures")["items"]
    wrong = []
    seen = 0
    for group in groups:
        for failure in pages(tower, "/api/v1/failures/%d/items?limit=100" % group["id"]):
            item = places[failure["id"]]
            seen += 1
            if failure["id"] != places[max(places)]["failure"] and failure["replay"] != {
                    "replay": 2, "item": item["id"], "state": item["state"]}:
                wrong.append(failure)
    tap.ok(seen == FAILURES and len(wrong) <= 1, "each failure says where it was replayed last",
           "%d seen; %s" % (seen, wrong[:3]))
    item = items[0]
    journey = tower.get("/api/v1/journeys/" + urllib.parse.quote(item["object"], safe=":/"))
    steps = [step for run in journey["runs"] for step in run["steps"] if step["failure"]]
    tap.equal([(step["name"], step["failure"]["id"], step["failure"]["group"]) for step in steps],
              [("posted", item["failure"], item["group"])],
              "the failed step of a journey leads to its failure and its group")
    tap.ok(all(step["failure"] is None for run in journey["runs"] for step in run["steps"]
               if step["state"] == "done"), "a step that is done has none")


def check_refused(tap, tower):
    """What is not well asked."""
    for path, status in (("/99", 404), ("/0", 404), ("/x", 404), ("/1/x", 404),
                         ("/1/items/2", 404), ("?state=x", 400), ("?group=x", 400),
                         ("?failure=0", 400), ("?x=1", 400), ("?cursor=AAAA", 400),
                         ("/1/items?state=x", 400), ("/1/items?cause=x", 400),
                         ("/1/items?failure=-1", 400), ("/99/items", 404), ("/1?x=1", 400)):
        tap.equal(tower.status_of("/api/v1/replays" + path), status,
                  "GET /replays%s is refused" % path)
    for path, body, status in (
            ("99/pause", {}, 404), ("2/burn", {}, 404), ("1/pause", {}, 409),
            ("1/resume", {}, 409), ("1/cancel", {"reason": "x"}, 409), ("2/pause", {}, 409),
            ("2/cancel", {}, 400), ("2/cancel", {"reason": ""}, 400),
            ("2/cancel", {"reason": "x" * 501}, 400), ("2/cancel", {"reason": 5}, 400),
            ("2/cancel", {"why": "x"}, 400), ("2/cancel", [], 400)):
        found, answer = post(tower, path, body)
        tap.equal(found, status, "POST /replays/%s %s is refused" % (path, str(body)[:30]))
        if status == 409:
            tap.ok(answer["type"].endswith(":wrong-state") and "it is" in answer["detail"],
                   "and it is said what it is", answer)
    tap.equal(post(tower, "2/cancel", {"reason": "x"}, {"Origin": "http://evil.example"})[0], 403,
              "another origin is refused")


class Stream:
    """The views that ticks name."""

    def __init__(self, tower):
        self.answer = urllib.request.urlopen(tower.url + "/api/v1/stream", timeout=30)

    def views(self):
        """Of the next tick; other events have none."""
        while True:
            line = self.answer.readline()
            data = json.loads(line[6:]) if line.startswith(b"data: {") else {}
            if "views" in data:
                return data["views"]


def check_commands(tap, tower):
    """What they do, all of it or nothing; the stream says so."""
    stream = Stream(tower)
    stream.views()  # the first names all; the sender may still look after what was put in
    tap.ok(any("replays" not in stream.views() for _ in range(30)),
           "a quiet tower names no replays")
    before = tower.get("/api/v1/replays/2")
    status, answer = post(tower, "2/cancel", {"reason": "the articles are <b>wrong</b>"})
    tap.ok(status == 200, "what has stopped can be cancelled", answer)
    tap.equal((answer["left"], answer["not_left"]), (before["left"], before["not_left"]),
              "the answer says what left and what did not")
    tap.equal((answer["counts"]["waiting"], answer["counts"]["cancelled"]),
              (0, before["counts"]["waiting"] + before["counts"]["cancelled"]),
              "all that waited is cancelled")
    tap.equal([answer["counts"][state] for state in STATES[1:6]],
              [before["counts"][state] for state in STATES[1:6]], "what had left is not")
    tap.ok(any("replays" in stream.views() for _ in range(3)), "the stream names the replays")
    tap.equal(post(tower, "2/cancel", {"reason": "x"})[0], 409, "a second time is refused")
    listed = pages(tower, "/api/v1/replays/2/items?limit=100&state=cancelled")
    told = collections.Counter(item["timeline"][-1]["detail"] for item in listed)
    tap.equal(told["cancelled by local: the articles are <b>wrong</b>"],
              before["counts"]["waiting"], "each of them has a line in its timeline")
    status, answer = post(tower, "3/cancel", {"reason": "not this one"})
    tap.equal((status, answer["state"]), (200, "cancelled"), "what is paused can be cancelled")
    tap.ok(answer["finished"], "nothing of it is under way: it has ended")
    tower.kill()
    tower.start()
    after = tower.get("/api/v1/replays/2")
    tap.equal(after["state"], "cancelled", "a kill loses nothing of it")
    tap.equal([(act["by"], act["action"], act["reason"]) for act in after["history"]][:1],
              [("local", "cancel", "the articles are <b>wrong</b>")], "nor of the audit")


def main():
    with Tap() as tap, Tower() as tower:
        tap.equal(tower.get("/api/v1/replays")["items"], [], "a new tower has no replays")
        send(tower, many())
        wait_until(lambda: sum(group["count"] for group in tower.get("/api/v1/failures")["items"])
                   == FAILURES, "the desk has all failures")
        rows = Rows(os.path.join(tower.state, "desk.db"))
        failures = rows.failures()
        rows.replay(1, DONE, failures, ("proven",))
        rows.replay(2, STOPPED, failures, MIXED, why=b"10 of 61 failed again")
        # Of what is in no other one that is open.
        free = [failure for n, failure in enumerate(failures) if MIXED[n % len(MIXED)] == "proven"]
        rows.replay(3, PAUSED, free[-1:], ("waiting",))
        rows.agents()
        rows.db.commit()
        rows.db.close()
        items = check_told(tap, tower)
        check_places(tap, tower, items)
        agents = tower.get("/api/v1/agents")["items"]
        tap.equal([one["agent"] for one in agents], ["mw-1", "mw-2"], "agents are told")
        tap.equal(agents[0]["under_way"], sum(item["state"] == "sent" for item in items),
                  "with what is under way")
        check_refused(tap, tower)
        check_commands(tap, tower)
        tap.equal(tower.stop(), 0, "the tower stops in good order")


if __name__ == "__main__":
    main()
