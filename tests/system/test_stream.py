#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""GET /api/v1/stream of the real program: ticks, what they name, coming back, clients that do not
read, many clients, the maximum, the end. 200 clients and a slow one take about half a minute."""

import json
import os
import re
import select
import shutil
import socket
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import Tap  # noqa: E402
from tower import Tower, wait_until  # noqa: E402

try:
    from publish import Acked, body, event
except ImportError:
    Acked = None

CLIENTS = 200
MAX_STREAMS = CLIENTS + 1
WORKFLOW = """name: errand
title: Errand
owner: tests
object: order
timing: queued
criticality: standard
steps:
  - {name: begun, system: pos, event: com.example.begun}
  - {name: ended, system: erp, event: com.example.ended, after: begun, within: 1h,
     destination: true}
"""
CONFIG = ("workflows:\n  pack: false\n  dirs: [%s]\nweb:\n  max-streams: %d\n"
          "  max-connections: 400\n  max-connections-per-ip: 400\n"
          "  threads: 2\n")


class Stream:
    """One client, read when asked to."""

    def __init__(self, tower, last_id=None, receive_bytes=None):
        host, port = tower.url[len("http://"):].split(":")
        self.socket = socket.socket()
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.settimeout(60)
        self.socket.connect((host, int(port)))
        last = "Last-Event-ID: %s\r\n" % last_id if last_id is not None else ""
        self.socket.sendall(("GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n%s\r\n"
                             % last).encode())
        self.raw = b""
        self.text = ""
        self.is_over = False

    def read(self):
        """What is there now, taken out of its chunks."""
        got = self.socket.recv(65536)
        self.is_over = self.is_over or not got
        self.raw += got
        if not self.text and b"\r\n\r\n" in self.raw:
            head, self.raw = self.raw.split(b"\r\n\r\n", 1)
            self.text = head.decode() + "\n\n"
        while self.text and b"\r\n" in self.raw:
            size, rest = self.raw.split(b"\r\n", 1)
            if len(rest) < int(size, 16) + 2:
                break
            self.is_over = self.is_over or int(size, 16) == 0
            self.text += rest[:int(size, 16)].decode()
            self.raw = rest[int(size, 16) + 2:]

    def ticks(self):
        """Every whole tick so far: [(id, data)]."""
        found = []
        for block in self.text.split("\n\n"):
            lines = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
            if lines.get("event") == "tick":
                found.append((int(lines["id"]), json.loads(lines["data"])))
        return found

    def wait(self, condition):
        """Read until condition(ticks) gives something; that."""
        deadline = time.monotonic() + 60
        while not condition(self.ticks()):
            if self.is_over or time.monotonic() > deadline:
                raise TimeoutError("the stream ended or is late: " + self.text[-500:])
            self.read()
        return condition(self.ticks())

    def close(self):
        """Go away."""
        self.socket.close()


def send(tower, first, count):
    """Some events, each the start of a run."""
    sender = Acked(tower.router)
    for i in range(first, first + count):
        sender.send(body(event("/pos/1", i, type="com.example.begun", orderid=str(i),
                               transactionid=None)))
    sender.flush()
    sender.close()


def views_behind(ticks, number):
    """All names in the ticks after this one."""
    return {view for tick, data in ticks if tick > number for view in data["views"]}


def first_look(tap, tower):
    """One client from its first byte on."""
    stream = Stream(tower)
    begun = time.monotonic()
    number, data = stream.wait(lambda ticks: ticks)[0]
    tap.ok(time.monotonic() - begun < 10, "a tick comes at once")
    head = stream.text.split("\n\n")[0]
    tap.ok("200 OK" in head and "Content-Type: text/event-stream" in head and
           "Cache-Control: no-store" in head, "it is an event stream that nobody keeps", head)
    tap.ok("\nretry: 2000\n" in stream.text, "the browser is told when to come again")
    tap.equal(data["views"], ["*"], "the first tick names everything")
    status = tower.get("/api/v1/status")
    tap.equal(set(data["status"]), set(status), "it carries the body of /status")
    tap.equal(data["last_n"], status["last_n"], "and the last number")
    tap.equal(set(data), {"at", "last_n", "watermark", "watermark_lag", "views", "status"},
              "and nothing else")
    later = stream.wait(lambda ticks: ticks if len(ticks) > 2 else None)
    tap.equal([tick - number for tick, _ in later[:3]], [0, 1, 2], "ticks are numbered")
    tap.ok(all(data["views"][0] == "status" for _, data in later[1:]), "status always changes")
    tap.ok("events" not in views_behind(later, number), "without events no view of events changes",
           str(views_behind(later, number)))
    return stream, later[-1][0]


def look_at_changes(tap, tower, stream, number):
    """What events change; what somebody is told who comes back."""
    send(tower, 1, 20)
    wanted = {"status", "events", "runs", "overview", "taps", "workflow/errand"}
    ticks = stream.wait(lambda ticks: ticks if wanted <= views_behind(ticks, number) and
                        ticks[-1][1]["watermark"] else None)
    tap.ok(True, "events change the views of events, runs, taps, overview and the workflow")
    tap.ok("quarantine" not in views_behind(ticks, number), "but not the quarantine")
    newest = ticks[-1]
    tap.equal(newest[1]["last_n"], 20, "ticks carry the last number")
    tap.ok(newest[1]["watermark_lag"] is not None, "and how far tracking is")
    again = Stream(tower, last_id=number)
    views = again.wait(lambda ticks: ticks)[0][1]["views"]
    tap.ok(wanted <= set(views), "who comes back is told what changed meanwhile", str(views))
    again.close()
    for last_id in ("1", "9" * 18, "not-a-number", ""):
        again = Stream(tower, last_id=last_id)
        tap.equal(again.wait(lambda ticks: ticks)[0][1]["views"], ["*"],
                  "an id that is not one of ours means everything: '%s'" % last_id)
        again.close()


def cpu_seconds(pid):
    """User and system time of a process."""
    with open("/proc/%d/stat" % pid, encoding="ascii") as f:
        words = f.read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def look_at_many(tap, tower, first):
    """CLIENTS clients and one that does not read; the maximum."""
    wait_until(lambda: tower.totals()["tillwatch_streams"] == 1, "the others to be gone")
    clients = [first] + [Stream(tower) for _ in range(CLIENTS - 1)]
    lazy = Stream(tower, receive_bytes=2048)
    wait_until(lambda: tower.totals()["tillwatch_streams"] == MAX_STREAMS, "all clients")
    status, answer = tower.request("/api/v1/stream")
    tap.equal(status, 503, "one more is refused")
    tap.ok(json.loads(answer)["type"].endswith("too-many-streams"), "and told why", str(answer))
    totals = tower.totals()
    tap.equal(totals["tillwatch_streams_refused_total"], 1, "it is counted")
    before = cpu_seconds(tower.pid())
    begun = time.monotonic()
    numbers = [set() for _ in clients]
    while min(len(seen) for seen in numbers) < 4:
        ready, _, _ = select.select([c.socket for c in clients], [], [], 30)
        if not ready or time.monotonic() > begun + 60:
            break
        for i, client in enumerate(clients):
            if client.socket in ready:
                client.read()
                numbers[i].update(re.findall(r"\nid: (\d+)\n", client.text))
                client.text = client.text[-100:]
    spent = cpu_seconds(tower.pid()) - before
    tap.ok(min(len(seen) for seen in numbers) >= 4, "%d clients get every tick" % CLIENTS)
    newest = min(max(seen) for seen in numbers)
    tap.ok(all(newest in seen for seen in numbers), "and the same ones")
    tap.ok(spent < time.monotonic() - begun, "for less than a core",
           "%.2f s of processor time in %.2f s" % (spent, time.monotonic() - begun))
    wait_until(lambda: tower.totals()["tillwatch_streams_dropped_total"] == 1,
               "the client that does not read to be dropped", timeout=180, interval=0.5)
    tap.ok(True, "the client that does not read is dropped")
    wait_until(lambda: tower.totals()["tillwatch_streams"] == CLIENTS, "its place to be free")
    lazy.close()
    Stream(tower).close()
    for client in clients[1:]:
        client.close()
    wait_until(lambda: tower.totals()["tillwatch_streams"] == 1, "the places of the others")
    tap.ok(True, "clients that go leave their place")
    tap.equal(tower.totals()["tillwatch_streams_dropped_total"], 1, "they were not dropped")


def look_at_end(tap, tower, stream):
    """The end of the program is the end of its streams."""
    others = [Stream(tower) for _ in range(20)]
    for other in others:
        other.wait(lambda ticks: ticks)
    begun = time.monotonic()
    tap.equal(tower.stop(), 0, "a stop with streams open is clean")
    took = time.monotonic() - begun
    for client in [stream] + others:
        while not client.is_over:
            try:
                client.read()
            except ConnectionError:
                client.is_over = True
    tap.ok(True, "and ends them all", "%.2f s" % took)
    return others[0].ticks()[-1][0]


def look_at_web_alone(tap, tower, last_id):
    """Without a collector: ticks go on, with the watermark that was."""
    tower.args = ["--only", "web"]
    tower.start(wait=False)
    wait_until(lambda: tower.status_of("/healthz") == 200, "the web half")
    stream = Stream(tower, last_id=last_id)
    ticks = stream.wait(lambda ticks: ticks if len(ticks) > 2 else None)
    tap.ok(ticks[0][0] > last_id and ticks[0][1]["views"] == ["*"],
           "the number of an earlier process is none of this one", str(ticks[0][0]))
    tap.equal(len({data["watermark"] for _, data in ticks}), 1,
              "without the collector ticks go on with the old watermark")
    tap.ok(ticks[2][1]["watermark_lag"] > ticks[1][1]["watermark_lag"], "that gets older")
    tap.equal(views_behind(ticks, ticks[0][0]), {"status"}, "and nothing else changes")
    tap.equal(tower.stop(), 0, "the web half alone stops cleanly too")
    stream.close()


def look_at_no_store(tap):
    """Before there is a store the line is open and says so."""
    tower = Tower(args=["--only", "web"])
    try:
        tower.start(wait=False)
        wait_until(lambda: tower.status_of("/healthz") == 200, "the web half")
        stream = Stream(tower)
        while stream.text.count(": the store says nothing\n") < 2:
            stream.read()
        tap.equal(stream.ticks(), [], "without a store there are comments and no ticks")
        tap.equal(tower.stop(), 0, "which stops cleanly")
        stream.close()
    finally:
        tower.close()


def main():
    with Tap() as tap:
        if Acked is None:
            tap.skip("the stream", "python3-zmq is not installed")
            return
        base = tempfile.mkdtemp(prefix="tw-test-")
        with open(os.path.join(base, "errand.yaml"), "w", encoding="utf-8") as f:
            f.write(WORKFLOW)
        tower = Tower(config=CONFIG % (base, MAX_STREAMS))
        try:
            tower.start()
            stream, number = first_look(tap, tower)
            look_at_changes(tap, tower, stream, number)
            look_at_many(tap, tower, stream)
            look_at_web_alone(tap, tower, look_at_end(tap, tower, stream))
        finally:
            tower.close()
            shutil.rmtree(base, ignore_errors=True)
        look_at_no_store(tap)


if __name__ == "__main__":
    main()
