#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Alerts when their file cannot be used: the disk is full to the last byte, or desk.db is damaged
under a tower at work. The tower goes on and says what is wrong; when it is mended nothing is told
twice, and what came meanwhile is told. The full disk needs root for a mount."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from receivers_kit import Receiver  # noqa: E402
from tap import Tap  # noqa: E402
from test_store import mount_tmpfs, overwrite  # noqa: E402
from tower import Tower, config_with, wait_until  # noqa: E402

MEGABYTES = 64
PAGE = 4096
NOTIFY = """allow: [127.0.0.0/8]
receivers: [{name: ops, webhook: [{url: "%s"}]}]
route: {receiver: ops, group-by: [alertname, name], group-wait: 1s, group-interval: 1s}
"""


class Place:
    """A tower whose store lies on `disk`, and its receiver."""

    def __init__(self, base, disk):
        self.server = Receiver()
        path = os.path.join(base, "notify.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(NOTIFY % self.server.url("/ops"))
        config = config_with(alerts__pack="false", stop_free_percent=0, stop_free_bytes=0)
        config = re.sub(r"(?m)^notify:\n", "notify:\n  file: %s\n" % path, config)
        self.store = os.path.join(disk, "store")
        self.desk = os.path.join(self.store, "desk.db")
        self.tower = Tower(state=base, config=config, env={"TILLWATCH_STATE": self.store})

    def post(self, name):
        """An alert of others; the status."""
        return self.tower.request("/api/v2/alerts", [
            {"labels": {"alertname": "Theirs", "severity": "warning", "name": name},
             "annotations": {"summary": "it is late"}}], "POST")[0]

    def told(self):
        """What the receiver was told of those alerts."""
        return [(a["labels"]["name"], a["status"]) for p in self.server.got("/ops")
                for a in json.loads(p.body)["alerts"] if a["labels"]["alertname"] == "Theirs"]

    def trouble(self):
        """What /status says of both threads."""
        alerts = self.tower.get("/api/v1/status")["alerts"]
        return alerts["not_judged"], alerts["not_told"]

    def __enter__(self):
        self.tower.start()
        return self

    def __exit__(self, *_):
        self.tower.close()
        self.server.close()


def begin(tap, place, name):
    """One is told, and that stands in the outbox."""
    wait_until(lambda: place.post("before") == 200, "the desk")
    wait_until(lambda: place.told() == [("before", "firing")], "the first notice")

    def is_sent():
        db = sqlite3.connect("file:%s?mode=ro" % place.desk, uri=True, timeout=30)
        try:
            return db.execute("SELECT count(*) FROM notice WHERE state = 2").fetchone()[0] > 0
        finally:
            db.close()
    wait_until(is_sent, "its result")
    tap.equal(place.trouble(), (None, None), name + ": before, nothing is wrong")


def check_said(tap, place, name, both):
    """The threads say what keeps them from their work; the process lives. Who read a page before it
    was damaged may not know yet."""
    wait_until(lambda: (all if both else any)(place.trouble()), "threads to say what is wrong")
    said = [text for text in place.trouble() if text]
    tap.ok(all("desk.db" in text for text in said), name + ": /status says what is wrong", said)
    tap.ok("alerts_stopped" in place.tower.log() or "notify_stopped" in place.tower.log(),
           name + ": so does the log")
    tap.equal(place.tower.status_of("/healthz"), 200, name + ": the tower goes on")


def check_mended(tap, place, name):
    """Nothing was told twice, and it goes on."""
    wait_until(lambda: place.trouble() == (None, None), "both threads to go on")
    wait_until(lambda: place.post("after") == 200, "an alert to be taken")
    wait_until(lambda: ("after", "firing") in place.told(), "its notice")
    tap.equal(place.told(), [("before", "firing"), ("after", "firing")],
              name + ": mended, nothing is told twice, and what comes is told")
    tap.equal(place.tower.stop(), 0, name + ": the tower stops cleanly")


def fill(path):
    """A file that takes all that is left."""
    ballast = os.path.join(path, "ballast")
    fd = os.open(ballast, os.O_WRONLY | os.O_CREAT)
    size = 1 << 20
    while size > 0:
        try:
            os.write(fd, b"\xff" * size)
        except OSError:
            size //= 2
    os.close(fd)
    return ballast


def check_full(tap):
    """Nothing can be written."""
    name = "the disk is full"
    base = tempfile.mkdtemp(prefix="tw-alert-desk-")
    disk = os.path.join(base, "disk")
    os.mkdir(disk)
    reason = mount_tmpfs(disk, MEGABYTES)
    if reason:
        tap.skip(name, reason)
        shutil.rmtree(base)
        return
    try:
        with Place(base, disk) as place:
            begin(tap, place, name)
            ballast = fill(disk)
            wait_until(lambda: place.post("refused") == 503, "a refusal")
            check_said(tap, place, name, True)
            wait_until(lambda: place.tower.status_of("/readyz") == 503, "it to say so")
            tap.equal(place.tower.status_of("/api/v1/alerts"), 200, name + ": pages go on")
            os.unlink(ballast)
            check_mended(tap, place, name)
    finally:
        subprocess.run(["umount", disk], check=False)
        shutil.rmtree(base, ignore_errors=True)


def rubbish(path):
    """Everything behind the first page."""
    overwrite(path, PAGE, b"\xa5" * (os.path.getsize(path) - PAGE))


def cut(path):
    """Half of it is gone."""
    os.truncate(path, os.path.getsize(path) // 2)


def check_damaged(tap, name, damage):
    """The file is damaged under the tower; who operates it restores a copy."""
    base = tempfile.mkdtemp(prefix="tw-alert-desk-")
    try:
        with Place(base, base) as place:
            begin(tap, place, name)
            copy = os.path.join(base, "copy.db")
            source = sqlite3.connect("file:%s?mode=ro" % place.desk, uri=True, timeout=30)
            target = sqlite3.connect(copy)
            source.backup(target)
            target.close()
            source.close()
            damage(place.desk)
            place.post("lost")  # whatever the answer is: the file is lost
            check_said(tap, place, name, False)
            tap.equal(place.told(), [("before", "firing")], name + ": nothing is told twice")
            tap.equal(place.tower.stop(), 0, name + ": it stops cleanly")
            for suffix in ("", "-wal", "-shm"):
                if os.path.exists(place.desk + suffix):
                    os.unlink(place.desk + suffix)
            shutil.copy(copy, place.desk)
            place.tower.start()
            check_mended(tap, place, name)
    finally:
        shutil.rmtree(base, ignore_errors=True)


def main():
    """One after the other."""
    with Tap() as tap:
        check_full(tap)
        check_damaged(tap, "pages of desk.db are rubbish", rubbish)
        check_damaged(tap, "desk.db is cut", cut)


if __name__ == "__main__":
    main()
