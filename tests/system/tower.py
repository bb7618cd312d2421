#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A real tower for system tests: free ports, a state directory of its own, started and stopped.

As a module:
    with Tower() as tower:                       # started and ready
        tower.get("/api/v1/status")              # parsed JSON
        tower.router                             # endpoint of the acknowledged tap
    Tower(wrapper=["strace", ...], config="...") # see __init__

As a program:
    tower.py run [--state DIR] [--config FILE] [--program FILE] -- COMMAND...
        COMMAND runs beside a tower, with TILLWATCH_* and TOWER_URL in its environment; its exit
        status is the status of this program, or 1 if the tower did not stop cleanly.
    tower.py start --state DIR [...]    prints NAME=VALUE lines for a shell; leaves it running.
        After a stop it starts on the same ports again.
    tower.py stop --state DIR           stops what start left

Nothing sleeps to wait for things: conditions are polled, with deadlines far beyond what is normal.
"""

import argparse
import collections
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("TW_BUILD_DIR", os.path.join(ROOT, "build"))
# Of those that towers are given, "FIRST-LAST": who runs several tests at once gives each its own.
PORTS = os.environ.get("TW_PORTS", "12000-")
# Long enough for a sanitizer build on a busy machine.
DEADLINE_S = float(os.environ.get("TW_DEADLINE_S", "60"))
# Towers without another wrapper may call no more than contrib/tillwatch.service lets them.
CONFINED = [os.path.join(ROOT, "tests", "system", "confine.py"), "--calls", "--"] \
    if os.environ.get("TW_CONFINED") else []


def program_path(name="tillwatch"):
    """The program under test, from the build directory."""
    return os.path.join(BUILD, name)


def free_ports(count):
    """Ports of 127.0.0.1 that nobody had when asked; all different. They are below those that the
    kernel gives out by itself, so that nobody gets one by chance while a tower is down."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as f:
        kernels = int(f.read().split()[0])
    first, last = PORTS.split("-")
    end = int(last) + 1 if last else max(kernels, int(first) + 1000)
    ports = []
    while len(ports) < count:
        port = random.randrange(int(first), end)
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # closed ones still wait
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in ports:
            ports.append(port)
    return ports


def config_with(program=None, **changes):
    """The built-in configuration with some keys changed, as text: config_with(commit_ms=5). A key
    that stands in several sections is named with its own: workflows__pack="false"."""
    # The environment overrides addresses; here the defaults are wanted.
    env = {k: v for k, v in os.environ.items() if not k.startswith("TILLWATCH_")}
    text = subprocess.run([program or program_path(), "print-config"], env=env,
                          stdout=subprocess.PIPE, check=True).stdout.decode()
    for name, value in changes.items():
        section, _, key = name.rpartition("__")
        key = key.replace("_", "-")
        before = r"(?m)^(%s:\n(?: .*\n)*? +%s:).*$" % (section, key) if section \
            else r"(?m)^(\s+%s:).*$" % key
        text, count = re.subn(before, r"\g<1> %s" % value, text)
        if count != 1:
            raise KeyError("%s stands %d times in the configuration" % (key, count))
    return text


def preload(directory, name):
    """Build a library of tests/system for LD_PRELOAD; its path."""
    path = os.path.join(directory, name + ".so")
    subprocess.run(["gcc", "-shared", "-fPIC", "-D_GNU_SOURCE", "-I", BUILD, "-o", path,
                    os.path.join(ROOT, "tests", "system", name + ".c")], check=True)
    return path


def wait_until(condition, what, timeout=None, interval=0.02):
    """Poll `condition` until it is true; its value. Fails with what was waited for."""
    deadline = time.monotonic() + (timeout or DEADLINE_S)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError("waited in vain for " + what)
        time.sleep(interval)


class Tower:
    """One tillwatch process after another on one state directory and one set of ports."""

    def __init__(self, state=None, config=None, env=None, program=None, wrapper=None, args=None):
        """state: directory, kept afterwards; None: a temporary one, removed by close().
        config: text of a configuration file. env: more environment. wrapper: a command put
        before the program (strace, prlimit). args: more arguments of `run`."""
        self.is_temporary = state is None
        self.base = state or tempfile.mkdtemp(prefix="tw-test-")
        os.makedirs(self.base, exist_ok=True)
        self.state = os.path.join(self.base, "state")
        self.log_path = os.path.join(self.base, "tower.log")
        self.program = program or program_path()
        self.wrapper = list(wrapper or CONFINED)
        self.args = list(args or [])
        self.process = None
        web, pull, router, sub, agents, alerts = free_ports(6)
        self.url = "http://127.0.0.1:%d" % web
        self.pull = "tcp://127.0.0.1:%d" % pull
        self.router = "tcp://127.0.0.1:%d" % router
        self.sub = "tcp://127.0.0.1:%d" % sub
        self.env = {
            "TILLWATCH_STATE": self.state,
            "TILLWATCH_WEB": "127.0.0.1:%d" % web,
            "TILLWATCH_TAP_PULL": self.pull,
            "TILLWATCH_TAP_ROUTER": self.router,
            "TILLWATCH_TAP_SUB": self.sub,
            "TILLWATCH_AGENTS": "tcp://127.0.0.1:%d" % agents,
            "TILLWATCH_ALERTS_PUB": "tcp://127.0.0.1:%d" % alerts,
        }
        self.extra_env = dict(env or {})
        self.config_path = None
        if config is not None:
            self.config_path = os.path.join(self.base, "tillwatch.yaml")
            with open(self.config_path, "w", encoding="utf-8") as f:
                f.write(config)

    # --- life

    def command(self, *args):
        """The command line of the program under test with these arguments, its wrapper before."""
        return self.wrapper + [self.program] + list(args)

    def environment(self):
        """The environment of the tower and of those that talk to it."""
        return {**os.environ, **self.env, **self.extra_env, "TOWER_URL": self.url}

    def keep_ports(self):
        """The ports of the tower that had this directory before, if there was one."""
        path = os.path.join(self.base, "tower.json")
        if os.path.exists(path):
            with open(path, encoding="ascii") as f:
                self.env = json.load(f)
            self.url = "http://" + self.env["TILLWATCH_WEB"]
            self.pull = self.env["TILLWATCH_TAP_PULL"]
            self.router = self.env["TILLWATCH_TAP_ROUTER"]
            self.sub = self.env["TILLWATCH_TAP_SUB"]
        with open(path, "w", encoding="ascii") as f:
            json.dump(self.env, f)

    def start(self, wait=True):
        """Start the program; wait until /readyz says yes, or fail with its log."""
        args = ["run"]
        if self.config_path:
            args += ["-c", self.config_path]
        with open(self.log_path, "ab") as log:
            # A session of its own: with a wrapper (strace) the program is a child of it, and
            # signals must reach both without reaching us.
            self.process = subprocess.Popen(
                self.command(*args, *self.args), env=self.environment(), stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True)
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, timeout=None):
        """Until /readyz answers 200."""
        def ready():
            if self.process.poll() is not None:
                raise RuntimeError("the tower ended with status %s:\n%s"
                                   % (self.process.returncode, self.log()[-4000:]))
            return self.status_of("/readyz") == 200
        wait_until(ready, "/readyz", timeout)

    def pid(self):
        """Process id of tillwatch itself, also below a wrapper; None when it is gone."""
        if not self.wrapper:
            return self.process.pid
        name = os.path.basename(self.program)
        # prlimit becomes the program; strace has it as its child.
        for child in [self.process.pid] + descendants(self.process.pid):
            try:
                with open("/proc/%d/comm" % child, encoding="utf-8") as f:
                    if f.read().strip() == name[:15]:
                        return child
            except OSError:
                pass
        return None

    def stop(self, timeout=None):
        """SIGTERM; the exit status (negative: the signal that ended it)."""
        if self.process is None:
            return 0
        pid = self.pid()
        if self.process.poll() is None and pid:
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                pass
        return self.wait(timeout)

    def wait(self, timeout=None):
        """Until it ended; the exit status. Killed when that takes too long."""
        try:
            status = self.process.wait(timeout or DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise TimeoutError("the tower did not stop:\n" + self.log()[-4000:]) from None
        self.process = None
        return status

    def kill(self):
        """kill -9, at once."""
        if self.process is None:
            return
        pid = self.pid()
        for victim in {pid, self.process.pid} - {None}:
            try:
                os.kill(victim, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        self.process = None

    def is_running(self):
        """True while the process lives."""
        return self.process is not None and self.process.poll() is None

    def close(self):
        """Kill what still runs; remove a temporary directory."""
        self.kill()
        if self.is_temporary and not os.environ.get("TW_KEEP_STATE"):
            shutil.rmtree(self.base, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()

    # --- questions

    def log(self):
        """Everything the tower wrote to stderr so far."""
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def request(self, path, body=None, method=None, headers=None, timeout=30):
        """(status, bytes). A refused connection gives (0, b'')."""
        data = None if body is None else json.dumps(body).encode()
        all_headers = {"Content-Type": "application/json"} if data is not None else {}
        all_headers.update(headers or {})
        req = urllib.request.Request(self.url + path, data=data, method=method,
                                     headers=all_headers)
        try:
            with urllib.request.urlopen(req, timeout=timeout) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as e:
            return e.code, e.read()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return 0, b""

    def status_of(self, path):
        """Only the HTTP status, 0 when nobody answers."""
        return self.request(path, timeout=5)[0]

    def get(self, path):
        """Parsed JSON of a call that must succeed."""
        status, body = self.request(path)
        if status != 200:
            raise RuntimeError("GET %s: %d %s" % (path, status, body[:400]))
        return json.loads(body)

    def totals(self):
        """The counters of /metrics without labels: {name: value}."""
        status, body = self.request("/metrics")
        if status != 200:
            raise RuntimeError("GET /metrics: %d" % status)
        found = {}
        for line in body.decode().splitlines():
            if line and not line.startswith("#") and "{" not in line:
                name, value = line.split()[:2]
                found[name] = float(value)
        return found

    def total(self, name):
        """One counter of core/totals.h, by its name there."""
        return int(self.totals().get("tillwatch_%s_total" % name, 0))

    def export(self, *args):
        """Every event that `tillwatch export` writes, parsed. Works on a stopped store too."""
        done = subprocess.run([self.program, "export", *args], env=self.environment(),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if done.returncode != 0:
            raise RuntimeError("export: status %d: %s"
                               % (done.returncode, done.stderr.decode(errors="replace")))
        return [json.loads(line) for line in done.stdout.splitlines() if line]

    def stored_ids(self):
        """How often each event id is stored."""
        return collections.Counter(made["id"] for made in self.export())


def descendants(pid):
    """Process ids below pid."""
    found = []
    try:
        tasks = os.listdir("/proc/%d/task" % pid)
    except OSError:
        return found
    for task in tasks:
        try:
            with open("/proc/%d/task/%s/children" % (pid, task), encoding="ascii") as f:
                children = [int(word) for word in f.read().split()]
        except OSError:
            continue
        for child in children:
            found += [child] + descendants(child)
    return found


def rss_bytes(pid):
    """Resident memory of a process."""
    with open("/proc/%d/status" % pid, encoding="ascii") as f:
        for line in f:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    return 0


# --- as a program

def main():
    parser = argparse.ArgumentParser(description="a real tower for tests")
    parser.add_argument("verb", choices=["run", "start", "stop"])
    parser.add_argument("--state", help="directory; temporary when not given (run only)")
    parser.add_argument("--config", help="configuration file")
    parser.add_argument("--program", help="instead of build/tillwatch")
    words = sys.argv[1:]
    cut = words.index("--") if "--" in words else len(words)
    options = parser.parse_args(words[:cut])
    options.command = words[cut + 1:]
    config = None
    if options.config:
        with open(options.config, encoding="utf-8") as f:
            config = f.read()
    if options.verb == "stop":
        return stop_left(options.state)
    tower = Tower(state=options.state, config=config, program=options.program)
    if options.verb == "start":
        if not options.state:
            parser.error("start needs --state")
        tower.keep_ports()
        tower.start()
        with open(os.path.join(tower.base, "tower.pid"), "w", encoding="ascii") as f:
            f.write(str(tower.process.pid))
        for name, value in {**tower.env, "TOWER_URL": tower.url}.items():
            print("%s=%s" % (name, value))
        return 0
    if not options.command:
        parser.error("run needs a command after --")
    try:
        tower.start()
        status = subprocess.run(options.command, env=tower.environment(), check=False).returncode
        stopped = tower.stop()
        if stopped != 0:
            sys.stderr.write("the tower stopped with status %d:\n%s" % (stopped, tower.log()))
        return status or (1 if stopped else 0)
    finally:
        tower.close()


def stop_left(state):
    """SIGTERM to what `start` left behind; wait until it is gone."""
    path = os.path.join(state, "tower.pid")
    with open(path, encoding="ascii") as f:
        pid = int(f.read())
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        pass
    wait_until(lambda: not os.path.exists("/proc/%d" % pid), "the tower to stop")
    os.unlink(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
