#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The web half under load: requests a second and their times while events come in, beside a bare
libmicrohttpd that gives as many bytes, in the same round; clients of the stream; what the first
page takes, and when it can be used; what an open page costs.

Everything runs on the cores of one machine: sender, collector, web half and the one who asks. So
the bare handler, measured in the same rounds with the same sender, is the limit to compare with.

Environment: BENCH_RATE (20000) events a second, BENCH_SECONDS (10) of each measurement,
BENCH_ROUNDS (5), BENCH_CLIENTS (200) of the stream, BENCH_DIR where the store is made (the build
directory: a real disk, not memory).
"""

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from tower import BUILD, Tower, rss_bytes, wait_until  # noqa: E402

RATE = int(os.environ.get("BENCH_RATE", "20000"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "10"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
CLIENTS = int(os.environ.get("BENCH_CLIENTS", "200"))
CONNECTIONS = 16
THREADS = 4  # of the web half and of the bare handler
FIRST = 100_000  # events there before anything is measured
JOURNEYS = 200  # that are asked for in turn
PROGRAMS = os.path.join(BUILD, "tests", "bench")
CONFIG = ("web:\n  threads: %d\n  max-streams: %d\n  max-connections: %d\n"
          "  max-connections-per-ip: %d\n" % (THREADS, CLIENTS, CLIENTS + 100, CLIENTS + 100))


def say(name, value, unit):
    """One figure."""
    print(name, ("%.4g" if abs(value) < 1e5 else "%.0f") % value, unit, flush=True)


def load(*args):
    """Run http_load: {name: value}."""
    out = subprocess.run([os.path.join(PROGRAMS, "http_load"), *map(str, args)], check=True,
                         stdout=subprocess.PIPE, text=True).stdout
    return {line.split()[0]: float(line.split()[1]) for line in out.splitlines()}


def cpu_seconds(pid):
    """User and system time of a process."""
    with open("/proc/%d/stat" % pid, encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def limits(tower, *args):
    """The sender of the ingest benchmark."""
    return subprocess.Popen([os.path.join(PROGRAMS, "limits"), args[0], tower.pull,
                             *map(str, args[1:])], stdout=subprocess.DEVNULL)


class Paced:
    """RATE events a second while the block runs; how many were committed."""

    next = FIRST

    def __init__(self, tower, seconds):
        self.tower = tower
        self.seconds = seconds

    def __enter__(self):
        self.before = self.tower.total("events_accepted")
        self.begun = time.monotonic()
        self.sender = limits(self.tower, "paced", RATE, self.seconds, Paced.next)
        Paced.next += int(RATE * self.seconds) + RATE
        return self

    def __exit__(self, *_):
        self.rate = ((self.tower.total("events_accepted") - self.before) /
                     (time.monotonic() - self.begun))
        if self.sender.poll() is None:
            self.sender.terminate()
        self.sender.wait()


def bare_beside(size, seconds):
    """A bare handler of that many bytes."""
    program = subprocess.Popen([os.path.join(PROGRAMS, "bare_http"), str(THREADS), str(int(size))],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                               start_new_session=True)  # as a tower: the kernel shares by session
    try:
        return load("get", int(program.stdout.readline()), CONNECTIONS, seconds, "/")
    finally:
        program.stdin.close()
        program.wait()


def measure(tower, name, paths):
    """Rounds of the tower and the bare handler, the sender beside both."""
    port = tower.url.rsplit(":", 1)[1]
    ours, bare, rates = [], [], []
    for _ in range(ROUNDS):
        with Paced(tower, SECONDS * 2 + 5) as paced:
            ours.append(load("get", port, CONNECTIONS, SECONDS, *paths))
            bare.append(bare_beside(ours[-1]["bytes"], SECONDS))
        rates.append(paced.rate)
        print("# %s: %s, bare %s, %.0f events/s" % (name, ours[-1], bare[-1], rates[-1]),
              file=sys.stderr)
    say("web_%s_bytes" % name, statistics.median(r["bytes"] for r in ours), "bytes")
    for figure, unit in (("rate", "1/s"), ("p50", "ms"), ("p99", "ms")):
        say("web_%s_%s" % (name, figure), statistics.median(r[figure] for r in ours), unit)
        say("web_%s_bare_%s" % (name, figure), statistics.median(r[figure] for r in bare), unit)
    say("web_%s_ratio_to_bare" % name,
        statistics.median(o["rate"] / b["rate"] for o, b in zip(ours, bare)), "x")
    say("web_%s_events" % name, statistics.median(rates), "events/s")


def spent(tower, seconds, clients):
    """Processor time (cores) and growth (bytes) of the tower over `seconds`, with that many clients
    of the stream; and what they say of its ticks."""
    pid = tower.pid()
    before, memory, begun = cpu_seconds(pid), rss_bytes(pid), time.monotonic()
    asker = None
    if clients > 0:
        asker = subprocess.Popen([os.path.join(PROGRAMS, "http_load"), "stream",
                                  tower.url.rsplit(":", 1)[1], str(clients), str(seconds + 1)],
                                 stdout=subprocess.PIPE, text=True)
    time.sleep(seconds)  # the clients stay a second longer: their memory is seen
    cores = (cpu_seconds(pid) - before) / (time.monotonic() - begun)
    grown = rss_bytes(pid) - memory
    said = {}
    if asker is not None:
        lines = asker.communicate()[0].splitlines()
        said = {line.split()[0]: float(line.split()[1]) for line in lines}
        if asker.returncode != 0:
            raise RuntimeError("a stream was ended")
    return cores, grown, said


def streams(tower):
    """The tower with and without clients of the stream, in turn: while events come in, and idle."""
    idle = [(spent(tower, SECONDS, 0), spent(tower, SECONDS, CLIENTS)) for _ in range(ROUNDS)]
    say("web_stream_cpu_client",
        statistics.median(row[1][0] - row[0][0] for row in idle) / CLIENTS * 1e6, "us/s")
    # What was freed is kept for the next: the first clients tell.
    say("web_stream_memory_more", idle[0][1][1] / 2**20, "MiB")
    rows = []
    with Paced(tower, (SECONDS * 2 + 4) * ROUNDS):
        for _ in range(ROUNDS):
            rows.append((spent(tower, SECONDS, 0), spent(tower, SECONDS, CLIENTS)))
    say("web_stream_clients", CLIENTS, "clients")
    for figure, unit in (("rate", "1/s"), ("p50", "ms"), ("p99", "ms")):
        say("web_stream_%s" % {"rate": "ticks"}.get(figure, "late_" + figure),
            statistics.median(row[1][2][figure] for row in rows), unit)
    say("web_stream_cpu_without", statistics.median(row[0][0] for row in rows), "cores")
    say("web_stream_cpu_with", statistics.median(row[1][0] for row in rows), "cores")


def first_page(tower):
    """What a browser asks for before the overview stands: the page, its styles, and every script
    that one of them names; packed, with its header lines."""
    import http.client
    host, port = tower.url[7:].split(":")
    connection = http.client.HTTPConnection(host, int(port))
    waiting, seen, total = ["/"], set(), 0
    begun = time.monotonic()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        connection.request("GET", path, headers={"Accept-Encoding": "gzip"})
        answer = connection.getresponse()
        body = answer.read()
        total += len(body) + sum(len(k) + len(v) + 4 for k, v in answer.getheaders())
        if answer.status != 200:
            raise RuntimeError("%s: %d" % (path, answer.status))
        text = tower.request(path)[1].decode()
        if path == "/":
            waiting += re.findall(r'(?:src|href)="(/ui/[^"]+)"', text)
            waiting += ["/ui/pages/overview.js", "/api/v1/overview"]
        elif path.endswith(".js"):
            for name in re.findall(r'(?:from|^import) "(\.[^"]+)"', text, re.M):
                waiting.append(os.path.normpath(os.path.join(os.path.dirname(path), name)))
    say("web_first_page_requests", len(seen), "requests")
    say("web_first_page_bytes", total, "bytes")
    print("# first page: %s in %.3f s" % (sorted(seen), time.monotonic() - begun), file=sys.stderr)


def first_use(tower):
    """The same in a browser, with an empty cache each time: until it can be used."""
    program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "first_page.mjs")
    done = subprocess.run([program, tower.url + "/", str(ROUNDS * 2)], check=False,
                          stdout=subprocess.PIPE, text=True)
    if done.returncode == 77:
        print("# first page: no browser", file=sys.stderr)
        return
    if done.returncode != 0:
        raise RuntimeError("first_page.mjs failed")
    rows = [[float(word) for word in line.split()] for line in done.stdout.splitlines()]
    say("web_first_page_usable", statistics.median(row[0] for row in rows), "ms")
    say("web_first_page_usable_max", max(row[0] for row in rows), "ms")
    say("web_first_page_transferred", statistics.median(row[1] for row in rows), "bytes")


def viewer(tower):
    """Processor time of what an open overview asks for each second, while nothing comes in: of one
    answer that is kept, on a connection that is kept."""
    port = tower.url.rsplit(":", 1)[1]
    pid = tower.pid()
    for name, path in (("overview", "/api/v1/overview"),
                       ("workflows", "/api/v1/workflows?limit=1000"),
                       ("objectives", "/api/v1/objectives?limit=1000")):
        costs = []
        for _ in range(ROUNDS):
            before = cpu_seconds(pid)
            result = load("get", port, CONNECTIONS, SECONDS / 4, path)
            costs.append((cpu_seconds(pid) - before) / (result["rate"] * SECONDS / 4))
        say("web_viewer_cpu_%s" % name, statistics.median(costs) * 1e6, "us")


def metric(tower, name):
    """One counter of /metrics."""
    found = re.search(r"^%s (\d+)$" % name, tower.request("/metrics")[1].decode(), re.M)
    return int(found.group(1))


def main():
    base = tempfile.mkdtemp(prefix="bench-web-", dir=os.environ.get("BENCH_DIR", BUILD))
    tower = Tower(state=base, config=CONFIG)
    try:
        tower.start()
        limits(tower, "push", FIRST, 64, 0).wait()
        wait_until(lambda: tower.total("events_accepted") >= FIRST, "the first events", 300)
        first_page(tower)
        first_use(tower)
        viewer(tower)
        made = metric(tower, "tillwatch_answers_made_total")
        given = metric(tower, "tillwatch_answers_kept_total")
        measure(tower, "overview", ["/api/v1/overview"])
        made = metric(tower, "tillwatch_answers_made_total") - made
        given = metric(tower, "tillwatch_answers_kept_total") - given
        say("web_overview_renderings", made / (made + given) * 1e3, "/1000")
        step = FIRST // 8 // JOURNEYS
        measure(tower, "journey", ["/api/v1/journeys/order:%010d" % (i * step)
                                   for i in range(JOURNEYS)])
        streams(tower)
        if tower.stop() != 0:
            raise RuntimeError("the tower did not stop cleanly")
    finally:
        tower.close()
        shutil.rmtree(base, ignore_errors=True)


if __name__ == "__main__":
    main()
