#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A power cut under load: what was acknowledged is on the disk.

The store lies on an ext4 file system of its own (loop mount). `xfs_io -x -c shutdown` makes that
file system forget everything that was not synced and fail every later call, as the end of power
does. TW_POWER_CYCLES (10) cuts. A control run on a disk that only claims to sync (nosync.c) must
lose acknowledged events: otherwise this test would prove nothing.

Needs root, loop devices and xfs_io; skipped visibly without them."""

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from publish import Load  # noqa: E402
from tap import Tap  # noqa: E402
from tower import BUILD, ROOT, Tower, config_with, wait_until  # noqa: E402

CYCLES = int(os.environ.get("TW_POWER_CYCLES", "10"))
IMAGE_MB = 512


def run(*command):
    """A command that must succeed."""
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


class Disk:
    """A file system of its own, whose power can be cut."""

    def __init__(self):
        self.base = tempfile.mkdtemp(prefix="tw-disk-")
        self.image = os.path.join(self.base, "image")
        self.path = os.path.join(self.base, "mnt")
        self.is_mounted = False
        os.mkdir(self.path)
        run("truncate", "-s", "%dM" % IMAGE_MB, self.image)
        run("mkfs.ext4", "-q", "-F", self.image)
        self.mount()

    def mount(self):
        """Power on."""
        run("mount", "-o", "loop", self.image, self.path)
        self.is_mounted = True

    def unmount(self):
        """Take it away."""
        if self.is_mounted:
            run("umount", self.path)
            self.is_mounted = False

    def cut(self):
        """Power off: nothing that was not synced will be there again."""
        run("xfs_io", "-x", "-c", "shutdown", self.path)

    def close(self):
        """Unmount and remove."""
        self.unmount()
        shutil.rmtree(self.base, ignore_errors=True)


def why_not():
    """Why this test cannot run here, or None."""
    if os.geteuid() != 0:
        return "needs root for a loop mount"
    for command in ("xfs_io", "mkfs.ext4", "mount"):
        if not shutil.which(command):
            return "needs " + command
    try:
        Disk().close()
    except (subprocess.CalledProcessError, OSError) as error:
        return "no loop mount here: %s" % error
    return None


def build_nosync(directory):
    """The library that makes syncing a lie."""
    path = os.path.join(directory, "nosync.so")
    run("gcc", "-shared", "-fPIC", "-I", BUILD, "-o", path,
        os.path.join(ROOT, "tests", "system", "nosync.c"))
    return path


def power_cuts(tap, cycles, preload=None):
    """Load, cut, power on, again; what became of it: (acknowledged, lost, twice, statuses)."""
    rng = random.Random(1)
    disk = Disk()
    logs = tempfile.mkdtemp(prefix="tw-power-")
    # The log lies outside of the disk that dies.
    tower = Tower(state=logs, config=config_with(commit_ms=5, stop_free_percent=0,
                                                 stop_free_bytes=0),
                  env={"TILLWATCH_STATE": os.path.join(disk.path, "store"),
                       **({"LD_PRELOAD": preload} if preload else {})})
    load = Load(tower.router, "/pos/store-0042/till-2")
    statuses = []
    try:
        load.start()
        for _ in range(cycles):
            tower.start()
            load.reconnect.set()
            before = len(load.client.acked) if load.client else 0
            wait_until(lambda: load.client and len(load.client.acked) > before + 20, "load", 30)
            time.sleep(rng.uniform(0, 0.1))  # a random moment, not a wait for something
            disk.cut()
            if preload:
                tower.kill()
            else:
                # Every sync fails from now on: it must stop by itself, and loudly.
                statuses.append(tower.wait(30))
            disk.unmount()
            disk.mount()
        acknowledged_before = load.acknowledged()
        if preload:
            load.finish.set()
            load.abandon = True
        try:
            tower.start()
        except (RuntimeError, TimeoutError) as error:
            tap.note("the tower does not start: %s" % str(error)[-300:])
            return acknowledged_before, acknowledged_before, [], statuses
        load.reconnect.set()
        load.finish.set()
        load.join()
        stored = tower.stored_ids()
        acked = acknowledged_before if preload else load.acknowledged()
        lost = [i for i in acked if stored[i] == 0]
        twice = [i for i, count in stored.items() if count > 1]
        tower.stop()
        return acked, lost, twice, statuses
    finally:
        load.abandon = True
        load.finish.set()
        tower.close()
        disk.close()
        shutil.rmtree(logs, ignore_errors=True)


def main():
    with Tap() as tap:
        reason = why_not()
        if reason:
            tap.skip("power cuts", reason)
            tap.skip("control run without syncing", reason)
            return
        acked, lost, twice, statuses = power_cuts(tap, CYCLES)
        tap.note("%d events acknowledged over %d power cuts" % (len(acked), CYCLES))
        tap.ok(len(acked) > CYCLES * 20, "there was load", len(acked))
        tap.equal(lost[:10], [], "acknowledged and lost: 0")
        tap.equal(twice[:10], [], "stored twice: 0")
        tap.ok(all(status > 0 for status in statuses),
               "a disk that fails ends the tower with an error status", statuses)
        directory = tempfile.mkdtemp(prefix="tw-nosync-")
        try:
            acked, lost, _, _ = power_cuts(tap, 1, build_nosync(directory))
        finally:
            shutil.rmtree(directory, ignore_errors=True)
        tap.note("control: %d of %d acknowledged events lost" % (len(lost), len(acked)))
        tap.ok(lost, "control: without syncing the same cut loses acknowledged events")


if __name__ == "__main__":
    main()
