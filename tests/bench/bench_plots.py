#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The web half under load, beside a simulator that sends. Prints "name value unit".
Plots: per second when each is another picture (cold) and when all are the same (cached)."""

import concurrent.futures
import http.client
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
from tower import Tower, program_path, wait_until  # noqa: E402

CLIENTS = 8
COLD = 300
CACHED = 8000


def ask_all(host, paths):
    """Ask for each path, over one connection; the seconds of each."""
    connection = http.client.HTTPConnection(host, timeout=60)
    times = []
    for path in paths:
        begin = time.monotonic()
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError("%s: %d %s" % (path, answer.status, body[:200]))
        times.append(time.monotonic() - begin)
    connection.close()
    return times


def figure(tower, name, paths):
    """Plots per second and the slowest hundredth."""
    host = tower.url.split("//")[1]
    begin = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        parts = [paths[i::CLIENTS] for i in range(CLIENTS)]
        times = sorted(sum(pool.map(lambda part: ask_all(host, part), parts), []))
    seconds = time.monotonic() - begin
    print("plots_%s %.1f plots/s" % (name, len(paths) / seconds))
    print("plots_%s_p50 %.2f ms" % (name, times[len(times) // 2] * 1e3))
    print("plots_%s_p99 %.2f ms" % (name, times[len(times) * 99 // 100] * 1e3), flush=True)


def plots(tower):
    """With an hour of points of one workflow."""
    base = "/plots/workflow.throughput.%s?workflow=sale-posting&since=-1h&until=%s&width=%d"
    until = time.strftime("%Y-%m-%dT%H:%M:00Z", time.gmtime())  # the same picture for a while
    for ending in ("svg", "png"):
        figure(tower, "cold_" + ending, [base % (ending, until, 400 + n) for n in range(COLD)])
    ask_all(tower.url.split("//")[1], [base % ("svg", until, 800)])
    figure(tower, "cached_svg", [base % ("svg", until, 800)] * CACHED)


def main():
    with Tower() as tower:
        subprocess.run([program_path("retail-sim"), "--stores", "20", "--rate", "500",
                        "--duration", "40", "--seed", "3"], env=tower.environment(), check=True,
                       stdout=subprocess.DEVNULL)
        wait_until(lambda: tower.get("/api/v1/series?metric=runs_started&since=-5m")["series"],
                   "series")
        plots(tower)


if __name__ == "__main__":
    main()
