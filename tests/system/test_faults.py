#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every write, sync, truncate, unlink and open of the ingest flow, failed once and killed once.

strace attaches to a running tower and makes the N-th call of one kind fail (or kills the process
in it) while a client sends; then a fresh tower on the same store must have every acknowledged
event exactly once and take the rest. N counts up until a run ends without meeting it. The same
once more over the start of a tower on a store that was killed (recovery).

TW_FAULT_POINTS (6) bounds N for each kind in a short run; script/soak sets it higher."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from publish import Acked, body, event  # noqa: E402
from tap import Tap  # noqa: E402
from tower import Tower, config_with, wait_until  # noqa: E402

POINTS = int(os.environ.get("TW_FAULT_POINTS", "6"))
MESSAGES = 12
EVENTS = 100  # in a message: the flow fills a partition, so that it is changed and sealed
# syscall: what is done to it
FAULTS = {
    "pwrite64": ["error=EIO", "error=ENOSPC", "signal=SIGKILL"],
    "fdatasync": ["error=EIO", "signal=SIGKILL"],
    "fsync": ["error=EIO", "signal=SIGKILL"],
    "ftruncate": ["error=EIO", "signal=SIGKILL"],
    "unlink": ["error=EIO", "signal=SIGKILL"],
    "openat": ["error=EIO", "error=EMFILE", "signal=SIGKILL"],
}


def small_config():
    """Small commits and small partitions."""
    return config_with(commit_ms=2, partition_events=1000, commit_events=500)


class Injector:
    """strace on a tower that runs already."""

    def __init__(self, tower, call, action, number):
        self.trace = os.path.join(tower.base, "trace")
        self.errors = os.path.join(tower.base, "strace.err")
        command = ["strace", "-f", "-o", self.trace, "-e", "trace=" + call, "-e",
                   "inject=%s:%s:when=%d" % (call, action, number)]
        for path in state_files(tower.state):
            command += ["-P", path]
        with open(self.errors, "wb") as errors:
            self.process = subprocess.Popen(command + ["-p", str(tower.pid())], stderr=errors,
                                            stdout=subprocess.DEVNULL)
        wait_until(lambda: "attached" in self.said() or self.process.poll() is not None,
                   "strace to attach")

    def said(self):
        """What strace had to say itself."""
        with open(self.errors, encoding="utf-8", errors="replace") as f:
            return f.read()

    def detach(self):
        """Let go; True if the fault was met."""
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait()
        with open(self.trace, encoding="utf-8", errors="replace") as f:
            text = f.read()
        # A call that is killed has no result to mark; its signal is in the trace.
        return "(INJECTED)" in text or "killed by SIGKILL" in text


def state_files(state):
    """Files of the store, those that will come too."""
    names = ["tillwatch.db", "tillwatch.db-wal", "tillwatch.db-journal", "mark", "mark.tmp", "full"]
    for number in (1, 2, 3, 4):
        stem = "part-%06d" % number
        names += [stem + ".db", stem + ".db-wal", stem + ".db-journal", stem + ".sealed",
                  stem + ".tmp", stem + ".sealed.tmp"]
    return [os.path.join(state, name) for name in names] + [state]


def why_not():
    """Why strace cannot do this here, or None."""
    if not shutil.which("strace"):
        return "needs strace"
    done = subprocess.run(["strace", "-o", "/dev/null", "-e", "inject=fsync:error=EIO", "true"],
                          stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        return "strace cannot inject here: " + done.stderr.decode(errors="replace").strip()[:200]
    return None


def send_some(tower, client, first, count):
    """Messages one behind the other, each waiting for its answer: a commit each. Ends when the
    tower does, or does not answer any more."""
    for number in range(first, first + count):
        client.send(body([event("/pos/till-f", number * EVENTS + i) for i in range(EVENTS)]))
        deadline = time.monotonic() + 1
        while client.pending and tower.is_running() and time.monotonic() < deadline:
            client.receive(20)
        if client.pending:
            return


def judge(tower, client):
    """A fresh tower on that store: what is wrong with it, as text; empty when all is well."""
    if tower.process is not None:
        tower.kill()
    tower.start()
    client.connect()
    if not client.flush(20):
        return "not acknowledged after the restart: %d messages" % len(client.pending)
    stored = tower.stored_ids()
    acked = len(client.acked) * EVENTS
    twice = [i for i, count in stored.items() if count > 1]
    tower.stop()
    if len(stored) != acked or twice:
        return "%d events acknowledged, %d stored, twice: %s" % (acked, len(stored), twice[:3])
    return ""


def wait_for_seal(tower):
    """Until the first partition is sealed, if it will be: the keeper's calls are part of it."""
    sealed = os.path.join(tower.state, "part-000001.sealed")
    deadline = time.monotonic() + 1
    while tower.is_running() and not os.path.exists(sealed) and time.monotonic() < deadline:
        time.sleep(0.01)


def ingest_point(call, action, number):
    """One run: (was the fault met, what was wrong, what the tower did)."""
    tower = Tower(config=small_config())
    client = None
    try:
        tower.start()
        client = Acked(tower.router)
        send_some(tower, client, 0, 1)
        injector = Injector(tower, call, action, number)
        send_some(tower, client, 1, MESSAGES)
        wait_for_seal(tower)
        if tower.is_running():
            tower.process.send_signal(15)
            try:
                wait_until(lambda: tower.process.poll() is not None, "the stop", 10)
            except TimeoutError:
                pass
        was_met = injector.detach()
        status = tower.process.poll()
        return was_met, judge(tower, client), status
    except (RuntimeError, TimeoutError) as error:
        return True, str(error)[-1500:], None
    finally:
        if client:
            client.close()
        tower.close()


def recovery_point(prepared, call, action, number):
    """The start of a tower on a killed store, with a fault in it, then one without."""
    base = tempfile.mkdtemp(prefix="tw-recover-")
    tower = None
    try:
        state = os.path.join(base, "state")
        shutil.copytree(os.path.join(prepared.base, "state"), state)
        trace = os.path.join(base, "trace")
        tower = Tower(state=base, config=small_config(), wrapper=[
            "strace", "-f", "-qq", "-o", trace, "-e", "trace=" + call, "-e",
            "inject=%s:%s:when=%d" % (call, action, number)]
            + [word for path in state_files(state) for word in ("-P", path)])
        try:
            tower.start(wait=False)
            wait_until(lambda: tower.process.poll() is not None
                       or tower.status_of("/readyz") == 200, "a start or an end", 20)
        except (RuntimeError, TimeoutError):
            pass
        tower.kill()
        with open(trace, encoding="utf-8", errors="replace") as f:
            was_met = re.search(r"\(INJECTED\)|killed by SIGKILL", f.read()) is not None
        tower.wrapper = []
        tower.start()
        stored = tower.stored_ids()
        tower.stop()
        wrong = "" if stored == prepared.wanted else "%d stored, %d wanted" % (
            sum(stored.values()), sum(prepared.wanted.values()))
        return was_met, wrong
    except (RuntimeError, TimeoutError) as error:
        return True, str(error)[-1500:]
    finally:
        if tower:
            tower.close()
        shutil.rmtree(base, ignore_errors=True)


def prepare():
    """A store that was killed, with what it must hold."""
    tower = Tower(config=small_config())
    tower.start()
    client = Acked(tower.router)
    send_some(tower, client, 0, 15)
    tower.kill()
    client.close()
    tower.wanted = None
    copy = tempfile.mkdtemp(prefix="tw-prepared-")
    shutil.copytree(tower.state, os.path.join(copy, "state"))
    tower.start()
    tower.wanted = tower.stored_ids()
    tower.kill()
    shutil.rmtree(tower.state)
    shutil.move(os.path.join(copy, "state"), tower.state)
    os.rmdir(copy)
    return tower


def sweep(tap, name, point):
    """N = 1, 2, 3... until a run ends without meeting the fault, or the bound."""
    wrong, met = [], 0
    began = time.monotonic()
    for number in range(1, POINTS + 1):
        result = point(number)
        if result[1]:
            wrong.append("call %d: %s" % (number, result[1]))
        if not result[0]:
            break
        met += 1
    tap.note("%s: %d points, %.1f s" % (name, met, time.monotonic() - began))
    tap.ok(not wrong, name + ": every acknowledged event is there once", "\n".join(wrong))
    return met


def main():
    with Tap() as tap:
        reason = why_not()
        if reason:
            tap.skip("faults of system calls", reason)
            return
        met = {}
        for call, actions in FAULTS.items():
            for action in actions:
                met[call] = met.get(call, 0) + sweep(
                    tap, "ingest, %s:%s" % (call, action),
                    lambda n, c=call, a=action: ingest_point(c, a, n))
        for call in ("pwrite64", "fdatasync"):
            tap.ok(met[call] > 0, "the flow did meet faults of " + call)
        prepared = prepare()
        try:
            for call, actions in FAULTS.items():
                for action in (actions[0], actions[-1]):
                    sweep(tap, "recovery, %s:%s" % (call, action),
                          lambda n, c=call, a=action: recovery_point(prepared, c, a, n))
        finally:
            prepared.close()


if __name__ == "__main__":
    main()
