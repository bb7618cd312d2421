#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The store in trouble: disk full, read-only, a second instance, damaged, foreign and newer files.
Each is told in one line that says what to do; nothing is overwritten; what was acknowledged
stays."""

import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from publish import Acked, body, event  # noqa: E402
from tap import Tap  # noqa: E402
from tower import Tower, config_with, wait_until  # noqa: E402

MEGABYTE = 1024 * 1024


def digest(directory):
    """{name: hash} of the files that hold data."""
    found = {}
    for name in sorted(os.listdir(directory)):
        if name == "lock" or name.endswith("-shm"):
            continue
        with open(os.path.join(directory, name), "rb") as f:
            data = f.read()
        if data or not name.endswith("-wal"):  # an empty log comes and goes
            found[name] = hashlib.sha256(data).hexdigest()
    return found


def run_once(tower, timeout=20):
    """Start a tower that is expected to refuse: (exit status or None, its last words)."""
    if os.path.exists(tower.log_path):
        os.unlink(tower.log_path)
    tower.start(wait=False)
    try:
        status = tower.process.wait(timeout)
    except subprocess.TimeoutExpired:
        status = None
    tower.kill()
    return status, tower.log()


def filled_store():
    """A stopped store with two hundred events, all acknowledged."""
    tower = Tower(config=config_with(partition_events=1000, commit_events=500))
    tower.start()
    client = Acked(tower.router)
    for number in range(0, 200, 10):
        client.send(body([event("/pos/till-s", number + i) for i in range(10)]))
    assert client.flush(30)
    client.close()
    tower.stop()
    return tower


def copy_of(tower):
    """Another tower on a copy of the store."""
    base = tempfile.mkdtemp(prefix="tw-copy-")
    shutil.copytree(tower.state, os.path.join(base, "state"))
    copy = Tower(state=base, config=config_with(partition_events=1000, commit_events=500))
    copy.is_temporary = True
    return copy


def overwrite(path, offset, data):
    """Bytes in the middle of a file."""
    with open(path, "r+b") as f:
        f.seek(offset)
        f.write(data)


def sql(path, *statements):
    """Change a database behind the tower's back."""
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def foreign(path):
    """A database of some other program in the place of `path`."""
    for suffix in ("", "-wal", "-shm"):
        if os.path.exists(path + suffix):
            os.unlink(path + suffix)
    sql(path, "CREATE TABLE song (title TEXT)", "INSERT INTO song VALUES ('x')")


def partition(tower):
    """The partition that is written."""
    return os.path.join(tower.state, "part-000001.db")


def catalogue(tower):
    """The catalogue."""
    return os.path.join(tower.state, "tillwatch.db")


def truncate_half(path):
    """Cut a file in its middle."""
    os.truncate(path, os.path.getsize(path) // 2)


def remove_partition(tower):
    """The partition and its log: with the log alone SQLite could bring it back."""
    for suffix in ("", "-wal", "-shm"):
        if os.path.exists(partition(tower) + suffix):
            os.unlink(partition(tower) + suffix)


DAMAGES = [
    ("catalogue of another program", lambda t: foreign(catalogue(t)), "tillwatch.db"),
    ("partition of another program", lambda t: foreign(partition(t)), "part-000001.db"),
    ("catalogue that is no database",
     lambda t: overwrite(catalogue(t), 0, b"\x00" * 4096), "tillwatch.db"),
    ("partition that is no database",
     lambda t: overwrite(partition(t), 0, b"garbage " * 512), "part-000001.db"),
    ("catalogue of a newer version",
     lambda t: sql(catalogue(t), "PRAGMA user_version = 9999"), "newer"),
    ("partition of a newer version",
     lambda t: sql(partition(t), "PRAGMA user_version = 9999"), "newer"),
    ("partition cut in its middle", lambda t: truncate_half(partition(t)), "part-000001.db"),
    ("partition that is missing", remove_partition, "missing"),
]


def check_damage(tap, filled):
    """Each damage is refused by name, and the files stay as they were."""
    for name, damage, word in DAMAGES:
        tower = copy_of(filled)
        try:
            damage(tower)
            before = digest(tower.state)
            status, said = run_once(tower)
            last = said.strip().split("\n")[-1]
            tap.ok(status is not None and status > 0, name + ": the start is refused",
                   "status %s\n%s" % (status, said[-1500:]))
            tap.ok(word in last and len(last) > 20, name + ": the last line names it", said[-1500:])
            tap.equal(digest(tower.state), before, name + ": nothing was overwritten")
        finally:
            tower.close()


def check_second_instance(tap):
    """The second tower on one store is refused and names the first."""
    with Tower() as first:
        second = Tower(state=tempfile.mkdtemp(prefix="tw-second-"))
        second.is_temporary = True
        second.env["TILLWATCH_STATE"] = first.state
        status, said = run_once(second)
        tap.ok(status is not None and status > 0, "a second instance is refused", said)
        tap.ok(str(first.pid()) in said, "it names the process of the first", said)
        tap.equal(first.status_of("/readyz"), 200, "the first goes on")
        second.close()


def mount_tmpfs(path, megabytes):
    """A small file system; why not, or None."""
    if os.geteuid() != 0:
        return "needs root for a small file system"
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%dm" % megabytes, "none", path],
                          stderr=subprocess.PIPE, check=False)
    return None if done.returncode == 0 else done.stderr.decode().strip()


def fill(path, leave):
    """A ballast file that leaves so many bytes free."""
    space = os.statvfs(path)
    ballast = os.path.join(path, "ballast")
    with open(ballast, "wb") as f:
        f.write(b"\xff" * max(0, space.f_bavail * space.f_frsize - leave))
    return ballast


def check_disk_full(tap, name, leave, config):
    """Full: acknowledging stops, pages go on. Space: it goes on by itself, nothing lost."""
    base = tempfile.mkdtemp(prefix="tw-full-")
    disk = os.path.join(base, "disk")
    os.mkdir(disk)
    reason = mount_tmpfs(disk, 32)
    if reason:
        tap.skip(name, reason)
        shutil.rmtree(base)
        return
    tower = Tower(state=base, config=config, env={"TILLWATCH_STATE": os.path.join(disk, "store")})
    client = None
    try:
        tower.start()
        client = Acked(tower.router, window=64)
        client.send(body([event("/pos/till-d", i) for i in range(10)]))
        tap.ok(client.flush(20), name + ": before, events are acknowledged")
        ballast = fill(disk, leave)
        number = 10

        def stalled():
            # Random text does not compress, so that the rest of the disk fills up.
            nonlocal number
            while client.has_room():
                client.send(body([event("/pos/till-d", number + i, data=os.urandom(3000).hex())
                                  for i in range(10)]))
                number += 10
            client.receive(100)
            return tower.status_of("/readyz") == 503
        try:
            wait_until(stalled, "acknowledging to stop", 20)
        except TimeoutError:
            tap.ok(False, name + ": acknowledging stops", "%d acked, %d pending, %d bytes free\n%s"
                   % (len(client.acked), len(client.pending), os.statvfs(disk).f_bavail * 4096,
                      tower.log()[-1500:]))
            return
        tap.ok(tower.is_running(), name + ": the tower goes on")
        tap.ok("disk_full" in tower.log(), name + ": the log says disk_full", tower.log()[-1500:])
        tap.equal(tower.status_of("/api/v1/status"), 200, name + ": the API goes on")
        client.receive(500)
        acked = len(client.acked)
        client.receive(500)
        tap.equal(len(client.acked), acked, name + ": nothing more is acknowledged")
        os.unlink(ballast)
        client.window = 0
        tap.ok(client.flush(40), name + ": with space it goes on by itself", tower.log()[-1500:])
        wait_until(lambda: tower.status_of("/readyz") == 200, "ready again", 20)
        stored = tower.stored_ids()
        tap.equal(len(stored), len(client.acked) * 10, name + ": every acknowledged event is there")
        tap.ok(max(stored.values()) == 1, name + ": and once")
        tap.equal(tower.stop(), 0, name + ": the tower stops cleanly")
    finally:
        if client:
            client.close()
        tower.close()
        subprocess.run(["umount", disk], check=False)
        shutil.rmtree(base, ignore_errors=True)


def check_read_only(tap, filled):
    """A store that cannot be written: the start says which path."""
    if os.geteuid() != 0:
        tap.skip("read-only file system", "needs root for a mount")
        return
    base = tempfile.mkdtemp(prefix="tw-ro-")
    disk = os.path.join(base, "disk")
    os.mkdir(disk)
    reason = mount_tmpfs(disk, 64)
    if reason:
        tap.skip("read-only file system", reason)
        shutil.rmtree(base)
        return
    tower = Tower(state=base, env={"TILLWATCH_STATE": os.path.join(disk, "state")})
    try:
        shutil.copytree(filled.state, os.path.join(disk, "state"))
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        status, said = run_once(tower)
        tap.ok(status is not None and status > 0, "read-only: the start is refused", said[-1500:])
        tap.ok(disk in said.strip().split("\n")[-1], "read-only: the last line names the path",
               said[-1500:])
    finally:
        tower.close()
        subprocess.run(["umount", disk], check=False)
        shutil.rmtree(base, ignore_errors=True)


def check_file_size_limit(tap):
    """ulimit -f: SIGXFSZ must not kill; the limit is an error as a full disk is."""
    tower = Tower(wrapper=["prlimit", "--fsize=%d" % (2 * MEGABYTE)])
    client = None
    try:
        tower.start()
        client = Acked(tower.router, window=64)
        number = 0
        for _ in range(60):
            if client.has_room() and tower.is_running():
                client.send(body([event("/pos/till-l", number + i, data=os.urandom(9000).hex())
                                  for i in range(10)]))
                number += 10
            client.receive(50)
        status = tower.process.poll()
        tap.ok(status is None or status > 0, "file size limit: not killed by a signal", status)
        tower.kill()
        tower.wrapper = []
        tower.start()
        client.connect()
        tap.ok(client.flush(30), "file size limit: without it everything is taken")
        stored = tower.stored_ids()
        tap.equal((len(stored), max(stored.values())), (number, 1),
                  "file size limit: every event is there once")
    finally:
        if client:
            client.close()
        tower.close()


def main():
    with Tap() as tap:
        filled = filled_store()
        try:
            tap.equal(len(filled.export()), 200, "a stopped store can be exported")
            check_damage(tap, filled)
            check_second_instance(tap)
            check_read_only(tap, filled)
        finally:
            filled.close()
        # First the watch that stops in time, then the wall itself.
        check_disk_full(tap, "disk nearly full", 1 * MEGABYTE,
                        config_with(stop_free_percent=10, stop_free_bytes=0))
        check_disk_full(tap, "disk full to the last byte", 1 * MEGABYTE,
                        config_with(stop_free_percent=0, stop_free_bytes=0))
        check_file_size_limit(tap)


if __name__ == "__main__":
    main()
