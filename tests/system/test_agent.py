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
from agent_check import FakeTower  # noqa: E402
from tap import Tap  # noqa: E402
from tower import ROOT, program_path  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = "/usr/bin/python3"
CHECK = os.path.join(HERE, "agent_check.py")
PATIENCE = 60
EXAMPLE = program_path("client/example_agent")
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
               "agent in %s: every case is looked at" % name, "\n".join(said))
        for case in cases:
            tap.ok(case.startswith("ok "),
                   "agent in %s: %s" % (name, case.split(" - ", 1)[1]))


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
        check_killed_agent(tap)
        check_killed_tower(tap, "C", [EXAMPLE, "{tower}", "mw-1", "erp", "run", "/bin/true"])
        check_killed_tower(tap, "Python", [PYTHON, PYTHON_AGENT, "{tower}", "mw-1", "erp",
                                           "tcp://127.0.0.1:9"])


if __name__ == "__main__":
    main()
