#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the web half says of tracking follows a reload: in the program it is a part of, and where it
runs alone on the same store. A run keeps the definition under which it began."""

import os
import shutil
import signal
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import Tap  # noqa: E402
from tower import Tower, wait_until  # noqa: E402

try:
    from publish import Acked, body, event
except ImportError:
    Acked = None

WORKFLOW = """name: errand
title: %s
owner: tests
object: order
timing: queued
criticality: standard
steps:
  - {name: begun, system: pos, event: com.example.begun}
  - {name: ended, system: erp, event: com.example.ended, failure: com.example.refused, after: begun,
     within: 1h, destination: true}
%s"""
MORE = "  - {name: told, system: crm, event: com.example.told, after: ended, within: 1h}\n"


def write(path, title, more=""):
    """The definition, whole at once."""
    with open(path + ".new", "w", encoding="utf-8") as f:
        f.write(WORKFLOW % (title, more))
    os.rename(path + ".new", path)


def send(tower, number, order, *kinds):
    """Events of one order."""
    sender = Acked(tower.router)
    for i, kind in enumerate(kinds):
        sender.send(body(event("/pos/1", number + i, type="com.example." + kind, orderid=order,
                               transactionid=None)))
    sender.flush()
    sender.close()


def steps_of(tower, order):
    """Names of the steps of the order's run; None while there is none."""
    runs = tower.get("/api/v1/journeys/order:" + order)["runs"]
    return [step["name"] for step in runs[0]["steps"]] if runs else None


def title_of(tower):
    """As the workflow is called now."""
    return tower.get("/api/v1/workflows/errand")["title"]


def check_reload(tap, tower, path):
    """SIGHUP: the next call sees the new set; a listed run keeps its own."""
    send(tower, 1, "A", "begun", "refused")
    wait_until(lambda: tower.get("/api/v1/runs?workflow=errand")["total"] == 1, "the failed run")
    tap.equal(tower.get("/api/v1/runs?state=failed&open=1")["items"][0]["object"], "order:A",
              "a run that failed is listed")
    write(path, "Second", MORE)
    os.kill(tower.pid(), signal.SIGHUP)
    wait_until(lambda: title_of(tower) == "Second", "the new definition")
    tap.equal(len(tower.get("/api/v1/workflows/errand")["steps"]), 3, "a reload reaches the pages")
    send(tower, 11, "B", "begun", "refused")
    wait_until(lambda: tower.get("/api/v1/runs?workflow=errand")["total"] == 2, "the other run")
    tap.equal(steps_of(tower, "A"), ["begun", "ended"], "a listed run keeps its definition")
    tap.equal(steps_of(tower, "B"), ["begun", "ended", "told"],
              "one that begins later has the new one")
    write(path, "Third", "  - {name: broken}\n")
    os.kill(tower.pid(), signal.SIGHUP)
    wait_until(lambda: "reload_refused" in tower.log(), "the refusal")
    tap.equal(title_of(tower), "Second", "a set with a fault changes nothing")


def check_alone(tap, tower, config, path):
    """A web half on the same store."""
    write(path, "Fourth", MORE)
    with Tower(config=config, env={"TILLWATCH_STATE": tower.state},
               args=["--only", "web"]) as web:
        tap.equal(title_of(web), "Fourth", "a web half alone reads the definitions itself")
        tap.equal(web.get("/api/v1/runs?workflow=errand")["total"], 2, "and the runs of the store")
        write(path, "Fifth", MORE)
        os.kill(web.pid(), signal.SIGHUP)
        wait_until(lambda: title_of(web) == "Fifth", "its own reload")
        tap.ok(True, "SIGHUP reaches it, too")
        tap.equal(web.stop(), 0, "it stops cleanly")


def main():
    """One tower with a workflow of its own."""
    with Tap() as tap:
        if Acked is None:
            tap.skip("tracking in the web half", "python3-zmq is not installed")
            return
        base = tempfile.mkdtemp(prefix="tw-test-flows-")
        path = os.path.join(base, "errand.yaml")
        write(path, "First")
        config = "workflows: {pack: false, dirs: [%s]}\n" % base
        try:
            with Tower(config=config) as tower:
                check_reload(tap, tower, path)
                check_alone(tap, tower, config, path)
                tap.equal(tower.stop(), 0, "it stops cleanly")
        finally:
            shutil.rmtree(base)


if __name__ == "__main__":
    main()
