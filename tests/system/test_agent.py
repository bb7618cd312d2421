#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Replay agents: the examples in C and in Python and the simulated estate, held against the
protocol; what is left of one effect when either side is killed; the page is true."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from agent_check import Effects, FakeTower  # noqa: E402
from compare_ledger import Api, Ledger, compare  # noqa: E402
from tap import Tap  # noqa: E402
from tower import ROOT, Tower, program_path  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = "/usr/bin/python3"
CHECK = os.path.join(HERE, "agent_check.py")
PATIENCE = 60
EXAMPLE = program_path("client/example_agent")
SIMULATOR = program_path("retail-sim")
PYTHON_AGENT = os.path.join(HERE, "clients", "agent.py")
# The destination: an effect for each key, once; ENTERED says that it was called.
COMMAND = """#!/bin/sh
cat >"$STATE/event.$$"
echo "$2" >>"$STATE/entered"
while [ -e "$STATE/hold" ]; do sleep 0.02; done
[ ! -e "$STATE/refuse" ] || exit 3
mkdir "$STATE/key-$2" 2>/dev/null && echo "$2" >>"$STATE/effects"
exit 0
"""


def lines(path):
    """Lines of a file; none while there is no file."""
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as f:
        return f.read().split("\n")[:-1]


def check_all(tap):
    """Every agent of ours against the protocol, side by side."""
    agents = {
        "C": [EXAMPLE, "{tower}", "mw-1", "erp,loyalty", "push", "{effects}"],
        "Python": [PYTHON, PYTHON_AGENT, "{tower}", "mw-1", "erp,loyalty", "{effects}"],
        "retail-sim": [SIMULATOR, "--agent-only", "--tap", "pull", "--stores", "5"],
    }
    running = {name: subprocess.Popen([PYTHON, CHECK, "--"] + command, stdout=subprocess.PIPE)
               for name, command in agents.items()}
    for name, process in running.items():
        try:
            said = process.communicate(timeout=240)[0].decode().split("\n")
        except subprocess.TimeoutExpired:
            process.kill()
            said = ["not ok 0 - it ends in time"]
        cases = [line for line in said if line.startswith(("ok ", "not ok "))]
        tap.ok(len(cases) > 30 and "SKIP" not in "".join(cases),
               "agent %s: every case is looked at" % name, "\n".join(said))
        for case in cases:
            tap.ok(case.startswith("ok "),
                   "agent %s: %s" % (name, case.split(" - ", 1)[1]))


# Agents that are wrong in one thing, and what agent_check must say of them.
WRONG = {
    "forgets": ("if key not in verdicts:", "if True:", "without another effect"),
    "never pings": ('say({"op": "ping"})', "pass", "it pings at the interval"),
    "never gives up": ("min(heard, said) + 3 * interval", "heard + 3600",
                       "silent for three intervals"),
    "takes everything": ('replay["destination"] not in SYSTEMS.split(",")', "False",
                         "not its own is refused"),
    "dies of nonsense": ("except (KeyError, TypeError, ValueError, RecursionError):",
                         "except ZeroDivisionError:", "unknown members is accepted"),
    "minds no deadline": ('if "deadline" in replay and', "if False and",
                          "whose deadline has passed is refused"),
    "babbles": ('say({"op": "ping"})', 'say({"op": "pong"}); say({"op": "ping"})',
                "nothing was said that the protocol does not have"),
}


def check_the_check(tap):
    """agent_check finds what is wrong with agents that are."""
    with open(PYTHON_AGENT, encoding="utf-8") as f:
        program = f.read()
    with tempfile.TemporaryDirectory() as place:
        running = {}
        for name, (old, new, _) in WRONG.items():
            path = os.path.join(place, name.replace(" ", "-"))
            with open(path, "w", encoding="utf-8") as f:
                f.write(program.replace(old, new))
            tap.equal(program.count(old), 1, "an agent that %s can be made" % name)
            running[name] = subprocess.Popen(
                [PYTHON, CHECK, "--patience", "5", "--", PYTHON, path, "{tower}", "mw-1", "erp",
                 "{effects}"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for name, process in running.items():
            said = process.communicate(timeout=240)[0].decode().split("\n")
            found = [line for line in said if line.startswith("not ok")]
            tap.ok(any(WRONG[name][2] in line for line in found) and process.returncode == 1,
                   "agent_check finds an agent that %s" % name, "\n".join(said))


class Commanded:
    """The example in C that runs a command, with a memory that survives it."""

    def __init__(self, tower, state):
        self.tower = tower
        self.state = state
        self.process = None
        self.command = os.path.join(state, "post")
        with open(self.command, "w", encoding="utf-8") as f:
            f.write(COMMAND)
        os.chmod(self.command, 0o700)

    def path(self, name):
        return os.path.join(self.state, name)

    def start(self):
        """Start it, and wait until it has said hello."""
        hellos = len(self.tower.hellos)
        environment = dict(os.environ, STATE=self.state,
                           TILLWATCH_AGENT_MEMORY=self.path("memory"))
        self.process = subprocess.Popen(
            [EXAMPLE, self.tower.endpoint, "mw-1", "erp", "run", self.command], env=environment)
        return self.tower.await_(lambda: len(self.tower.hellos) > hellos, PATIENCE)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def answered(self, replay):
        """Send it; the operations of the answers."""
        self.tower.answers.clear()
        self.tower.say(replay)
        self.tower.await_(lambda: self.tower.answers_to(replay), PATIENCE)
        return [answer["op"] for answer in self.tower.answers_to(replay)]

    def send_held(self, replay):
        """Send it; True when the destination is at it."""
        before = len(lines(self.path("entered")))
        with open(self.path("hold"), "w", encoding="utf-8"):
            pass
        self.tower.say(replay)
        return self.tower.await_(lambda: len(lines(self.path("entered"))) > before, PATIENCE)


def check_killed_agent(tap):
    """kill -9 of the agent after its answer, and in the middle of a replay."""
    with FakeTower() as tower, tempfile.TemporaryDirectory() as state:
        agent = Commanded(tower, state)
        try:
            tap.ok(agent.start(), "the example that runs a command says hello")
            first = tower.replay("erp")
            tap.equal(agent.answered(first), ["accepted"], "its command does the work")
            tap.equal(lines(agent.path("effects")), [first["idempotencykey"]], "once")
            tap.equal(json.loads(open(agent.path("event.%s" % pid_of(state)),
                                      encoding="utf-8").read()), first["event"],
                      "the command was given the event, whole")
            agent.kill()
            tap.ok(agent.start(), "killed with kill -9 and started again, it says hello")
            tap.equal(agent.answered(first), ["accepted"], "the same replay: the same answer")
            again = tower.replay("erp", replayid=first["replayid"], attempt=2)
            tap.equal(agent.answered(again), ["accepted"], "another attempt of its key: accepted")
            tap.equal(len(lines(agent.path("entered"))), 1, "and the command was not run again")
            check_refusal(tap, agent)
            check_killed_within(tap, agent)
        finally:
            agent.kill()


def pid_of(state):
    """The process that got the only event so far."""
    return [n.split(".")[1] for n in os.listdir(state) if n.startswith("event.")][0]


def check_refusal(tap, agent):
    """A command that fails is a refusal; another attempt may succeed."""
    with open(agent.path("refuse"), "w", encoding="utf-8"):
        pass
    replay = agent.tower.replay("erp")
    tap.equal(agent.answered(replay), ["refused"], "a command that fails: refused")
    os.unlink(agent.path("refuse"))
    tap.equal(agent.answered(replay), ["refused"], "the same replay again: refused as before")
    again = agent.tower.replay("erp", replayid=replay["replayid"], attempt=2)
    tap.equal(agent.answered(again), ["accepted"], "another attempt is carried out")


def check_killed_within(tap, agent):
    """Killed between the order and its end: the destination's key decides."""
    replay = agent.tower.replay("erp")
    before = len(lines(agent.path("effects")))
    tap.ok(agent.send_held(replay), "a replay is being carried out")
    agent.kill()
    os.unlink(agent.path("hold"))
    agent.tower.await_(lambda: len(lines(agent.path("effects"))) > before, PATIENCE)
    tap.equal(agent.tower.answers_to(replay), [], "killed then, it has not answered")
    tap.ok(agent.start(), "started again, it says hello")
    tap.equal(agent.answered(replay), ["accepted"], "and answers when it is asked again")
    tap.equal(lines(agent.path("effects")).count(replay["idempotencykey"]), 1,
              "a destination that knows the key has one effect")


def start_tower(path):
    """The process; it writes its port down first."""
    code = ("import sys; sys.path.insert(0, %r)\n"
            "from agent_check import FakeTower\n"
            "import os\n"
            "tower = FakeTower()\n"
            "open(%r, 'w').write('%%d\\n' %% tower.port)\n"
            "tower.await_(lambda: tower.hellos, 60)\n"
            "open(%r, 'w').write('heard\\n')\n"
            "tower.play(60)\n" % (HERE, path, path + ".heard"))
    return subprocess.Popen([PYTHON, "-c", code])


def wait_for(condition, seconds=PATIENCE):
    """False when it did not come about in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def check_killed_tower(tap, name, command):
    """kill -9 of the tower; another one at its port hears hello and is answered."""
    with tempfile.TemporaryDirectory() as state:
        path = os.path.join(state, "port")
        process = start_tower(path)
        agent = None
        try:
            wait_for(lambda: lines(path))
            port = int(lines(path)[0])
            agent = subprocess.Popen([word.replace("{tower}", "tcp://127.0.0.1:%d" % port)
                                      for word in command])
            heard = wait_for(lambda: lines(path + ".heard"))
            process.send_signal(signal.SIGKILL)
            process.wait()
            tap.ok(heard, name + ": online at a tower")
            tower = FakeTower()
            tower.stop()
            tower.port = port
            tower.start()
            with tower:
                tap.ok(tower.await_(lambda: tower.hellos, PATIENCE),
                       name + ": the tower that follows one killed with kill -9 hears hello")
                replay = tower.replay("erp")
                tower.say(replay)
                tap.ok(tower.await_(lambda: tower.answers_to(replay), PATIENCE),
                       name + ": and gets its answers")
        finally:
            process.kill()
            process.wait()
            if agent is not None:
                agent.kill()
                agent.wait()


class Simulator:
    """retail-sim as an agent, at a fake tower; its events come to a PULL socket."""

    def __init__(self, tower, state, *arguments):
        self.tower = tower
        self.ledger = os.path.join(state, "ledger.%d" % len(os.listdir(state)))
        self.effects = Effects(tower.context)
        hellos = len(tower.hellos)
        self.process = subprocess.Popen(
            [SIMULATOR, "--agent-only", "--tap", "pull", "--stores", "5", "--quiet",
             "--endpoint-pull", self.effects.endpoint, "--endpoint-agents", tower.endpoint,
             "--ledger", self.ledger] + list(arguments))
        self.is_online = tower.await_(lambda: len(tower.hellos) > hellos, PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.kill()
        self.process.wait()

    def facts(self, name):
        """Facts of that name, so far."""
        return [fact for fact in map(json.loads, lines(self.ledger)) if fact["fact"] == name]

    def carry_out(self, count, **changes):
        """Send so many replays at once; those that were answered in time."""
        replays = [self.tower.replay("erp", **changes) for _ in range(count)]
        for replay in replays:
            self.tower.say(replay)
        self.tower.await_(lambda: all(self.tower.answers_to(r) for r in replays), PATIENCE)
        self.tower.play(0.3)
        return replays

    def stop(self):
        """SIGTERM, and what it returns."""
        self.process.terminate()
        return self.process.wait(PATIENCE)


def proofs_of(simulator, replay):
    """Events that name the objects of a replay, also without replayid."""
    simulator.effects.of(replay)
    number = replay["event"]["transactionid"]
    return [e for e in simulator.effects.events if e.get("transactionid") == number]


def mischief(tap, state, misbehave, count=200):
    """Replays under one misbehaviour: answers, proofs and facts, by how many there are of each."""
    with FakeTower() as tower, Simulator(tower, state, "--agent-capacity", "4096", "--misbehave",
                                         misbehave, "--seed", "5") as simulator:
        replays = simulator.carry_out(count)
        ops = [[a["op"] for a in tower.answers_to(r)] for r in replays]
        proofs = [len(proofs_of(simulator, r)) for r in replays]
        named = [len(simulator.effects.of(r)) for r in replays]
        wrong = len(tower.wrong) + sum(a.get("replayid") == "rp-never-ordered"
                                       for a in tower.answers)
        tap.equal(simulator.stop(), 0, misbehave + ": SIGTERM ends it well")
        return {"ops": ops, "proofs": proofs, "named": named, "wrong": wrong, "replays": replays,
                "facts": {name: [f["replayid"] for f in simulator.facts(name)] for name in
                          ("effect", "replay-refused", "proof-withheld", "effect-doubled")}}


def check_misbehaviour(tap, state):
    """Each misbehaviour is what the ledger says, no more and no less; one seed, one behaviour."""
    seen = mischief(tap, state, "refuse=0.2,drop-proof=0.2,twice=0.2,bare-proof=0.2,garbage=0.1")
    ids = [r["replayid"] for r in seen["replays"]]
    facts = seen["facts"]
    tap.equal([i for i, ops in zip(ids, seen["ops"]) if ops == ["refused"]],
              facts["replay-refused"], "refused are those of the ledger")
    tap.equal([i for i, ops in zip(ids, seen["ops"]) if ops == ["accepted"]], facts["effect"],
              "accepted are those with an effect")
    wanted = [(i in facts["effect"]) - (i in facts["proof-withheld"]) +
              (i in facts["effect-doubled"]) for i in ids]
    tap.equal(seen["proofs"], wanted, "proofs: none where withheld, two where doubled, else one")
    tap.ok(all(20 <= len(facts[n]) <= 60 for n in facts if n != "effect"),
           "each in about its share", {n: len(facts[n]) for n in facts})
    bare = sum(p > n for p, n in zip(seen["proofs"], seen["named"]))
    tap.ok(15 <= bare <= 60, "some proofs do not carry replayid on", bare)
    tap.ok(seen["wrong"] >= 40, "garbage was said", seen["wrong"])
    again = mischief(tap, state, "refuse=0.2,drop-proof=0.2,twice=0.2,bare-proof=0.2,garbage=0.1")
    for name in ("ops", "proofs", "named"):
        tap.ok(seen[name] == again[name], "the same under the same seed: " + name)


def check_faults(tap, state):
    """While a fault lasts the destination fails again; then it works; a key is done once."""
    with FakeTower() as tower, Simulator(tower, state, "--fault",
                                         "erp-outage:from=0,for=4") as simulator:
        replay = simulator.carry_out(1)[0]
        found = simulator.effects.of(replay)
        tap.equal([(e["type"], e.get("outcome"), e.get("errorclass"), e["attempt"])
                   for e in found],
                  [("com.tillwatch.erp.sale.posted", "failed", "unavailable", 1)],
                  "while ERP is out it fails again, and says so")
        tap.equal([tower.answers_to(replay)[0]["op"], len(simulator.facts("effect"))],
                  ["accepted", 0], "which is accepted, and no effect")
        attempt = 1
        end = time.monotonic() + PATIENCE
        while not simulator.facts("effect") and time.monotonic() < end:
            attempt += 1
            simulator.carry_out(1, replayid=replay["replayid"], attempt=attempt)
        wait_for(lambda: len(simulator.effects.of(replay)) >= attempt)
        proof = simulator.effects.of(replay)[-1]
        tap.equal((proof.get("outcome"), proof["attempt"], proof["source"]),
                  (None, attempt, "/erp/agent"), "then an attempt works, with its proof")
        for name in ("storeid", "amount", "currency"):
            tap.equal(proof[name], replay["event"][name], "the proof has the same " + name)
        simulator.carry_out(1, replayid=replay["replayid"], attempt=attempt + 1)
        wait_for(lambda: len(simulator.effects.of(replay)) > attempt)
        tap.equal(simulator.effects.of(replay)[-1], proof,
                  "one attempt more: the proof of then, unchanged")
        tap.equal([len(simulator.facts("effect")), len(simulator.facts("effect-repeated"))],
                  [1, 1], "and no second effect")


def check_crash(tap, state):
    """Killed between effect and answer; another process with the same books goes on."""
    books = os.path.join(state, "books")
    with FakeTower() as tower:
        with Simulator(tower, state, "--agent-state", books, "--misbehave",
                       "crash-after=2") as simulator:
            first = simulator.carry_out(1)[0]
            second = tower.replay("erp")
            tower.say(second)
            tap.equal(simulator.process.wait(PATIENCE), -signal.SIGKILL, "it crashes on command")
            tap.equal(tower.answers_to(second), [], "after the effect, before the answer")
            tap.equal([f["replayid"] for f in simulator.facts("effect")],
                      [first["replayid"], second["replayid"]], "the ledger has both effects")
        tower.peer = None
        with Simulator(tower, state, "--agent-state", books) as simulator:
            for replay in (first, second):
                tower.answers.clear()
                tower.say(replay)
                tower.await_(lambda r=replay: tower.answers_to(r), PATIENCE)
                wait_for(lambda r=replay: simulator.effects.of(r))
                tap.equal([a["op"] for a in tower.answers_to(replay)], ["accepted"],
                          "another process accepts it when it is asked again")
                tap.equal(len(simulator.effects.of(replay)), 1, "and says the proof again")
            tap.equal([len(simulator.facts("effect")), len(simulator.facts("effect-repeated"))],
                      [0, 2], "without another effect")


def check_lateness(tap, state):
    """Answers and proofs late, answers dropped, silence: on command."""
    with FakeTower() as tower, Simulator(tower, state, "--misbehave",
                                         "late-proof=1,slow-accept=0.7") as simulator:
        replay = tower.replay("erp")
        began = time.monotonic()
        tower.say(replay)
        tap.ok(tower.await_(lambda: tower.answers_to(replay), PATIENCE) and
               time.monotonic() - began > 0.65, "slow-accept: answered late")
        tap.ok(tower.await_(lambda: simulator.effects.of(replay), PATIENCE) and
               time.monotonic() - began > 0.95, "late-proof: proven late")
    with FakeTower() as tower, Simulator(tower, state, "--misbehave",
                                         "drop-accept=1") as simulator:
        replay = tower.replay("erp")
        tower.say(replay)
        tower.await_(lambda: simulator.effects.of(replay), PATIENCE)
        tower.play(0.5)
        tap.equal(tower.answers_to(replay), [], "drop-accept: carried out, not answered")
        tower.say(replay)
        tap.ok(tower.await_(lambda: tower.answers_to(replay), PATIENCE),
               "asked again it is answered")
        tap.equal(len(simulator.effects.of(replay)), 1, "without another effect")
    with FakeTower() as tower, Simulator(tower, state, "--misbehave",
                                         "silent-after=1,silent-for=2") as simulator:
        simulator.carry_out(1)
        hellos = len(tower.hellos)
        tower.play(0.4)
        tower.pings.clear()
        tower.play(1)
        tap.equal((tower.pings, len(tower.hellos)), ([], hellos), "silent-after: not a word")
        tap.ok(tower.await_(lambda: len(tower.hellos) > hellos, PATIENCE),
               "after silent-for it says hello anew")


def check_estate(tap, state):
    """An estate that plays and answers at once; the books of both are in one ledger."""
    with FakeTower() as tower:
        effects = Effects(tower.context)
        ledger = os.path.join(state, "estate")
        with subprocess.Popen(
                [SIMULATOR, "--agent", "--stores", "10", "--rate", "200", "--duration", "6",
                 "--tap", "pull", "--endpoint-pull", effects.endpoint, "--endpoint-agents",
                 tower.endpoint, "--ledger", ledger, "--quiet"]) as simulator:
            tower.await_(lambda: tower.hellos, PATIENCE)
            replays = [tower.replay(d) for d in ("erp", "loyalty", "crm", "wms", "payment")]
            for replay in replays:
                tower.say(replay)
            tower.await_(lambda: all(tower.answers_to(r) for r in replays), PATIENCE)
            tap.equal([a["op"] for r in replays for a in tower.answers_to(r)], ["accepted"] * 5,
                      "an estate at work answers for every system")
            tower.await_(lambda: (effects.of(replays[0]), simulator.poll())[1] is not None,
                         PATIENCE)
            wait_for(lambda: len(effects.events) >= 1205, 10)
        facts = [json.loads(line) for line in lines(ledger)]
        finished = facts[-1]
        effects.of(replays[0])
        tap.equal((finished["fact"], finished["accepted"]), ("finished", len(effects.events)),
                  "its ledger counts every event that arrived, proofs too")
        sources = sum(f["events"] for f in facts if f["fact"] == "source")
        tap.equal(sources, finished["accepted"], "and so do its sources")


def check_real_tower(tap, state):
    """What the agent says is what a real tower waits for: the step is done, once."""
    ledger = os.path.join(state, "ledger")
    with Tower() as tower, FakeTower() as orders:
        with subprocess.Popen(
                [SIMULATOR, "--agent", "--stores", "20", "--rate", "300", "--duration", "6",
                 "--ledger", ledger, "--quiet", "--endpoint-agents", orders.endpoint],
                env=tower.environment()) as simulator:
            orders.await_(lambda: orders.hellos, PATIENCE)
            replays = [orders.replay(d) for d in ("erp", "loyalty", "crm", "cdp", "wms")]
            replays.append(orders.replay("erp", replayid=replays[0]["replayid"], attempt=2))
            for replay in replays:
                orders.say(replay)
                orders.await_(lambda r=replay: orders.answers_to(r), PATIENCE)
            tap.ok(orders.await_(lambda: simulator.poll() is not None, PATIENCE),
                   "an estate at work with a real tower ends in time")
        tap.equal(list(compare(Ledger(ledger), Api(tower.url), 50)), [],
                  "the tower counts what its agent said as the ledger does")
        name = "transaction:0042/" + replays[0]["event"]["transactionid"]
        journey = json.loads(tower.request("/api/v1/journeys/" + name)[1])
        steps = [step for run in journey["runs"] for step in run["steps"]
                 if step["name"] == "posted"]
        tap.equal([(step["state"], step["attempts"]) for step in steps], [("done", 1)],
                  "the awaited step is done")
        tap.equal((journey["event_count"], journey["duplicates"], journey["conflicts"],
                   journey["duplicate_effects"]), (1, 1, 0, 0),
                  "a proof that is said again is the same event, and no second effect")


def check_page(tap):
    """The agent in Python of the page is the one that is tested."""
    with open(os.path.join(ROOT, "docs", "agents.md"), encoding="utf-8") as f:
        page = f.read()
    with open(PYTHON_AGENT, encoding="utf-8") as f:
        program = f.read().split("\n", 2)[2]
    tap.ok("```python\n" + program + "```" in page, "docs/agents.md shows the tested agent")
    tap.ok(program.count("\n") < 80, "which has less than 80 lines")


def main():
    with Tap() as tap:
        check_page(tap)
        check_all(tap)
        check_the_check(tap)
        check_killed_agent(tap)
        check_killed_tower(tap, "C", [EXAMPLE, "{tower}", "mw-1", "erp", "run", "/bin/true"])
        check_killed_tower(tap, "Python", [PYTHON, PYTHON_AGENT, "{tower}", "mw-1", "erp",
                                           "tcp://127.0.0.1:9"])
        check_killed_tower(tap, "retail-sim", [SIMULATOR, "--agent-only", "--tap", "pull",
                                               "--endpoint-agents", "{tower}"])
        for check in (check_misbehaviour, check_faults, check_crash, check_lateness, check_estate,
                      check_real_tower):
            with tempfile.TemporaryDirectory() as state:
                check(tap, state)


if __name__ == "__main__":
    main()
