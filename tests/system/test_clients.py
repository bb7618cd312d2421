#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Clients in other languages, over every tap in every mode: what they sent is in the journey of
its order, acknowledgements come in order, what cannot be read is answered so."""

import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import Tap  # noqa: E402
from tower import ROOT, Tower, wait_until  # noqa: E402

CLIENTS = os.path.join(ROOT, "tests", "system", "clients")
LANGUAGES = {
    "node": ["node", os.path.join(CLIENTS, "publish.mjs")],
    "python": ["/usr/bin/python3", os.path.join(CLIENTS, "publish_client.py")],
}
COUNT = 20


def journey_ids(tower, order):
    """Event ids in the journey of an order; empty while there is none."""
    status, body = tower.request("/api/v1/journeys/order:%s?limit=1000" % order)
    if status != 200:
        return []
    return sorted(event["id"] for event in json.loads(body)["events"])


def check_answers(tap, name, told):
    """Acknowledgements: one for each message, in order; the last one refused with its reason."""
    answers = told["answers"]
    tap.equal([a["ref"] for a in answers], ["r%d" % i for i in range(told["messages"] + 1)],
              name + ": acknowledgements come in the order sent")
    tap.equal({a["status"] for a in answers[:-1]}, {"ok"}, name + ": good messages are ok")
    last = answers[-1]
    tap.equal(last["status"], "quarantined", name + ": a bad event is answered so")
    problem = last["problem"] or {}
    tap.ok("required" in json.dumps(problem), name + ": the problem names the reason", problem)


def check_client(tap, tower, language, way, mode):
    """One client, one tap, one mode."""
    name = "%s over %s, %s" % (language, way, mode)
    order = "%s-%s-%s" % (language[:2].upper(), way.upper(), mode[:3].upper())
    done = subprocess.run(LANGUAGES[language] + [way, mode, str(COUNT), order],
                          env=tower.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=120, check=False)
    if not tap.ok(done.returncode == 0, name + ": the client ends well", done.stderr.decode()):
        return
    told = json.loads(done.stdout)
    wanted = sorted(told["ids"])
    try:
        wait_until(lambda: len(journey_ids(tower, order)) >= len(wanted), "the journey", 20)
    except TimeoutError:
        pass
    tap.equal(journey_ids(tower, order), wanted, name + ": every event is in the journey")
    if told["answers"]:
        check_answers(tap, name, told)


def main():
    with Tap() as tap, Tower() as tower:
        languages = dict(LANGUAGES)
        if not shutil.which("node") or not os.path.isdir(os.path.join(CLIENTS, "node_modules")):
            tap.skip("the Node.js client",
                     "node or its npm packages are not installed: run script/setup")
            del languages["node"]
        acknowledged = 0
        for language in languages:
            for way in ("pull", "sub", "dealer", "req"):
                for mode in ("structured", "batch", "binary"):
                    check_client(tap, tower, language, way, mode)
                    acknowledged += way in ("dealer", "req")
        runs = len(languages) * 4 * 3
        tap.equal(tower.total("events_accepted"), runs * COUNT + acknowledged,
                  "the counter of accepted events is exact")
        tap.equal(tower.total("events_quarantined"), acknowledged,
                  "the counter of quarantined events is exact")
        tap.equal(tower.total("events_duplicate"), 0, "nothing was counted twice")
        tap.equal(tower.stop(), 0, "the tower stops cleanly")


if __name__ == "__main__":
    main()
