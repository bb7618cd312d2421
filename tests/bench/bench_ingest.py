#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""From the socket to the committed, searchable event: the real tower, the sender on the same cores.

Rounds are interleaved: each has a raw SQLite insert, raw ZeroMQ, a computing probe and the parts of
the way one by one (bench_parts) beside the tower's own figure, and only ratios of one round are
compared, since machines drift. Every event is accounted for at the end (accepted = sent), and
journeys are read back.

Environment: BENCH_EVENTS (20000000) events in all with one a message, BENCH_ROUND (2000000) events
a round, BENCH_TRACKING (1; 0: without workflows), BENCH_DIR where the stores are made (the build
directory: a real disk, not memory).
"""

import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from tower import BUILD, Tower, config_with, wait_until  # noqa: E402

EVENTS = int(os.environ.get("BENCH_EVENTS", "20000000"))
TRACKING = os.environ.get("BENCH_TRACKING", "1") != "0"
ROUND = int(os.environ.get("BENCH_ROUND", "2000000"))
RAW = 500_000
FLOW_BLOCK = 512  # events of 64 flows, which are interleaved; those of the last may be incomplete
PARTS = 200_000
LIMITS = os.path.join(BUILD, "tests", "bench", "limits")
BENCH_PARTS = os.path.join(BUILD, "tests", "bench", "bench_parts")
TICK = os.sysconf("SC_CLK_TCK")


def say(name, value, unit):
    """One figure."""
    print(name, ("%.4g" if abs(value) < 1e5 else "%.0f") % value, unit, flush=True)


def figures_of(*command):
    """Run a program that prints `name value unit` lines: {name: value}."""
    out = subprocess.run(list(map(str, command)), check=True, stdout=subprocess.PIPE, text=True)
    return {line.split()[0]: float(line.split()[1]) for line in out.stdout.splitlines()}


def limits(*args):
    """Run the load program; its figures as {name: value}."""
    return figures_of(LIMITS, *args)


def cpu_seconds(pid):
    with open("/proc/%d/stat" % pid, encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def memory_bytes(pid, name="VmHWM"):
    with open("/proc/%d/status" % pid, encoding="ascii") as f:
        for line in f:
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    return 0


def disk_bytes(path):
    return sum(os.path.getsize(os.path.join(path, name)) for name in os.listdir(path))


def accepted(tower):
    return tower.get("/api/v1/status")["totals"]["events_accepted"]


def raw_round(base):
    """The limits of this moment."""
    path = os.path.join(base, "raw.db")
    figures = limits("sqlite", path, RAW)
    figures["raw_sqlite_bytes"] = os.path.getsize(path) / RAW
    for suffix in ("", "-wal", "-shm"):
        if os.path.exists(path + suffix):
            os.unlink(path + suffix)
    figures.update(limits("cpu"))
    return figures


def push_round(tower, first, events, per_message):
    """Send and wait until all are committed: events/s, CPU us an event."""
    before = accepted(tower)
    pid = tower.pid()
    cpu = cpu_seconds(pid)
    start = time.monotonic()
    limits("push", tower.pull, events, per_message, first)
    wait_until(lambda: accepted(tower) >= before + events, "all events committed", 600, 0.05)
    seconds = time.monotonic() - start
    return events / seconds, (cpu_seconds(pid) - cpu) / events * 1e6


def grow(base, per_message, events):
    """Rounds on one growing store. Returns the tower, still running, and the rounds."""
    config = None if TRACKING else config_with(workflows__pack="false")
    tower = Tower(state=os.path.join(base, "tower-%d" % per_message), config=config).start()
    rounds = []
    for first in range(0, events, ROUND):
        raw = raw_round(base)
        zmq = limits("zmq", ROUND // 2, per_message)
        rate, cpu = push_round(tower, first, min(ROUND, events - first), per_message)
        # The load of the parts is one event a message.
        parts = figures_of(BENCH_PARTS, PARTS, 1, base) if per_message == 1 else {}
        rounds.append({**raw, **zmq, **parts, "rate": rate, "cpu": cpu})
        print("# %d events: %.0f events/s, %.2f us CPU; raw SQLite %.0f; probe %.0f"
              % (first + ROUND, rate, cpu, raw["raw_sqlite"], raw["cpu_probe"]), file=sys.stderr)
    return tower, rounds


def report_rounds(rounds, per_message):
    suffix = "" if per_message == 1 else "_%d" % per_message
    say("ingest%s" % suffix, statistics.mean(r["rate"] for r in rounds), "events/s")
    say("ingest%s_raw_sqlite" % suffix, statistics.mean(r["raw_sqlite"] for r in rounds),
        "events/s")
    say("ingest%s_raw_zmq" % suffix,
        statistics.mean(r["raw_zmq_%d" % per_message] for r in rounds), "events/s")
    say("ingest%s_ratio_to_raw_sqlite" % suffix,
        statistics.mean(r["rate"] / r["raw_sqlite"] for r in rounds), "x")
    say("ingest%s_ratio_to_raw_zmq" % suffix,
        statistics.mean(r["rate"] / r["raw_zmq_%d" % per_message] for r in rounds), "x")
    say("ingest%s_cpu" % suffix, statistics.mean(r["cpu"] for r in rounds), "us/event")


def report_parts(rounds):
    """Medians of the rounds; the share is of the CPU that the tower took in the same round."""
    for name in (name for name in rounds[0] if name.startswith("parts_")):
        unit = {"cpu": "ns/event", "wall": "ns/event", "rate": "events/s"}.get(
            name.rsplit("_", 1)[1], "x")
        say(name, statistics.median(r[name] for r in rounds), unit)
    say("parts_share_of_ingest_cpu",
        statistics.median(r["parts_sum_cpu"] / (r["cpu"] * 1e3) for r in rounds), "x")


def visible_latency(tower, first, rate):
    """Time from sending a marked event until its journey is in the API, under a paced load."""
    import zmq  # Debian: python3-zmq
    context = zmq.Context()
    load, mark = context.socket(zmq.PUSH), context.socket(zmq.PUSH)
    load.connect(tower.pull)
    mark.connect(tower.pull)
    stop = threading.Event()
    sent = [0]

    def pace():
        event = ('{"specversion":"1.0","id":"v%d","source":"/bench/paced","type":"t",'
                 '"orderid":"V%d","data":{"pad":"' + "x" * 400 + '"}}')
        start, n = time.monotonic(), 0
        while not stop.is_set():
            due = int((time.monotonic() - start) * rate)
            while n < due:
                many = min(64, due - n)
                load.send_string("[" + ",".join(event % (n + i, (n + i) // 8)
                                                for i in range(many)) + "]")
                n += many
            time.sleep(0.002)
        sent[0] = n

    thread = threading.Thread(target=pace)
    thread.start()
    samples = []
    for i in range(300):
        start = time.monotonic()
        mark.send_string('{"specversion":"1.0","id":"m%d","source":"/bench/mark","type":"t",'
                         '"orderid":"MARK%d"}' % (first + i, first + i))
        wait_until(lambda n=first + i: tower.status_of("/api/v1/journeys/order:MARK%d" % n) == 200,
                   "the marked event", 10, 0.001)
        samples.append((time.monotonic() - start) * 1e3)
    stop.set()
    thread.join()
    context.destroy(linger=10000)
    samples.sort()
    say("visible_rate", sent[0] / max(1e-9, sum(samples) / 1e3), "events/s")
    say("visible_p50", samples[150], "ms")
    say("visible_p99", samples[297], "ms")


def lookups(tower, flows):
    """Journeys of random orders through the API, on one kept connection."""
    import http.client
    host, port = tower.url[7:].split(":")
    connection = http.client.HTTPConnection(host, int(port))
    rng = random.Random(7)

    def read(order):
        start = time.monotonic()
        connection.request("GET", "/api/v1/journeys/order:%010d" % order)
        answer = connection.getresponse()
        body = json.loads(answer.read())
        if answer.status != 200 or len(body["events"]) != 8:
            raise RuntimeError("order %d: %d, %s events" % (order, answer.status,
                                                           len(body.get("events", []))))
        return (time.monotonic() - start) * 1e3

    orders = [rng.randrange(flows) for _ in range(2000)]
    for name in ("first", "warm"):
        times = sorted(read(order) for order in orders)
        say("journey_%s_p50" % name, times[len(times) // 2], "ms")
        say("journey_%s_p99" % name, times[len(times) * 99 // 100], "ms")


def restart(tower):
    """kill -9, start, and the time until an event is acknowledged again."""
    import zmq
    tower.kill()
    context = zmq.Context()
    socket = context.socket(zmq.DEALER)
    socket.setsockopt(zmq.RECONNECT_IVL, 5)
    socket.connect(tower.router)
    socket.send_multipart([b"r", b'{"specversion":"1.0","id":"r","source":"/bench/r","type":"t"}'])
    start = time.monotonic()
    tower.start(wait=False)
    if not socket.poll(60000):
        raise RuntimeError("no acknowledgement after the restart")
    say("restart_to_acknowledging", time.monotonic() - start, "s")
    context.destroy(linger=0)
    tower.wait_ready()


def main():
    base = tempfile.mkdtemp(prefix="bench-ingest-", dir=os.environ.get("BENCH_DIR", BUILD))
    towers = []
    try:
        tower, rounds = grow(base, 1, EVENTS)
        towers.append(tower)
        report_rounds(rounds, 1)
        report_parts(rounds)
        say("ingest_last_against_first_round",
            (rounds[-1]["rate"] / rounds[-1]["raw_sqlite"])
            / (rounds[0]["rate"] / rounds[0]["raw_sqlite"]), "x")
        say("ingest_memory_peak", memory_bytes(tower.pid()) / 2**20, "MiB")
        totals = tower.get("/api/v1/status")["totals"]
        wrong = {k: totals[k] for k in ("events_duplicate", "events_conflict", "events_quarantined")
                 if totals[k] != 0}
        if wrong or totals["events_accepted"] != EVENTS:
            raise RuntimeError("not every event is accounted for: %s" % totals)
        lookups(tower, EVENTS // FLOW_BLOCK * (FLOW_BLOCK // 8))
        acked = limits("acked", tower.router, 100_000, 1000, 10**12)
        for name, unit in (("acked_rate", "events/s"), ("acked_p50", "ms"), ("acked_p99", "ms")):
            say(name, acked[name], unit)
        visible_latency(tower, 0, statistics.mean(r["rate"] for r in rounds) / 2)
        restart(tower)
        tower.stop()
        per_event = disk_bytes(tower.state) / accepted_when_stopped(tower)
        say("disk_bytes_an_event", per_event, "bytes")
        say("disk_against_plain_row", per_event / rounds[0]["raw_sqlite_bytes"], "x")
        tower_16, rounds_16 = grow(base, 16, min(EVENTS, 4 * ROUND))
        towers.append(tower_16)
        report_rounds(rounds_16, 16)
    finally:
        for tower in towers:
            tower.close()
        shutil.rmtree(base, ignore_errors=True)


def accepted_when_stopped(tower):
    tower.start()
    count = accepted(tower)
    tower.stop()
    return count


if __name__ == "__main__":
    main()
