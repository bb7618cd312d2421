#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Rules for causes over the running program: decided at intake and kept, files read again, the
operators' own rules, tried on the past, put in force, refused when they collide. TAP."""

import json
import os
import signal

from publish import Acked, body, event
from tap import Tap
from tower import Tower, wait_until

OWN = {"name": "lock", "when": {"message": ["*frobnicated*"]}, "cause": "conflict",
       "label": "frobnicated"}


class Sender:
    """Failures, each with what is known of it; `last`: the number of the newest record."""

    def __init__(self, tower):
        self.tower = tower
        self.client = Acked(tower.router)
        self.count = 0

    def fail(self, **more):
        """One failure, committed; its record's number."""
        self.count += 1
        what = {"outcome": "failed", **more}
        self.client.send(body(event("/erp/posting", self.count, **what)))
        self.client.flush()
        return self.tower.get("/api/v1/status")["last_n"]


def cause(tower, n):
    """The cause of record n, as the API tells it."""
    return tower.get("/api/v1/events/%d" % n)["error"]["cause"]


def problem(answer):
    """(status, the end of the problem's type, its detail)"""
    status, raw = answer
    told = json.loads(raw)
    return status, told["type"].rpartition(":")[2], told["detail"]


def put(tower, rules, version, reason="because"):
    """PUT the operators' rules; (status, answer)."""
    status, raw = tower.request("/api/v1/causes", method="PUT",
                                body={"rules": rules, "version": version, "reason": reason})
    return status, json.loads(raw)


def finish(tower, request):
    """The request once the collector has carried it out."""
    return wait_until(lambda: (lambda r: r if r["state"] != "waiting" else None)(
        tower.get("/api/v1/requests/%d" % request)), "the request")


def check_decided(tap, tower, sender):
    """The retail set, errorclass, unknown; what does not fail has no cause."""
    tap.equal(cause(tower, sender.fail(errorcode="HTTP 503")), "unavailable",
              "a status in the code decides")
    tap.equal(cause(tower, sender.fail(errormessage="Material 7 is locked by user X")), "conflict",
              "a message decides")
    tap.equal(cause(tower, sender.fail(errormessage="Read timed out", httpstatus="409")),
              "timeout", "what is said in words comes before a status")
    tap.equal(cause(tower, sender.fail(errormessage="strange", httpstatus=429)), "throttled",
              "the attribute httpstatus decides")
    tap.equal(cause(tower, sender.fail(errormessage="Read timed out", errorclass="rejected")),
              "rejected", "an event that names its cause keeps it")
    tap.equal(cause(tower, sender.fail(errormessage="is frobnicated", errorclass="Oops")),
              "unknown", "what nothing takes is unknown")
    tap.equal(cause(tower, sender.fail(outcome="retrying", errorcode="504")), "timeout",
              "an attempt under way has a cause, too")
    n = sender.fail(outcome="ok")
    tap.equal(tower.get("/api/v1/events/%d" % n)["error"], None, "what went well has none")
    rules = tower.get("/api/v1/causes")
    matched = {r["name"]: r["matched"] for r in rules["items"]}
    names = ["http-unavailable", "erp-document-locked", "http-rejected", "connection-timeout"]
    tap.equal([matched[name] for name in names], [1, 1, 0, 2], "rules tell how many they took")
    tap.equal((rules["operators"], rules["version"], rules["file_version"]), (0, None, None),
              "there are no rules of operators to begin with")


def run_causes(tower):
    """The cause of the failed sale, as the list of runs and as its journey has it."""
    rows = wait_until(lambda: tower.get("/api/v1/runs?workflow=sale-posting&state=failed")["items"],
                      "the run")
    journey = tower.get("/api/v1/journeys/transaction:0042/S77")
    run = [r for r in journey["runs"] if r["workflow"] == "sale-posting"][0]
    steps = [s["cause"] for s in run["steps"] if s["cause"] is not None]
    return rows[0]["cause"], steps


def check_runs(tap, tower):
    """The tracker and journeys take the same, also after a kill, whatever the rules are then."""
    sender = Acked(tower.router)
    for number, kind in enumerate(["pos.sale.completed", "middleware.sale.received",
                                   "erp.sale.rejected"]):
        system = kind.split(".", maxsplit=1)[0]
        sender.send(body(event("/%s/main" % system, 7000 + number, transactionid="S77",
                               type="com.tillwatch." + kind,
                               **({"errormessage": "Read timed out"} if number == 2 else {}))))
    sender.flush()
    sender.close()
    tap.equal(run_causes(tower), ("timeout", ["timeout"]),
              "a step's failure event needs no outcome; runs and journeys have its cause")
    own = os.path.join(tower.state, "causes.yaml")
    tower.kill()
    with open(own, "w", encoding="utf-8") as f:
        f.write("rules:\n- {name: all, when: {message: '*'}, cause: auth, label: all}\n")
    tower.start()
    tap.equal(run_causes(tower), ("timeout", ["timeout"]),
              "after a kill and under other rules they have the same")
    tower.stop()
    os.unlink(own)
    tower.start()


def check_preview(tap, tower):
    """What a rule would do to the past."""
    status, raw = tower.request("/api/v1/causes/test", body={"rules": [OWN]})
    told = json.loads(raw)
    rule = told["rules"][0]
    tap.equal((status, rule["takes"], rule["moves"], told["moves"]), (200, 1, 1, 1),
              "a preview counts what the rule would take")
    tap.equal(rule["from"], [{"cause": "unknown", "label": "", "count": 1}],
              "and says from which cause and label")
    example = rule["examples"][0]
    tap.equal((example["message"], example["class"], example["system"], example["cause"]),
              ("is frobnicated", "Oops", "erp", "unknown"), "and shows an example")
    looked = told["looked"]
    tap.equal((looked["events"], looked["failures"], looked["complete"], looked["stopped_by"]),
              (8, 7, True, None), "and how far it looked")
    wide = {**OWN, "when": {"system": "erp"}}
    told = json.loads(tower.request("/api/v1/causes/test", body={"rules": [OWN, wide | {
        "name": "wide"}]})[1])
    tap.equal([r["takes"] for r in told["rules"]], [1, 6], "rules are asked in order")
    tap.equal(told["rules"][1]["from_others"] + sum(f["count"] for f in told["rules"][1]["from"]),
              told["rules"][1]["moves"], "what moves away is told whole")
    bad = [{**OWN, "cause": "x"}, {**OWN, "name": "B"}]
    status, kind, detail = problem(tower.request("/api/v1/causes/test", body={"rules": bad}))
    tap.ok(status == 422 and kind == "faulty-rules" and "rule 1: rules.cause" in detail
           and "rule 2: rules.name" in detail, "faults are told with their rule", detail)
    for wrong in [{}, {"rules": {}}, {"rules": [], "more": 1}, []]:
        tap.equal(problem(tower.request("/api/v1/causes/test", body=wrong))[:2],
                  (400, "bad-body"), "refused: %s" % json.dumps(wrong))


def check_operators(tap, tower, sender):
    """Put in force, decided by, kept over a restart; the past stays."""
    before = sender.fail(errormessage="is frobnicated")
    status, told = put(tower, [OWN], None)
    tap.equal((status, told["state"]), (202, "waiting"), "rules are handed to the collector")
    done = finish(tower, told["request"])
    tap.equal((done["state"], done["result"]["rules"], done["body"]["reason"]),
              ("done", 1, "because"), "which writes them, and keeps the reason")
    version = done["result"]["version"]
    wait_until(lambda: tower.get("/api/v1/causes")["version"] == version, "the rules in force")
    rules = tower.get("/api/v1/causes")
    tap.equal((rules["items"][0]["name"], rules["items"][0]["origin"], rules["operators"]),
              ("lock", "operators", 1), "they are asked first")
    after = sender.fail(errormessage="is frobnicated")
    tap.equal((cause(tower, before), cause(tower, after)), ("unknown", "conflict"),
              "what comes is decided by them, what came stays as it was")
    status, told = put(tower, [], None)
    tap.equal((status, told["type"].rpartition(":")[2]), (409, "changed-since"),
              "rules made from an older version are refused")
    status, told = put(tower, [{**OWN, "label": ""}], version)
    tap.equal((status, told["type"].rpartition(":")[2]), (422, "faulty-rules"),
              "and faulty ones")
    for wrong in ["", "x" * 501]:
        tap.equal(put(tower, [OWN], version, wrong)[0], 400, "a reason is needed, and bounded")
    # Two from one version: the second loses, whichever of the two looks at the file.
    first, second = put(tower, [OWN, {**OWN, "name": "b"}], version), put(tower, [], version)
    states = [finish(tower, first[1]["request"])["state"]]
    if second[0] == 202:
        lost = finish(tower, second[1]["request"])
        states.append(lost["state"])
        tap.ok("somebody else" in lost["result"]["error"], "the loser is told why", lost)
    else:
        states.append("failed")
        tap.equal(second[0], 409, "the loser is told why")
    tap.equal(states, ["done", "failed"], "of two changes of one version one is made")
    tower.stop()
    tower.start()
    tap.equal((cause(tower, before), cause(tower, after)), ("unknown", "conflict"),
              "a restart changes no cause")
    tap.equal(tower.get("/api/v1/causes")["operators"], 2, "and keeps the rules")


def check_files(tap, tower, sender, rules):
    """Files of the configuration at SIGHUP; the operators' file by itself."""
    def hup(text, said):
        with open(os.path.join(rules, "a.yaml"), "w", encoding="utf-8") as f:
            f.write(text)
        seen = tower.log().count(said)
        tower.process.send_signal(signal.SIGHUP)
        wait_until(lambda: tower.log().count(said) > seen, said)

    rule = "rules:\n- {name: f, when: {code: Q-7}, cause: contract, label: q}\n"
    hup(rule, " reloaded ")
    tap.equal(cause(tower, sender.fail(errorcode="Q-7")), "contract", "SIGHUP reads files again")
    hup("rules:\n- {name: f, when: {code: Q-7}, cause: sun, label: q}\n", "reload_refused")
    tap.ok("a.yaml:2: rules.cause" in tower.log(), "a fault is told with file and line")
    tap.equal(cause(tower, sender.fail(errorcode="Q-7")), "contract", "and the old rules stay")
    done = os.popen("'%s' check -c '%s' 2>&1" % (tower.program, tower.config_path)).read()
    tap.ok("a.yaml:2: rules.cause" in done, "so does check", done)
    hup(rule, " reloaded ")
    own = os.path.join(tower.state, "causes.yaml")
    with open(own, "w", encoding="utf-8") as f:
        f.write("rules:\n- {name: hand, when: {code: Q-7}, cause: auth, label: by hand}\n")
    wait_until(lambda: tower.get("/api/v1/causes")["items"][0]["name"] == "hand", "the rule")
    tap.equal(cause(tower, sender.fail(errorcode="Q-7")), "auth", "an edited file counts soon")
    with open(own, "w", encoding="utf-8") as f:
        f.write("rules: 5\n")
    wait_until(lambda: "causes.yaml:1: rules: a list" in tower.log(), "the fault")
    told = tower.get("/api/v1/causes")
    tap.ok(told["items"][0]["name"] == "hand" and told["version"] != told["file_version"],
           "a faulty one is refused, and that can be seen")
    tap.equal(tower.stop(), 0, "it stops")
    tower.start(wait=False)
    tap.equal(tower.wait(), 1, "and does not start with a faulty file")
    os.unlink(own)
    tower.start()
    tap.equal(tower.get("/api/v1/causes")["items"][0]["name"], "f", "but without one")


def main():
    with Tap() as tap:
        tower = Tower(config="")
        rules = os.path.join(tower.base, "rules")
        os.mkdir(rules)
        with open(tower.config_path, "w", encoding="utf-8") as f:
            f.write("causes: {dirs: [rules]}\n")
        with tower:
            sender = Sender(tower)
            check_decided(tap, tower, sender)
            check_preview(tap, tower)
            check_operators(tap, tower, sender)
            check_files(tap, tower, sender, rules)
            check_runs(tap, tower)


if __name__ == "__main__":
    main()
