#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A power cut under load: what was acknowledged is on the disk.

Two emulations. Everywhere: the tower runs on shadow.c, which keeps a copy of exactly what was
synced, and after a kill the copy is what it finds. As root with loop mounts: the store lies on an
ext4 file system of its own, and `xfs_io -x -c shutdown` makes it forget what was not synced.
TW_POWER_CYCLES (10) cuts each.

Real power takes the program with it. Here the tower is stopped before the cut and never runs again
after it: what it has sent by then is taken from the socket, and all of that is judged.

Control runs on a disk that says it has synced and has not must lose acknowledged events: otherwise
this test would prove nothing."""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from publish import Load  # noqa: E402
from tap import Tap  # noqa: E402
from tower import Tower, config_with, preload, wait_until  # noqa: E402

CYCLES = int(os.environ.get("TW_POWER_CYCLES", "10"))
IMAGE_MB = 512
QUIET_S = 0.05  # without an answer from a tower that is stopped: the socket is empty


def run(*command):
    """A command that must succeed."""
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def thread_states(pid):
    """States of all threads, as /proc has them: {"S", "R"}."""
    states = set()
    for task in os.listdir("/proc/%d/task" % pid):
        try:
            with open("/proc/%d/task/%s/stat" % (pid, task), encoding="ascii") as f:
                states.add(f.read().rpartition(")")[2].split()[0])
        except OSError:
            pass  # a thread that just ended
    return states


class ShadowDisk:
    """A directory of which only what was synced survives."""

    def __init__(self, lies=False):
        self.base = tempfile.mkdtemp(prefix="tw-shadow-")
        self.lies = lies
        self.path = os.path.join(self.base, "live")
        self.shadow = os.path.join(self.base, "kept")
        self.lie = os.path.join(self.base, "lie")
        os.mkdir(self.path)
        os.mkdir(self.shadow)
        self.env = {"LD_PRELOAD": preload(self.base, "shadow"), "TW_SHADOW_FROM": self.path,
                    "TW_SHADOW_TO": self.shadow, "TW_SHADOW_LIE": self.lie}

    def before_cut(self):
        """From now on syncing is a lie, if this is the control run."""
        if self.lies:
            with open(self.lie, "w", encoding="ascii"):
                pass

    def cut(self):
        """Power off: the copy is what there is, and a tower that is stopped does not change it."""

    def restore(self):
        """Power on."""
        shutil.rmtree(self.path)
        shutil.copytree(self.shadow, self.path)

    def close(self):
        """Remove it."""
        shutil.rmtree(self.base, ignore_errors=True)


class LoopDisk:
    """An ext4 file system of its own, whose power can be cut."""

    def __init__(self, lies=False):
        self.base = tempfile.mkdtemp(prefix="tw-disk-")
        self.image = os.path.join(self.base, "image")
        self.path = os.path.join(self.base, "mnt")
        self.is_mounted = False
        self.lies = lies
        os.mkdir(self.path)
        run("truncate", "-s", "%dM" % IMAGE_MB, self.image)
        run("mkfs.ext4", "-q", "-F", self.image)
        self.mount()
        self.env = {"LD_PRELOAD": preload(self.base, "nosync")} if lies else {}

    def mount(self):
        """Power on."""
        run("mount", "-o", "loop", self.image, self.path)
        self.is_mounted = True

    def before_cut(self):
        """nosync.c has lied from the start."""

    def cut(self):
        """Power off."""
        run("xfs_io", "-x", "-c", "shutdown", self.path)

    def restore(self):
        """Power on."""
        self.unmount()
        self.mount()

    def unmount(self):
        """Take it away."""
        if self.is_mounted:
            run("umount", self.path)
            self.is_mounted = False

    def close(self):
        """Unmount and remove."""
        self.unmount()
        shutil.rmtree(self.base, ignore_errors=True)


def why_no_loop():
    """Why there can be no loop mount here, or None."""
    if os.geteuid() != 0:
        return "needs root for a loop mount"
    for command in ("xfs_io", "mkfs.ext4", "mount"):
        if not shutil.which(command):
            return "needs " + command
    try:
        LoopDisk().close()
    except (subprocess.CalledProcessError, OSError) as error:
        return "no loop mount here: %s" % error
    return None


class Run:
    """Load and power cuts on one disk, and what came of it."""

    def __init__(self, disk):
        self.disk = disk
        self.start_failure = ""
        self.acked = self.lost = self.twice = ()
        self.logs = tempfile.mkdtemp(prefix="tw-power-")  # outside of the disk that dies
        self.tower = Tower(
            state=self.logs,
            config=config_with(commit_ms=5, stop_free_percent=0, stop_free_bytes=0,
                               partition_events=5000),
            env={"TILLWATCH_STATE": os.path.join(disk.path, "store"), **disk.env})
        self.load = Load(self.tower.router, "/pos/store-0042/till-2")

    def wait_for_load(self, messages):
        """Until so many more messages are acknowledged."""
        before = len(self.load.client.acked) if self.load.client else 0
        wait_until(lambda: self.load.client and len(self.load.client.acked) >= before + messages,
                   "load", 30)

    def freeze(self):
        """Stop the tower for good, and take what it has sent. A thread that is in the kernel (D: a
        sync under way) may end that call, then it stops too: no answer leaves any more."""
        pid = self.tower.pid()
        os.kill(pid, signal.SIGSTOP)
        wait_until(lambda: "T" in thread_states(pid) and thread_states(pid) <= {"T", "D"},
                   "the tower to stand still")
        count = -1
        while count != len(self.load.client.acked):
            count = len(self.load.client.acked)
            time.sleep(QUIET_S)

    def cuts(self, cycles):
        """The power cuts, then a last start that judges."""
        rng = random.Random(1)
        self.load.start()
        for _ in range(cycles):
            self.tower.start()
            self.load.reconnect.set()
            self.wait_for_load(20)
            self.disk.before_cut()
            self.wait_for_load(20)
            time.sleep(rng.uniform(0, 0.1))  # a random moment, not a wait for something
            self.freeze()
            if self.disk.lies:
                # Nothing may be sent again after the cut, or the loss would be mended.
                self.load.abandon = True
                self.load.finish.set()
                self.load.join()
            self.disk.cut()
            self.tower.kill()
            self.disk.restore()
        self.judge()

    def judge(self):
        """What is stored against what was acknowledged."""
        try:
            self.tower.start()
        except (RuntimeError, TimeoutError) as error:
            self.start_failure = str(error)[-600:]
            self.acked = self.lost = self.load.acknowledged()
            return
        self.load.reconnect.set()
        self.load.finish.set()
        self.load.join()
        stored = self.tower.stored_ids()
        self.acked = self.load.acknowledged()
        self.lost = [i for i in self.acked if stored[i] == 0]
        self.twice = [i for i, count in stored.items() if count > 1]
        self.tower.stop()

    def close(self):
        """Remove everything."""
        self.load.abandon = True
        self.load.finish.set()
        self.tower.close()
        self.disk.close()
        shutil.rmtree(self.logs, ignore_errors=True)


def check(tap, name, make_disk):
    """Honest syncs lose nothing; the control run loses."""
    honest = Run(make_disk())
    try:
        honest.cuts(CYCLES)
    finally:
        honest.close()
    tap.note("%s: %d events acknowledged over %d power cuts, all of them judged"
             % (name, len(honest.acked), CYCLES))
    tap.equal(honest.start_failure, "", name + ": the tower starts after every cut")
    tap.equal(honest.lost[:10], [], name + ": acknowledged and lost: 0")
    tap.equal(list(honest.twice)[:10], [], name + ": stored twice: 0")
    control = Run(make_disk(lies=True))
    try:
        control.cuts(1)
    finally:
        control.close()
    tap.note("%s, control: %d of %d acknowledged events lost; %s" % (
        name, len(control.lost), len(control.acked), control.start_failure.strip()[-200:]))
    tap.ok(control.lost, name + ", control: where syncing is a lie acknowledged events are lost")


def check_failing_disk(tap):
    """A disk that goes away under a tower that lives on."""
    run_on = Run(LoopDisk())
    try:
        run_on.load.start()
        run_on.tower.start()
        run_on.wait_for_load(20)
        run_on.disk.cut()
        status = run_on.tower.wait(30)
        tap.ok(status > 0, "ext4 loop mount: a disk that fails ends the tower with an error status",
               status)
    finally:
        run_on.close()


def main():
    with Tap() as tap:
        check(tap, "shadow disk", ShadowDisk)
        reason = why_no_loop()
        if reason:
            tap.skip("ext4 loop mount: power cuts", reason)
        else:
            check(tap, "ext4 loop mount", LoopDisk)
            check_failing_disk(tap)


if __name__ == "__main__":
    main()
