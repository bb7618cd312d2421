#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The tower at work under what contrib/tillwatch.service forbids: events, commits, pictures,
notifications, a reload and a clean stop; and that what is forbidden is. TAP."""

import os
import re
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import confine  # noqa: E402
from publish import Acked, body, event  # noqa: E402
from receivers_kit import Receiver  # noqa: E402
from tap import Tap  # noqa: E402
from tower import Tower, config_with, program_path, wait_until  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
MOST_EXPOSED = 1.5  # of 10, as systemd-analyze counts
NOTIFY = """allow: [127.0.0.0/8]
receivers:
  - {name: ops, webhook: [{url: "%s"}]}
route: {receiver: ops}
"""
# What a program that was taken over would try. Each prints "NAME refused" or "NAME done".
ATTEMPTS = """
import ctypes, mmap, os, resource, socket, sys
libc = ctypes.CDLL(None, use_errno=True)

def call(name, *arguments):
    if getattr(libc, name)(*arguments) != 0:
        raise OSError(ctypes.get_errno(), name)

def attempt(name, action):
    try:
        action()
        print(name, "done")
    except (OSError, ValueError):
        print(name, "refused")

attempt("write to the system", lambda: open("/etc/tw-confined", "w"))
attempt("write to the program", lambda: open(sys.argv[2], "r+b"))
attempt("write to the store", lambda: open(sys.argv[1] + "/mine", "w"))
attempt("listen to packets", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
attempt("connect", lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
attempt("memory to write and run", lambda: mmap.mmap(-1, 4096, prot=7))
attempt("mount", lambda: call("mount", b"x", b"/tmp", b"tmpfs", 0, None))
attempt("trace", lambda: call("ptrace", 0, 0, 0, 0))
attempt("a namespace", lambda: call("unshare", 0x10000000))
attempt("set the clock", lambda: call("settimeofday", bytes(16), None))
attempt("another owner", lambda: os.chown(sys.argv[1] + "/mine", 1, 1))
attempt("another user", lambda: os.setuid(1))
attempt("a core file", lambda: resource.setrlimit(resource.RLIMIT_CORE, (1 << 20, 1 << 20)))
print("homes", sum(len(os.listdir(home)) for home in ("/root", "/home") if os.path.isdir(home)))
"""
MAY = {"write to the store", "connect"}


def check_refused(tap, base):
    """The restrictions hold: a program that tries is refused."""
    done = subprocess.run([os.path.join(HERE, "confine.py"), "--write", base, "--", sys.executable,
                           "-c", ATTEMPTS, base, program_path()], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)
    said = dict(line.rsplit(" ", 1) for line in done.stdout.decode().splitlines())
    tap.equal(done.returncode, 0, "the attempts were made")
    for name, outcome in said.items():
        if name == "homes":
            tap.equal(outcome, "0", "home directories are empty")
        else:
            tap.equal(outcome, "done" if name in MAY else "refused", name)
    tap.equal(len(said), 14, "each was tried")


def check_exposure(tap):
    """What systemd says of the unit."""
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", confine.UNIT],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout.decode())
    tap.ok(found and float(found.group(1)) <= MOST_EXPOSED, "the unit leaves little exposed",
           done.stdout.decode()[-500:])
    tap.note("exposure %s of 10" % (found.group(1) if found else "?"))


def start(base, server):
    """A tower below the restrictions, which may write to its directory alone."""
    notify = os.path.join(base, "notify.yaml")
    with open(notify, "w", encoding="utf-8") as f:
        f.write(NOTIFY % server.url("/ops"))
    config = re.sub(r"(?m)^notify:\n", "notify:\n  file: " + notify + "\n", config_with())
    return Tower(state=base, config=config, wrapper=[
        os.path.join(HERE, "confine.py"), "--write", base, "--"])


def check_work(tap, tower, server):
    """All that it does beside reading: commits, children, connections."""
    client = Acked(tower.router)
    client.send(body([event("/pos/confined", number) for number in range(100)]))
    tap.ok(client.flush(), "events are acknowledged")
    client.close()
    for kind, head in (("svg", b"<?xml"), ("png", b"\x89PNG")):
        status, picture = tower.request("/plots/overview.open.%s?since=-1h" % kind)
        tap.ok(status == 200 and picture.startswith(head), "a picture as " + kind,
               "%d %s" % (status, picture[:300]))
    status, text = tower.request("/api/v1/receivers/ops/test", body={})
    tap.ok(status in (200, 202) and server.wait("/ops"), "a receiver is told",
           "%d %s" % (status, text[:300]))
    os.kill(tower.pid(), signal.SIGHUP)
    wait_until(lambda: " reloaded" in tower.log(), "the reload")
    tap.ok(tower.is_running(), "files are read again")
    with open("/proc/%d/status" % tower.pid(), encoding="ascii") as f:
        state = dict(line.split(":\t", 1) for line in f.read().splitlines() if ":\t" in line)
    tap.equal(int(state["CapBnd"], 16), 0, "it has no rights to gain")
    tap.equal((state["NoNewPrivs"], state["Seccomp"]), ("1", "2"), "its calls are filtered")
    tap.equal(tower.stop(), 0, "it stops cleanly")
    modes = {os.stat(os.path.join(tower.state, name)).st_mode & 0o077
             for name in os.listdir(tower.state)}
    tap.equal(modes, {0}, "nobody else may read the store")
    tap.equal(sum(tower.stored_ids().values()), 100, "every event is stored once")


def main():
    with Tap() as tap:
        reason = confine.why_not()
        if reason:
            tap.skip("the unit's restrictions", reason)
            return
        check_exposure(tap)
        with tempfile.TemporaryDirectory(prefix="tw-confined-") as base:
            check_refused(tap, base)
        with tempfile.TemporaryDirectory(prefix="tw-confined-") as base:
            server = Receiver()
            tower = start(base, server)
            try:
                tower.start()
                check_work(tap, tower, server)
            finally:
                tower.close()
                server.close()


if __name__ == "__main__":
    main()
