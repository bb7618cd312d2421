#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What an operator does: stop and pause under load, reload, back up and restore, export and import,
a disk whose sync is slow, few file descriptors."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from publish import Acked, Load, body, event  # noqa: E402
from tap import Tap  # noqa: E402
from tower import DEADLINE_S, Tower, config_with, rss_bytes, wait_until  # noqa: E402

STOP_LIMIT_S = 5


def under_load(tower):
    """Load that has been acknowledged for a while."""
    load = Load(tower.router, "/pos/store-0042/till-3")
    load.start()
    wait_until(lambda: load.client and len(load.client.acked) > 50, "load")
    return load


def all_there(tower, load):
    """What is wrong with what is stored; empty when all is well."""
    stored = tower.stored_ids()
    acked = load.acknowledged()
    lost = [i for i in acked if i not in stored]
    twice = [i for i, count in stored.items() if count > 1]
    return "" if not lost and not twice else "lost %s, twice %s" % (lost[:3], twice[:3])


def check_stop_under_load(tap):
    """SIGTERM: drains, commits, acknowledges, ends with 0 within its deadline."""
    tower = Tower()
    tower.start()
    load = under_load(tower)
    try:
        began = time.monotonic()
        tap.equal(tower.stop(), 0, "SIGTERM under load: status 0")
        took = time.monotonic() - began
        tap.ok(took < STOP_LIMIT_S * DEADLINE_S / 60, "SIGTERM under load: within %d s"
               % STOP_LIMIT_S, took)
        tower.start()
        load.reconnect.set()
        load.finish.set()
        load.join()
        tap.ok(load.is_flushed, "SIGTERM under load: what waited is taken by the next start")
        tap.equal(all_there(tower, load), "", "SIGTERM under load: nothing lost, nothing twice")
        began = time.monotonic()
        tower.process.send_signal(signal.SIGINT)
        tap.equal(tower.wait(), 0, "SIGINT: status 0")
    finally:
        load.abandon = True
        load.finish.set()
        tower.close()


def check_pause_and_reload(tap):
    """SIGSTOP and SIGCONT, SIGHUP: the tower goes on as if nothing was."""
    with Tower() as tower:
        load = under_load(tower)
        try:
            tower.process.send_signal(signal.SIGSTOP)
            count = len(load.client.acked)
            wait_until(lambda: not load.client.has_room(), "a full window")
            tower.process.send_signal(signal.SIGCONT)
            wait_until(lambda: len(load.client.acked) > count + 50, "acknowledgements again")
            tap.ok(True, "after SIGSTOP and SIGCONT it acknowledges again")
            tower.process.send_signal(signal.SIGHUP)
            wait_until(lambda: "reloaded" in tower.log(), "the reload")
            count = len(load.client.acked)
            wait_until(lambda: len(load.client.acked) > count + 50, "acknowledgements")
            tap.ok(tower.is_running(), "after SIGHUP it acknowledges on")
            load.finish.set()
            load.join()
            tap.equal(all_there(tower, load), "", "paused, reloaded: nothing lost, nothing twice")
        finally:
            load.abandon = True
            load.finish.set()


def backup(tower, target):
    """`tillwatch backup`: (status, what it said)."""
    done = subprocess.run([tower.program, "backup", target], env=tower.environment(),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout.decode(errors="replace")


def check_backup(tap):
    """A backup under load holds what was acknowledged before it began, and can be started."""
    base = tempfile.mkdtemp(prefix="tw-backup-")
    target = os.path.join(base, "state")
    try:
        with Tower(config=config_with(partition_events=2000, commit_events=500)) as tower:
            load = under_load(tower)
            try:
                before = load.acknowledged()
                status, said = backup(tower, target)
                tap.equal(status, 0, "backup under load: status 0 (%s)" % said.strip()[:100])
                status, said = backup(tower, target)
                tap.ok(status > 0 and target in said, "backup onto an existing target is refused",
                       said)
                count = len(load.client.acked)
                wait_until(lambda: len(load.client.acked) > count + 50, "acknowledgements")
                tap.ok(True, "backup under load: the tower acknowledges on")
            finally:
                load.abandon = True
                load.finish.set()
                load.join()
        restored = Tower(state=base)
        try:
            restored.start()
            stored = restored.stored_ids()
            tap.equal([i for i in before if i not in stored][:3], [],
                      "the restored copy has everything acknowledged before the backup began")
            tap.ok(stored and max(stored.values()) == 1, "and everything once")
            client = Acked(restored.router)
            client.send(body(event("/pos/after-restore", 1)))
            tap.ok(client.flush(20), "the restored copy takes new events")
            client.close()
            tap.equal(restored.stop(), 0, "the restored tower stops cleanly")
        finally:
            restored.close()
    finally:
        shutil.rmtree(base, ignore_errors=True)


def check_export_import(tap):
    """What one store exports another imports; importing again changes nothing."""
    source = Tower()
    target = Tower()
    path = os.path.join(source.base, "history.ndjson")
    try:
        source.start()
        client = Acked(source.router)
        for number in range(0, 500, 50):
            client.send(body([event("/pos/history", number + i) for i in range(50)]))
        client.flush(30)
        client.close()
        with open(path, "wb") as out:
            done = subprocess.run([source.program, "export"], env=source.environment(), stdout=out,
                                  stderr=subprocess.PIPE, check=False)
        tap.equal(done.returncode, 0, "export: status 0")
        source.stop()
        target.start()
        # A second file, or the second run would know that it has done this one.
        again = shutil.copy(path, path + ".again")
        for file in (path, again):
            done = subprocess.run([target.program, "import", file], env=target.environment(),
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
            tap.equal(done.returncode, 0, "import of %s: status 0" % os.path.basename(file))
            if done.returncode != 0:
                tap.note(done.stderr.decode(errors="replace")[-1000:])
        tap.equal(target.total("events_duplicate"), 500, "the second import is all duplicates")
        tap.equal(target.stored_ids(), source.stored_ids(), "the same events are in both stores")
        one = sorted(source.export(), key=lambda e: e["id"])
        other = sorted(target.export(), key=lambda e: e["id"])
        tap.ok(one == other, "and they are equal member by member")
    finally:
        source.close()
        target.close()


def check_slow_sync(tap):
    """A sync that takes 300 ms: order kept, memory bounded, everything acknowledged in the end."""
    if not shutil.which("strace"):
        tap.skip("a slow disk", "needs strace")
        return
    # Of strace's own kind of delay: every sync waits before it begins.
    tower = Tower(wrapper=["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync,fsync",
                           "-e", "inject=fdatasync,fsync:delay_enter=300000"])
    client = None
    try:
        tower.start()
        client = Acked(tower.router, window=400)
        for first in range(0, 400 * 20, 20):
            client.send(body([event("/pos/till-w", first + i) for i in range(20)]))
        tap.ok(client.flush(60), "slow sync: everything is acknowledged", len(client.pending))
        refs = [int(ref) for ref, _, _ in client.acked]
        tap.equal(refs, sorted(refs), "slow sync: acknowledgements keep their order")
        tap.ok(rss_bytes(tower.pid()) < 1 << 30, "slow sync: memory is bounded")
        tap.equal(tower.stop(), 0, "slow sync: the tower stops cleanly")
    finally:
        if client:
            client.close()
        tower.close()


def check_few_descriptors(tap):
    """Ninety-six descriptors: idle web connections may be refused, ingest goes on."""
    import socket
    tower = Tower(wrapper=["prlimit", "--nofile=96"])
    idle = []
    try:
        tower.start()
        client = Acked(tower.router)
        client.send(body(event("/pos/till-fd", 0)))
        tap.ok(client.flush(20), "few descriptors: events are acknowledged")
        host, port = tower.url.split("//")[1].split(":")
        for _ in range(100):
            try:
                idle.append(socket.create_connection((host, int(port)), timeout=1))
            except OSError:
                break
        for number in range(1, 20):
            client.send(body(event("/pos/till-fd", number)))
        tap.ok(client.flush(20), "few descriptors, all taken by idle connections: events go on",
               tower.log()[-1500:])
        client.close()
    finally:
        for one in idle:
            one.close()
        tower.close()


def main():
    with Tap() as tap:
        check_stop_under_load(tap)
        check_pause_and_reload(tap)
        check_backup(tap)
        check_export_import(tap)
        check_slow_sync(tap)
        check_few_descriptors(tap)


if __name__ == "__main__":
    main()
