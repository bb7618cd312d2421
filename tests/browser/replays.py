#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Replays for the browser tests, as rows of desk.db over failures that the desk has: one that has
ended, one that stopped by itself with items in every state, one that is paused, whose texts are
hostile; and two agents. None of them runs, so that the tower leaves them alone.
Usage: replays.py   (the tower is that of TILLWATCH_STATE)"""

import json
import os
import sqlite3
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fill import HOSTILE  # noqa: E402  (adds tests/system to the path)
import audit_rows  # noqa: E402

STATES = ("waiting", "sent", "unproven", "proven", "failed_again", "refused", "cancelled")
EVENTS = ("planned", "sent", "sent_again", "accepted", "refused", "proven", "failed_again",
          "unproven", "cancelled", "put_off")
STOPPED, PAUSED, DONE = 2, 1, 4
WHY = {"refused": "E-17: the period is closed", "unproven": "nothing was seen in time",
       "failed_again": "no such article", "cancelled": "not sent: an earlier one of the same object"
       " failed again"}


class Rows:
    """What is written, at one moment."""

    def __init__(self, path):
        self.db = sqlite3.connect(path, timeout=10)
        self.directory = os.path.dirname(path)
        self.now = time.time_ns()
        self.item = 0

    def at(self, seconds):
        """So many seconds ago."""
        return self.now - int(seconds * 1e9)

    def failures(self):
        """Those that are open, as put_item takes them."""
        return self.db.execute(
            "SELECT id, grp, object_type, object_scope, object_id, store, amount_minor, currency,"
            " failed_n, input_n FROM failure WHERE state = 0 ORDER BY grp, id").fetchall()

    def replay(self, number, state, failures, states, reason=b"the articles are in ERP now",
               why=None):
        """One with an item of each failure, in these states, over and over."""
        is_over = state == DONE
        self.db.execute(
            "INSERT INTO replay(id, token, plan, created, actor, reason, destination, selection,"
            " request_key, request_hash, state, why, changed, rate, canary, stop_failures,"
            " stop_percent, proof_s, begun, full, finished, phase) VALUES(?, ?, ?, ?, ?, ?, ?, ?,"
            " ?, ?, ?, ?, ?, 50, 5, 10, 10, 300, ?, ?, ?, NULL)",
            (number, b"token", b"plan", self.at(3600 / number), b"local", reason, b"erp",
             json.dumps({"group": failures[0][1]}).encode(), b"key%d" % number, b"hash", state, why,
             self.at(600), self.at(3500 / number), self.at(3400 / number),
             self.at(600) if is_over else None))
        audit_rows.add(self.db, self.directory, self.at(3600 / number),
                       {"actor": b"local", "kind": b"local", "action": b"replay",
                        "subject": b"replay:%d" % number, "reason": reason, "outcome": b"done"})
        for seq, failure in enumerate(failures, 1):
            self.put_item(number, seq, failure, states[(seq - 1) % len(states)], reason)

    def put_item(self, number, seq, failure, state, reason):
        """One item with its timeline."""
        identifier, _, kind, scope, name, store, amount, currency, failed, sends = failure
        has_left = state not in ("waiting", "cancelled")
        has_ended = state not in ("waiting", "sent")
        why = WHY.get(state, "").encode() or None
        if number == 3 and state in WHY:
            why = reason
        last = self.db.execute("SELECT max(id) FROM replay_item WHERE failure = ?",
                               (identifier,)).fetchone()[0]
        cursor = self.db.execute(
            "INSERT INTO replay_item(replay, seq, replayid, failure, previous, is_asked, is_ready,"
            " overridden, is_financial, object_type, object_scope, object_id, event_n, failed_n,"
            " store, amount_minor, currency, state, attempt, idempotency_key, agent, sent,"
            " deadline, ended, cause, outcome_n, why) VALUES(?, ?, ?, ?, ?, ?, 0, 0, 1, ?, ?, ?, ?,"
            " ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (number, seq, b"r%d-token-%d" % (number, seq), identifier, last, seq % 7 != 0, kind,
             scope, name, sends, failed, store, amount, currency, STATES.index(state),
             1 if has_left else 0, b"erp/pos#%d" % seq if has_left else None,
             b"mw-1" if has_left else None, self.at(900) if has_left else None,
             self.at(-3600) if has_left else None, self.at(890) if has_ended else None,
             1 if state == "failed_again" else 0, failed if has_left else None, why))
        lines = [("planned", 1000)]
        if has_left:
            lines += [("sent", 900), ("accepted", 899.5)]
        if has_ended:
            lines.append((state, 890))
        for what, ago in lines:
            self.db.execute(
                "INSERT INTO item_event(item, at, what, attempt, n, detail)"
                " VALUES(?, ?, ?, 1, ?, ?)",
                (cursor.lastrowid, self.at(ago), EVENTS.index(what), failed or None,
                 b"mw-1" if what == "sent" else why if what == state else None))

    def agents(self):
        """One that is there, one that is not."""
        for name, is_online, heard in ((b"mw-1", 1, 1), (b"mw-2", 0, 7200)):
            self.db.execute(
                "INSERT OR REPLACE INTO agent(name, systems, capacity, is_online, since, heard,"
                " address, hellos, ordered, accepted, refused, malformed, strange)"
                " VALUES(?, ?, 32, ?, ?, ?, ?, 3, 41, 38, 3, 0, 1)",
                (name, b'["erp","loyalty"]', is_online, self.at(heard + 60), self.at(heard),
                 b"127.0.0.1"))


def main():
    rows = Rows(os.path.join(os.environ["TILLWATCH_STATE"], "desk.db"))
    failures = rows.failures()
    rows.replay(1, DONE, failures, ("proven", "proven", "proven", "failed_again", "cancelled"))
    rows.replay(2, STOPPED, failures,
                ("proven", "proven", "waiting", "proven", "unproven", "sent", "failed_again",
                 "refused", "proven", "cancelled"),
                why=b"10 of 61 failed again, more than 10 %")
    free = failures[2:3] or failures
    rows.replay(3, PAUSED, free, ("unproven",), reason="\n".join(HOSTILE).encode()[:480])
    rows.agents()
    rows.db.commit()


if __name__ == "__main__":
    main()
