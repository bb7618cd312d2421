#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every write, sync, truncate, unlink, rename and open of the store, failed once and killed once.

strace makes the N-th call of one kind, by one thread on one file, fail (or kills the process in it)
while a client sends; then a fresh tower on the same store must take the rest and have every event
exactly once. Two flows: ingest, from an empty directory through commits, a change of partition and
its sealing to the stop; and recovery, a start on a store that was killed.

Runs without faults count the calls of each kind by thread and file; N goes up to that count and on
until a run ends without meeting the fault. strace counts for each thread anyway: were it on all of
them, the first fault would end the tower before the others came to their N-th call. So it is on
one, which gate.c holds at its birth. Counted by file, N means the same call in every run.

TW_FAULT_POINTS bounds N for a quick run by hand; without it every call is met or the test fails.
TW_FAULTS=short: every call is met once, by the faults of its kind in turn (the first call fails
with EIO, the second with ENOSPC, the third is killed, ...). Otherwise every fault of every call."""

import collections
import concurrent.futures
import errno
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from publish import Acked, body, event  # noqa: E402
from tap import Tap  # noqa: E402
from tower import Tower, config_with, preload  # noqa: E402

BOUND = int(os.environ.get("TW_FAULT_POINTS", "0"))
IS_SHORT = os.environ.get("TW_FAULTS", "all") == "short"
MOST = 1000  # calls of one kind by one thread on one file: more, and the flow has no end
WORKERS = 24  # points at a time: most of the time of one is waiting
PARTITION = 1000  # events: the smallest there can be
ANSWER_S = 30  # to an answer, a seal or a stop that must come; ENOSPC is tried again after 0.25 s
COUNTING_RUNS = 3  # the calls that all of them do must be met
TRIES = 3  # for such a call: a thread may be late once
# Of such calls, how many may turn out not to be done by every run: a busy machine makes the
# counting runs longer than those with a fault, and what is committed each second is committed more
# often then.
ABSENT_SHARE = 0.02
MAIN = "tillwatch"  # name of the thread that is there from the start
# syscall: what is done to it
FAULTS = {
    "pwrite64": ["error=EIO", "error=ENOSPC", "signal=SIGKILL"],
    "write": ["error=EIO", "error=ENOSPC", "signal=SIGKILL"],
    "fdatasync": ["error=EIO", "signal=SIGKILL"],
    "fsync": ["error=EIO", "signal=SIGKILL"],
    "ftruncate": ["error=EIO", "signal=SIGKILL"],
    "unlink": ["error=EIO", "signal=SIGKILL"],
    "rename": ["error=EIO", "signal=SIGKILL"],
    "mkdir": ["error=EIO", "signal=SIGKILL"],
    "openat": ["error=EIO", "error=EMFILE", "signal=SIGKILL"],
}
# Other ways to change a file or a directory, which the store does not use: were it to begin, they
# would have to be swept too.
OTHERS = ["writev", "pwritev", "pwritev2", "copy_file_range", "sendfile", "fallocate",
          "truncate", "sync_file_range", "syncfs", "msync", "unlinkat", "rmdir", "renameat",
          "renameat2", "link", "linkat", "symlink", "symlinkat", "mkdirat", "open", "creat"]


def memory_disk():
    """Only the process dies here, so that no disk has to be waited for; None: the usual place."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


class Flow:
    """What a tower is given to do: a store to begin on (or none) and messages to take."""

    def __init__(self, name, store, sizes):
        """store: directory of one that was killed. sizes: events in each message. The first
        partition must get sealed before the last message is sent."""
        self.name = name
        self.store = store
        self.source = "part-000001.db"
        self.sealed = "part-000001.sealed"
        self.journal = "part-000002.db-wal"
        # Without workflows: what tracking commits depends on the clock, and which calls there are
        # must not. Its files have kills of their own in test_store_tracks_model, test_snapshot.
        self.config = config_with(commit_ms=2, partition_events=PARTITION, commit_events=PARTITION,
                                  stop_free_percent=0, stop_free_bytes=0, workflows__pack="false")
        self.messages = []
        self.wanted = set()
        for size in sizes:
            made = [self.event(number, size) for number in range(size)]
            self.messages.append(body(made))
            self.wanted.update(e["id"] for e in made)

    def event(self, number, size):
        """One of a large message has no more than it must have: fewer pages, fewer calls."""
        source = "/pos/%s-%d" % (self.name, len(self.messages))
        if size > 1:
            return event(source, number, time=None, datacontenttype=None, storeid=None,
                         transactionid=None, data=None)
        return event(source, number)


class Target(collections.namedtuple("Target", "call file thread")):
    """A kind of call by one thread on one file, whose calls are counted."""

    def __str__(self):
        return "%s of %s by %s" % (self.call, self.file, self.thread)


class Point:
    """One run of a flow on a directory of its own, then the tower that finds what it left."""

    def __init__(self, flow, gate=None):
        """gate: path of the library that holds a thread, where one other than main is traced."""
        self.flow = flow
        self.gate = gate
        self.base = tempfile.mkdtemp(prefix="tw-fault-", dir=memory_disk())
        self.state = os.path.join(self.base, "state")
        if flow.store:
            shutil.copytree(flow.store, self.state)
        self.trace = os.path.join(self.base, "trace")
        # Without ports many of these can run side by side.
        ends = {"TILLWATCH_" + name: "ipc://" + os.path.join(self.base, name.lower())
                for name in ("TAP_PULL", "TAP_ROUTER", "TAP_SUB", "AGENTS", "ALERTS_PUB")}
        self.tower = Tower(state=self.base, config=flow.config,
                           env={**ends, "TILLWATCH_WEB": "127.0.0.1:0"})
        self.client = Acked(ends["TILLWATCH_TAP_ROUTER"])
        self.strace = None  # where it is attached
        self.sent = 0
        self.status = None

    def close(self):
        """Remove it."""
        self.client.close()
        self.tower.close()
        if self.strace:
            self.strace.kill()
            self.strace.wait()
            self.strace.stderr.close()
        shutil.rmtree(self.base, ignore_errors=True)

    def path(self, name):
        """Of a file of the store."""
        return os.path.normpath(os.path.join(self.state, name))

    def wait(self, condition):
        """Until it is true, if the tower lives; True if it is."""
        deadline = time.monotonic() + ANSWER_S
        while not condition():
            if not self.tower.is_running() or time.monotonic() > deadline:
                return condition()
            self.client.receive(10)
        return True

    def send(self, count):
        """So many of the messages that were not sent yet, each after the answer to the one before:
        a commit each. True when all are answered."""
        for message in self.flow.messages[self.sent:self.sent + count]:
            self.client.send(message)
            self.sent += 1
            if not self.wait(lambda: not self.client.pending):
                return False
        return True

    def wait_for_heartbeat(self):
        """Until intake, which has nothing to do, makes a commit of its own, once a second: by then
        the keeper has told it of the sealed partition. True if it came."""
        journal = self.path(self.flow.journal)
        before = size_of(journal)
        return self.wait(lambda: size_of(journal) > before)

    def start_traced(self, thread, options):
        """Start the tower with strace on one thread, from its first call on, or on all (None)."""
        command = ["strace", "-qq", "-o", self.trace] + options
        if thread in (None, MAIN):
            self.tower.wrapper = command + ([] if thread else ["-f", "--seccomp-bpf"])
            self.tower.start(wait=False)
            return
        fifo = os.path.join(self.base, "gate")
        os.mkfifo(fifo)
        self.tower.extra_env.update(LD_PRELOAD=self.gate, TW_GATE_THREAD=thread, TW_GATE=fifo)
        self.tower.start(wait=False)
        if not self.wait(lambda: thread_id(self.tower.pid(), thread)):
            raise RuntimeError("no thread %s:\n%s" % (thread, self.tower.log()))
        command.remove("-qq")  # it must say that it is attached
        self.strace = subprocess.Popen(
            command + ["-p", str(thread_id(self.tower.pid(), thread))], stderr=subprocess.PIPE)
        said = self.strace.stderr.readline().decode()
        if "attached" not in said:
            raise RuntimeError("strace: " + said)
        self.wait(lambda: open_gate(fifo))

    def run(self, thread, options):
        """The flow under strace, to its end or to that of the tower; what was wrong with it."""
        self.start_traced(thread, options)
        wrong = ""
        if not self.send(len(self.flow.messages) - 1):
            wrong = "no answer"
        elif not self.wait(lambda: os.path.exists(self.path(self.flow.sealed))
                           and not os.path.exists(self.path(self.flow.source))):
            wrong = "not sealed"
        elif not self.wait_for_heartbeat():
            wrong = "no heartbeat"
        elif not self.send(1):
            wrong = "no answer after sealing"
        if not self.tower.is_running():
            wrong = ""  # what did not happen is for the next one to do
        try:
            self.status = self.tower.stop(ANSWER_S)
        except TimeoutError:
            wrong = wrong or "no stop"
        if self.strace:
            self.strace.wait(ANSWER_S)
        return wrong

    def judge(self):
        """A fresh tower on what is there: what is wrong with it."""
        self.tower.wrapper = []
        self.tower.extra_env.pop("LD_PRELOAD", None)
        self.tower.start(wait=False)
        self.client.connect()
        self.wait(lambda: not self.client.pending)
        if self.client.pending or not self.send(len(self.flow.messages)):
            return "not acknowledged after the restart: %d messages" % len(self.client.pending)
        stored = self.tower.stored_ids()
        twice = [i for i, count in stored.items() if count > 1]
        if set(stored) != self.flow.wanted or twice:
            return "%d events wanted, %d stored, twice: %s" % (
                len(self.flow.wanted), len(stored), twice[:3])
        return ""

    def read_trace(self):
        """The text of it."""
        with open(self.trace, encoding="utf-8", errors="replace") as f:
            return f.read()


def size_of(path):
    """Bytes of a file, 0 where there is none."""
    try:
        return os.path.getsize(path)
    except FileNotFoundError:
        return 0


def thread_id(pid, name):
    """Of the thread of that name; None while there is none."""
    for task in os.listdir("/proc/%d/task" % pid):
        try:
            with open("/proc/%d/task/%s/comm" % (pid, task), encoding="ascii") as f:
                if f.read().strip() == name:
                    return int(task)
        except OSError:
            pass  # a thread that just ended
    return None


def open_gate(fifo):
    """Let the thread go; False while it does not wait yet."""
    try:
        os.close(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))
        return True
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        return False


def count_calls(flow, gate, thread):
    """A run without faults: {target: how often}, of one thread or of all (None)."""
    point = Point(flow, gate)
    try:
        wrong = point.run(thread, ["-y", "-Y", "-s", "0", "-e",
                                   "trace=" + ",".join([*FAULTS, *OTHERS])])
        wrong = wrong or point.judge()
        if wrong or point.status != 0:
            raise RuntimeError("without faults: %s, status %s\n%s"
                               % (wrong, point.status, point.tower.log()[-2000:]))
        counts = collections.Counter()
        for line in point.read_trace().splitlines():
            found = re.match(r'(?:\d+<([^>]*)> +)?(\w+)\((?:AT_FDCWD[^,]*, |\d+)?[<"](/[^>"]*)[>"]',
                             line)
            if found and (found.group(3) + "/").startswith(point.state + "/"):
                counts[Target(found.group(2), os.path.relpath(found.group(3), point.state),
                              found.group(1) or thread)] += 1
        return counts
    finally:
        point.close()


class Sweep:
    """Every fault of a flow, several at a time, and what came of them."""

    def __init__(self, flow, pool, gate):
        self.flow = flow
        self.pool = pool
        self.gate = gate
        self.seen = count_calls(flow, gate, None)  # by all threads together
        self.counts = {}
        self.jobs = []
        self.absent = []  # calls that were counted and were not done in any try

    def count(self):
        """How often each thread does each call in every run. A call that only some runs do, as the
        threads happen to take turns, counts as not done."""
        threads = {target.thread for target in self.seen}
        jobs = [self.pool.submit(count_calls, self.flow, self.gate, thread)
                for thread in threads for _ in range(COUNTING_RUNS)]
        runs = [job.result() for job in jobs]
        for target in {*self.seen, *(target for run in runs for target in run)}:
            of_thread = [run[target] for run in runs if target.thread in {t.thread for t in run}]
            self.counts[target] = min(of_thread, default=0)

    def one_point(self, target, action, number, done=None):
        """One run with a fault in it: (was the fault met, what was wrong). `done`: of a run that
        did not meet it, how many such calls there were is added."""
        point = Point(self.flow, self.gate)
        try:
            wrong = point.run(target.thread, [
                "-P", point.path(target.file), "-e", "trace=" + target.call,
                "-e", "inject=%s:%s:when=%d" % (target.call, action, number)])
            # A call that is killed has no result to mark.
            is_killing = action == "signal=SIGKILL"
            trace = point.read_trace()
            was_met = (point.status == -signal.SIGKILL if is_killing
                       else "(INJECTED)" in trace)
            if not was_met and done is not None:
                done.append(len(re.findall(r"^(?:\d+ +)?%s\(" % target.call, trace, re.M)))
            if point.status is not None and point.status < 0 and not (is_killing and was_met):
                wrong = wrong or "ended by signal %d" % -point.status
            wrong = wrong or point.judge()
            return was_met, wrong and wrong + "\n" + point.tower.log()[-1500:]
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            return False, str(error)[-1500:]
        finally:
            point.close()

    def some_tries(self, target, action, number, tries, wrong, done=None):
        """The same point until its fault is met: was it? What is wrong is added to a list."""
        for _ in range(tries):
            was_met, text = self.one_point(target, action, number, done)
            if text:
                wrong.append("%s, %s, call %d: %s" % (target, action, number, text))
            if was_met or text:
                return was_met
        return False

    def counted_call(self, target, action, number):
        """A call that every run does: (points met, what is missing, what was wrong)."""
        wrong, done = [], []
        if self.some_tries(target, action, number, TRIES, wrong, done):
            return 1, [], wrong
        if done and max(done) < number and not wrong:
            self.absent.append("%s, %s, call %d" % (target, action, number))
            return 0, [], wrong
        return 0, ["%s, %s, call %d was not met" % (target, action, number)], wrong

    def end_of_calls(self, target, action, number):
        """From the first call that not every run does to a run that does not meet its fault."""
        wrong, first = [], number
        while number <= MOST:
            if not self.some_tries(target, action, number, 1, wrong):
                return number - first, [], wrong
            number += 1
        return number - first, ["%s has no end" % (target,)], wrong

    def submit(self):
        """Every call that was counted, and for each target the search for its end."""
        for target, counted in sorted(self.counts.items()):
            actions = FAULTS.get(target.call, [])
            for turn, action in enumerate(actions):
                for number in range(1, min(counted, BOUND or MOST) + 1):
                    if not IS_SHORT or number % len(actions) == (turn + 1) % len(actions):
                        self.add(self.counted_call, target, action, number)
                # Which calls there are before a fault does not depend on the fault. Of a kind that
                # not every run does (a busy machine leaves the last snapshot undone) each fault
                # is sought.
                if (turn == 0 or counted == 0) and not BOUND:
                    self.add(self.end_of_calls, target, action, counted + 1)

    def add(self, work, target, action, number):
        """One piece of work for the pool."""
        self.jobs.append((target, action, self.pool.submit(work, target, action, number)))

    def report(self, tap):
        """A few cases for each kind."""
        strange = sorted({str(target) for target in self.seen if target.call not in FAULTS})
        tap.equal(strange, [], self.flow.name + ": every kind of call that changes files is swept")
        for call, actions in FAULTS.items():
            for action in actions:
                self.report_kind(tap, call, action)
        most = max(1, ABSENT_SHARE * len(self.jobs))
        tap.ok(len(self.absent) <= most, self.flow.name + ": next to all calls that were counted "
               "are done again", "\n".join(self.absent[:10]))
        tap.note("%s: %d of %d points were not there again" % (
            self.flow.name, len(self.absent), len(self.jobs)))

    def report_kind(self, tap, call, action):
        """What came of one kind of fault."""
        done = [job.result() for target, what, job in self.jobs
                if target.call == call and what == action]
        title = "%s, %s:%s" % (self.flow.name, call, action)
        missing = [text for result in done for text in result[1]]
        wrong = [text for result in done for text in result[2]]
        tap.note("%s: %d points met" % (title, sum(result[0] for result in done)))
        tap.ok(not wrong, title + ": every event is there once", "\n".join(wrong[:10]))
        if BOUND:
            tap.skip(title + ": every call was met", "TW_FAULT_POINTS=%d" % BOUND)
        else:
            # In turn, the later faults of a call that is done once have none to meet.
            tap.ok((done or IS_SHORT) and not missing, title + ": every call was met",
                   "\n".join(missing[:10]))


def sweep(tap, flow, pool, gate):
    """The faults in a flow; the kinds of call that it does."""
    began = time.monotonic()
    work = Sweep(flow, pool, gate)
    work.count()
    work.submit()
    work.report(tap)
    some = sum(max(0, n - work.counts[target]) for target, n in work.seen.items())
    tap.note("%s: %d calls in every run, %d more in some; %.0f s%s" % (
        flow.name, sum(work.counts.values()), some, time.monotonic() - began,
        ", bounded by TW_FAULT_POINTS=%d" % BOUND if BOUND else ""))
    return {target.call for target in work.seen}


def killed_store(directory):
    """A store that was killed with a journal to read and a partition to seal; its flow."""
    flow = Flow("before", None, [1, PARTITION - 1, 1, 1])
    for _ in range(10):  # the keeper looks once a second: seldom it is quicker
        point = Point(flow)
        try:
            point.tower.start(wait=False)
            answered = point.send(len(flow.messages))
            point.tower.kill()
            if answered and not os.path.exists(point.path(flow.sealed)):
                shutil.copytree(point.state, directory)
                return flow
        finally:
            point.close()
    raise RuntimeError("no store could be killed before its partition was sealed")


def why_not():
    """Why strace cannot do this here, or None."""
    if not shutil.which("strace"):
        return "needs strace"
    done = subprocess.run(["strace", "-f", "--seccomp-bpf", "-o", "/dev/null", "-e",
                           "inject=fsync:error=EIO", "true"], stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        return "strace cannot inject here: " + done.stderr.decode(errors="replace").strip()[:200]
    return None


def main():
    with Tap() as tap:
        reason = why_not()
        if reason:
            tap.skip("faults of system calls", reason)
            return
        base = tempfile.mkdtemp(prefix="tw-killed-")
        try:
            gate = preload(base, "gate")
            with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
                used = sweep(tap, Flow("ingest", None, [1, PARTITION - 1, 1, 1]), pool, gate)
                tap.equal(sorted(set(FAULTS) - used), [], "the flow does calls of every kind")
                store = os.path.join(base, "state")
                before = killed_store(store)
                recovery = Flow("recovery", store, [1, 1])
                recovery.wanted |= before.wanted
                sweep(tap, recovery, pool, gate)
        finally:
            shutil.rmtree(base, ignore_errors=True)


if __name__ == "__main__":
    main()
