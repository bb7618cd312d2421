#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Dashboards, numbers and pictures of a real tower with the simulator's events and hostile names of
stores: every panel draws in both formats; bounds and errors; one drawing for many; nothing but
gnuplot is started and no file is made, seen by strace. TAP."""

import concurrent.futures
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import time
import xml.dom.minidom

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import Tap  # noqa: E402
from tower import Tower, config_with, program_path, wait_until  # noqa: E402

MARK = "/tmp/tw-plots-hostile-%d" % os.getpid()
HOSTILE = ["`touch %s`" % MARK, "$(touch %s)" % MARK, "EOT", "!touch %s" % MARK,
           "\"; system(\"touch %s\"); \"" % MARK, "</text><script>alert(1)</script>",
           "{/=99 big} @ARG0 ^x_y", "x" * 3000]
BROKEN = """name: mine
panels:
  - {name: good, unit: count, series: [{metric: open_runs}]}
  - {name: bad, unit: count, series: [{metric: open_run}]}
"""


def publish(tower, events):
    """Send events through the PULL tap and wait until they are stored."""
    import zmq  # pylint: disable=import-outside-toplevel
    before = tower.total("events_received")
    with zmq.Context() as context, context.socket(zmq.PUSH) as push:
        push.setsockopt(zmq.LINGER, 10000)
        push.connect(tower.pull)
        for made in events:
            push.send(json.dumps(made).encode())
        wait_until(lambda: tower.total("events_received") >= before + len(events), "the events")


def sale(store, number):
    """A sale that nobody takes any further: it waits."""
    return {"specversion": "1.0", "id": "h%d" % number, "source": "/pos/hostile/%d" % number,
            "type": "com.tillwatch.pos.sale.completed", "system": "pos",
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "transactionid": "h%d" % number, "storeid": store}


def check_panels(tap, tower):
    """Every panel of every dashboard has numbers and two pictures."""
    wrong = []
    values = {"workflow": "sale-posting", "objective": "sale-posted-in-time", "step": "posted",
              "system": "erp", "store": "0001"}
    for dashboard in tower.get("/api/v1/dashboards")["items"]:
        for panel in tower.get("/api/v1/dashboards/" + dashboard["dashboard"])["panels"]:
            if panel["fault"]:
                continue
            query = "&".join("%s=%s" % (p, values[p]) for p in panel["parameters"])
            numbers = tower.get("/api/v1/series?panel=%s&since=-10m&%s" % (panel["panel"], query))
            if panel["kind"] == "table":
                if any(len(row["v"]) != len(numbers["columns"]) for row in numbers["rows"]):
                    wrong.append("%s: rows and columns differ" % panel["panel"])
                continue
            area = numbers["plot"]
            if not (0 < area["left"] < area["right"] < 1 and 0 < area["top"] < area["bottom"] < 1):
                wrong.append("%s: plot %s" % (panel["panel"], area))
            if any(len(s["v"]) != len(numbers["t"]) for s in numbers["series"]):
                wrong.append("%s: series and times differ" % panel["panel"])
            for ending in ("svg?theme=dark", "png?theme=light"):
                path = "/plots/%s.%s&since=-10m&%s" % (panel["panel"], ending, query)
                status, body = tower.request(path)
                if status != 200 or not is_picture(body, 800, 240):
                    wrong.append("%s: %d %s" % (path, status, body[:200]))
    tap.ok(not wrong, "every panel has numbers and draws as SVG and PNG", "\n".join(wrong))


def is_picture(body, width, height):
    """A whole PNG or SVG of this size, without script."""
    if body.startswith(b"\x89PNG"):
        return struct.unpack(">II", body[16:24]) == (width, height) and b"IEND" in body[-12:]
    root = xml.dom.minidom.parseString(body).documentElement
    return (root.getAttribute("width") == str(width) and not root.getElementsByTagName("script")
            and root.getAttribute("height") == str(height))


def check_bounds(tap, tower):
    """Each bound at its edge, each error with its name."""
    rows = [("width=40&height=16", 200), ("width=4000&height=2000", 200), ("width=39", 400),
            ("width=4001", 400), ("height=15", 400), ("height=2001", 400), ("theme=red", 400),
            ("tz=Europe/Berlin", 200), ("tz=%2B02:00", 200), ("tz=Nowhere/Here", 400),
            ("since=-60s", 200), ("since=-59s", 400), ("since=-400d", 200), ("since=-401d", 400),
            ("workflow=sale-posting", 400), ("colour=1", 400)]
    wrong = []
    for query, wanted in rows:
        status, body = tower.request("/plots/overview.open.svg?" + query)
        if status != wanted:
            wrong.append("%s: %d %s" % (query, status, body[:200]))
    for path, wanted, words in [
            ("overview.none.svg", 404, b"there is no panel"), ("overview.open.gif", 404, b".png"),
            ("overview.open", 404, b".svg"), ("workflow.lag.svg", 400, b"'workflow' is missing"),
            ("workflow.lag.svg?workflow=none", 400, b"there is no workflow"),
            ("workflow.lag.svg?workflow=sale-posting&step=none", 400, b"there is no step"),
            ("objective.burn.svg?objective=none", 400, b"there is no objective"),
            ("mine.bad.svg", 422, b"mine.yaml:4: series.metric: there is no series")]:
        status, body = tower.request("/plots/" + path)
        if status != wanted or words not in body:
            wrong.append("%s: %d %s" % (path, status, body[:300]))
    tap.ok(not wrong, "bounds hold at their edge, errors say what is wrong", "\n".join(wrong))


def check_sharing(tap, tower):
    """Forty who ask at once get the same bytes; a known tag gets 304."""
    path = "/plots/overview.arrived.svg?since=-7m&width=777"
    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda _: tower.request(path), range(40)))
    bodies = {body for _, body in answers}
    tap.ok(all(status == 200 for status, _ in answers) and len(bodies) <= 2,
           "forty who ask at once get one picture (or two, over a change of the time)",
           "%d different" % len(bodies))
    found = subprocess.run(["curl", "-s", "-D-", "-o/dev/null", tower.url + path],
                           stdout=subprocess.PIPE, check=True).stdout.decode()
    tag = re.search(r"(?im)^etag: (\S+)", found).group(1)
    status, _ = tower.request(path, headers={"If-None-Match": tag})
    tap.ok(status in (200, 304) and "private, max-age=5" in found, "a picture has a tag", found)


def check_hostile(tap, tower):
    """Names of stores that are commands, markup or endless reach a picture and do nothing."""
    def shown():
        numbers = tower.get("/api/v1/series?panel=stores.waiting&since=-10m")
        return len(numbers["series"]) >= 8 and numbers
    numbers = wait_until(shown, "points of the hostile stores", 150, 1)
    names = [s["title"] for s in numbers["series"]]
    tap.ok(any("touch" in name for name in names), "hostile names are among the lines", repr(names))
    wrong = []
    for panel in ("stores.waiting", "stores.late", "stores.failed"):
        for ending in ("svg", "png"):
            status, body = tower.request("/plots/%s.%s?since=-9m" % (panel, ending))
            if status != 200 or not is_picture(body, 800, 240) or b"<script" in body:
                wrong.append("%s.%s: %d %s" % (panel, ending, status, body[:200]))
    tap.ok(not wrong, "and they are drawn", "\n".join(wrong))
    tap.ok(not os.path.exists(MARK), "no command of a name was carried out")


def check_trace(tap, trace):
    """What the processes did: gnuplot was started, nothing else, and it made no file."""
    with open(trace, encoding="utf-8", errors="replace") as f:
        lines = f.read().splitlines()
    started = [line for line in lines if "execve(" in line and "= 0" in line]
    others = [line for line in started if "gnuplot" not in line.split("[")[0]
              and "tillwatch" not in line.split("[")[0]]
    plots = {line.split()[0] for line in started if "gnuplot" in line.split("[")[0]}
    made = [line for line in lines if line.split()[0] in plots
            and re.search(r"O_CREAT|O_WRONLY|O_RDWR|mkdir|unlink|rename|socket\(", line)
            and "/dev/null" not in line]
    tap.ok(plots and not others, "gnuplot is started and nothing else", "\n".join(others[:10]))
    tap.ok(not made, "gnuplot opens nothing to write, and no socket", "\n".join(made[:10]))


def main():
    with Tap() as tap, tempfile.TemporaryDirectory() as work:
        trace = os.path.join(work, "trace")
        boards = os.path.join(work, "boards")
        os.mkdir(boards)
        with open(os.path.join(boards, "mine.yaml"), "w", encoding="utf-8") as f:
            f.write(BROKEN)
        config = re.sub(r"(?m)^dashboards:\n(?: .*\n)+", "", config_with())
        config += "dashboards: {dirs: %s}\n" % boards
        tower = Tower(config=config, wrapper=[
            "strace", "-f", "-qq", "-o", trace, "--seccomp-bpf",
            "-e", "trace=execve,mkdir,unlink,rename,socket,openat"])
        try:
            tower.start()
            publish(tower, [sale(store, n) for n, store in enumerate(HOSTILE * 2)])
            subprocess.run([program_path("retail-sim"), "--stores", "4", "--rate", "100",
                            "--duration", "15", "--seed", "5"], env=tower.environment(),
                           check=True, stdout=subprocess.DEVNULL)
            mine = tower.get("/api/v1/dashboards/mine")["panels"]
            tap.ok([p["fault"] is None for p in mine] == [True, False],
                   "a faulty panel says so, the one beside it works", repr(mine))
            check_panels(tap, tower)
            check_bounds(tap, tower)
            check_sharing(tap, tower)
            check_hostile(tap, tower)
            shown = subprocess.run(
                [program_path(), "plot", "workflow.throughput", "--workflow", "sale-posting",
                 "--since", "10m", "--width", "80"], env=tower.environment(),
                stdout=subprocess.PIPE, check=False)
            tap.ok(shown.returncode == 0 and b"* arrived" in shown.stdout,
                   "tillwatch plot shows it in a terminal", shown.stdout.decode())
            tap.ok(tower.stop() == 0, "the tower ends cleanly", tower.log()[-2000:])
        finally:
            tower.close()
        check_trace(tap, trace)


if __name__ == "__main__":
    main()
