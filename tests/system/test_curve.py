#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Keys on every socket of a real tower: who gets in, under which name, and what becomes of a client
whose key is taken away while others work."""

import glob
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import zmq  # noqa: E402

from publish import Acked, body, event  # noqa: E402
from replay_kit import Agent  # noqa: E402
from tap import Tap  # noqa: E402
from tower import Tower, program_path, wait_until  # noqa: E402

QUIET_S = 1.5
RELOADS = 12


class Keys:
    """A directory with the keys of the tower and of clients."""

    def __init__(self, base):
        self.base = base
        self.clients = os.path.join(base, "clients")
        self.agents = os.path.join(base, "agents")
        os.mkdir(self.clients)
        os.mkdir(self.agents)
        self.make("tower")

    def make(self, name, allowed=None):
        """A pair; its public key goes to `allowed`, if there is one."""
        subprocess.run([program_path(), "keygen", name, "--dir", self.base], check=True,
                       stdout=subprocess.DEVNULL)
        if allowed:
            os.link(self.path(name + ".pub"), os.path.join(allowed, name + ".pub"))

    def path(self, name):
        """A file beside the tower's keys."""
        return os.path.join(self.base, name)

    def text(self, name):
        """A key."""
        with open(self.path(name), encoding="ascii") as f:
            return f.read().strip().encode()

    def use(self, socket, name, server="tower"):
        """Make a socket speak with the keys of a client."""
        socket.setsockopt(zmq.LINGER, 0)
        if name:
            socket.curve_serverkey = self.text(server + ".pub")
            socket.curve_publickey = self.text(name + ".pub")
            socket.curve_secretkey = self.text(name + ".key")
        return socket

    def environment(self, name):
        """As the shipped programs take them."""
        return {"TILLWATCH_SERVER_KEY": self.path("tower.pub"),
                "TILLWATCH_CLIENT_KEY": self.path(name)}

    def config(self):
        """The section of the tower."""
        return ("curve: {server-key-file: %s, clients: %s}\nagents: {heartbeat-s: 1, curve: "
                "{clients: %s}}\n" % (self.path("tower.key"), self.clients, self.agents))


class Sender(Acked):
    """A sender at the acknowledged tap with a key."""

    def __init__(self, keys, endpoint, name, server="tower", **more):
        self.keys = keys
        self.name = name
        self.server = server
        super().__init__(endpoint, **more)

    def connect(self):
        """As the one without, with keys."""
        self.close()
        self.socket = self.keys.use(self.context.socket(zmq.DEALER), self.name, self.server)
        self.socket.setsockopt(zmq.RECONNECT_IVL, 10)
        self.socket.setsockopt(zmq.SNDHWM, 100000)
        self.socket.connect(self.endpoint)
        for ref, frames in self.pending.items():
            self.socket.send_multipart([ref] + frames)


def refusals(tower):
    """Lines of the log about those who were kept out."""
    return [line for line in tower.log().splitlines() if " client_refused " in line]


def door(tower, name):
    """A socket with keys as the page of taps has it; an empty one before it is written."""
    doors = tower.get("/api/v1/taps")["doors"] or {"items": []}
    nobody = {"refused": {"unknown_key": 0}, "clients": [], "last_refused": None}
    return next((one for one in doors["items"] if one["name"] == name), nobody)


def check_senders(tap, tower, keys):
    """Taps of all kinds."""
    till = Sender(keys, tower.router, "till-3")
    till.send(body(event("/pos/till-3", 1)))
    tap.ok(till.flush(), "a client with its key is acknowledged")
    stored = tower.get("/api/v1/search?q=1")["items"]
    tap.ok(stored, "and its event is there")
    push = keys.use(zmq.Context.instance().socket(zmq.PUSH), "till-3")
    push.connect(tower.pull)
    push.send(b"no event")
    held = wait_until(lambda: tower.get("/api/v1/quarantine")["items"], "the quarantine")
    tap.equal(held[0]["peer"], "till-3", "what it sends is under its name")
    pub = keys.use(zmq.Context.instance().socket(zmq.XPUB), "till-3")
    pub.connect(tower.sub)
    tap.equal(pub.recv(), b"\1", "a publisher with its key is subscribed to")
    before = tower.total("messages_received")
    kept_out = [Sender(keys, tower.router, None), Sender(keys, tower.router, "stranger"),
                Sender(keys, tower.router, "till-3", server="other")]
    for one in kept_out:
        one.send(body(event("/pos/nobody", 1)))
    plain = zmq.Context.instance().socket(zmq.PUSH)
    plain.plain_username = b"till-3"
    plain.plain_password = b"till-3"
    keys.use(plain, None).connect(tower.pull)
    plain.send(body(event("/pos/nobody", 2)), zmq.NOBLOCK)
    time.sleep(QUIET_S)
    tap.ok(not any(one.receive() for one in kept_out),
           "no key, an unknown key, another tower's key: none is answered")
    tap.equal(tower.total("messages_received"), before, "and nothing of them got in")
    log = "\n".join(refusals(tower))
    refused = wait_until(lambda: door(tower, "acked")["refused"]["unknown_key"], "the page of taps")
    tap.ok(refused >= 1, "and the page of taps says how many were kept out")
    tap.equal(door(tower, "acked")["last_refused"]["address"] is None
              or door(tower, "acked")["last_refused"]["address"] == "127.0.0.1", True,
              "from where, if libzmq tells it")
    names = [one["name"] for one in door(tower, "acked")["clients"]]
    tap.equal(names, ["till-3"], "and who came in")
    metrics = tower.request("/metrics")[1].decode()
    tap.ok('tillwatch_clients_refused_total{socket="acked",reason="unknown_key"}' in metrics
           and 'tillwatch_clients_admitted_total{socket="pull"}' in metrics, "so do the metrics")
    tap.ok('reason="unknown key"' in log and 'address="127.0.0.1"' in log, "the log says who", log)
    for one in (till, *kept_out):
        one.close()
    for one in (push, pub, plain):
        one.close()


def check_programs(tap, tower, keys):
    """The shipped clients."""
    env = tower.environment()
    command = [program_path("retail-sim"), "--stores", "2", "--events", "300", "--quiet"]
    by_option = ["--server-key", keys.path("tower.pub"), "--client-key", keys.path("till-3")]
    done = subprocess.run(command + by_option, env=env, check=False, timeout=120)
    tap.equal(done.returncode, 0, "retail-sim with keys by option, on all taps")
    done = subprocess.run(command + ["--seed", "2", "--number-from", "5000"],
                          env={**env, **keys.environment("till-3")}, check=False, timeout=120)
    tap.equal(done.returncode, 0, "and by environment")
    done = subprocess.run([program_path("client/example"), tower.router,
                           os.path.join(tower.base, "till.spool")],
                          env={**env, **keys.environment("till-3")}, check=False, timeout=60,
                          stdout=subprocess.PIPE)
    tap.equal(done.stdout.count(b"is safe"), 3, "the example of the client library")
    lines = os.path.join(tower.base, "history.ndjson")
    with open(lines, "wb") as f:
        f.write(body(event("/history", 1)) + b"\n")
    done = subprocess.run([program_path(), "import", "--to", tower.router, lines],
                          env={**env, **keys.environment("till-3")}, check=False, timeout=60,
                          stderr=subprocess.PIPE)
    tap.equal(done.returncode, 0, "import, by environment")
    os.chmod(keys.path("till-3.key"), 0o640)
    done = subprocess.run(command + by_option, env=env, check=False, timeout=60,
                          stderr=subprocess.PIPE)
    tap.ok(done.returncode != 0 and b"till-3.key" in done.stderr,
           "a secret that others may read is not used", done.stderr)
    os.chmod(keys.path("till-3.key"), 0o600)
    done = subprocess.run(command, env={**env, "TILLWATCH_SERVER_KEY": "x"}, check=False,
                          timeout=60, stderr=subprocess.PIPE)
    tap.ok(done.returncode != 0 and b"belong together" in done.stderr, "one key alone is a fault")


def check_agents(tap, tower, keys):
    """Agents have clients of their own, and the names of their keys."""
    tower.extra_env.update(keys.environment("mw-1"))
    agent = Agent(tower, name="mw-1").start()
    agent.wait_online()
    tap.ok(True, "an agent with its key is online")
    endpoint = tower.env["TILLWATCH_AGENTS"]

    def ask(name, client):
        socket = keys.use(zmq.Context.instance().socket(zmq.DEALER), client)
        socket.connect(endpoint)
        socket.send_json({"op": "hello", "agent": name, "systems": ["erp"], "capacity": 1})
        answer = socket.recv() if socket.poll(int(QUIET_S * 1000)) else None
        socket.close()
        return answer

    tap.equal(ask("till-3", "till-3"), None, "a client of the taps is no agent")
    tap.equal(ask("mw-2", None), None, "nor is anybody without a key")
    tap.equal(ask("mw-1", "mw-2"), None, "nobody takes the name of another key")
    tap.ok("agent_refused" in tower.log(), "and the log says so")
    tap.ok(ask("mw-2", "mw-2") is not None, "under its own name it is welcome")
    os.unlink(os.path.join(keys.agents, "mw-1.pub"))
    tower.process.send_signal(signal.SIGHUP)
    wait_until(lambda: not agent.is_online(), "the agent to be offline")
    tap.ok(True, "an agent whose key is taken away is offline")
    time.sleep(QUIET_S)
    tap.ok(not agent.is_online(), "and does not come back")
    agent.kill()
    for name in keys.environment(""):
        del tower.extra_env[name]


def go_on_sending(sender, source, ids, finish):
    """Until told; the ids of what was handed over."""
    number = 0
    while not finish.is_set():
        while sender.has_room() and not finish.is_set():
            made = event(source, number)
            ids[sender.send(body(made))] = made["id"]
            number += 1
        sender.receive(5)


def check_reload(tap, tower, keys):
    """Keys come and go under traffic."""
    finish = threading.Event()
    threads = []
    senders = []
    for name in ("till-3", "erp"):
        sender = Sender(keys, tower.router, name)
        ids = {}
        thread = threading.Thread(target=go_on_sending,
                                  args=(sender, "/reload/" + name, ids, finish))
        senders.append((sender, ids))
        threads.append(thread)
        thread.start()
    leaver = Sender(keys, tower.router, "leaver")
    leaver.send(body(event("/reload/leaver", 0)))
    tap.ok(leaver.flush(), "a client is let in")
    gone = os.path.join(keys.clients, "leaver.pub")
    answered = []
    for i in range(RELOADS):
        reloads = tower.log().count(" reloaded ")
        if i % 2 == 0:
            os.unlink(gone)
        else:
            os.link(keys.path("leaver.pub"), gone)
        tower.process.send_signal(signal.SIGHUP)
        wait_until(lambda: tower.log().count(" reloaded ") > reloads, "the reload")
        if i % 2 == 0:
            leaver.send(body(event("/reload/leaver", 100 + i)))
            time.sleep(0.2)
            leaver.receive()
            answered += [status for ref, status, _ in leaver.acked if int(ref) > 1]
        else:
            leaver.pending.clear()
            leaver.connect()
            leaver.send(body(event("/reload/leaver", 200 + i)))
            tap.ok(leaver.flush(), "with its key it is back")
            leaver.acked.clear()
    finish.set()
    for thread in threads:
        thread.join()
    tap.ok(all(sender.flush() for sender, _ in senders), "the others were answered throughout")
    acked = [ids[ref] for sender, ids in senders for ref, status, _ in sender.acked
             if status == b"ok"]
    sent = sum(len(ids) for _, ids in senders)
    tap.note("%d events under %d reloads" % (sent, RELOADS))
    tap.equal(len(acked), sent, "each of their messages is acknowledged once")
    stored = tower.stored_ids()
    lost = [one for one in acked if stored[one] != 1]
    tap.equal(lost, [], "and what is acknowledged is stored once")
    refused = [one for one in stored if one.startswith("reload.leaver-0001")]
    tap.equal(refused, [], "nothing of a client without its key got in")
    tap.ok(b"ok" not in answered, "nor was it told so")
    held = [one for one in tower.get("/api/v1/quarantine?limit=100")["items"]
            if one["reason"] == "client"]
    tap.equal(len(held), RELOADS // 2, "what it sent is kept apart")
    tap.ok(all(one["peer"] == "leaver" for one in held), "under its name")
    for sender, _ in senders:
        sender.close()
    leaver.close()


def check_faults(tap, keys):
    """What the configuration may not say."""
    base = tempfile.mkdtemp(prefix="tw-test-")
    path = os.path.join(base, "t.yaml")

    def checked(text, **env):
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        done = subprocess.run([program_path(), "check", "-c", path],
                              env={**os.environ, "TILLWATCH_STATE": base, **env}, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode, done.stdout.decode()

    open_tap = "taps:\n  - {name: a, kind: router, bind: 'tcp://*:1'%s}\n"
    status, said = checked(open_tap % "")
    tap.ok(status == 1 and path + ":2: taps.bind: tcp://*:1 is open to other machines" in said,
           "a tap for others without keys, by file and line", said)
    tap.equal(checked(open_tap % ", insecure: true")[0], 0, "unless it is meant so")
    tap.equal(checked(open_tap % "" + keys.config())[0], 0, "or there are keys")
    status, said = checked("", TILLWATCH_AGENTS="tcp://0.0.0.0:8464")
    tap.ok(status == 1 and "environment: agents.bind" in said, "likewise of the environment", said)
    told = os.path.join(base, "notify.yaml")
    with open(told, "w", encoding="utf-8") as f:
        f.write("receivers:\n  - name: desk\n    pub:\n      - {bind: 'tcp://*:1'}\n"
                "route: {receiver: desk}\n")
    status, said = checked("notify: {file: notify.yaml}\n")
    tap.ok(status == 1 and told + ":4: " in said and "open to other machines" in said,
           "and of a receiver", said)
    tap.equal(checked("notify: {file: notify.yaml, insecure: true}\n")[0], 0, "unless meant so")
    for name in glob.glob(os.path.join(base, "*")):
        os.unlink(name)
    os.rmdir(base)


def main():
    with Tap() as tap:
        tower = Tower(config="")
        keys = Keys(tower.base)
        for name in ("till-3", "erp", "leaver"):
            keys.make(name, keys.clients)
        for name in ("mw-1", "mw-2"):
            keys.make(name, keys.agents)
            os.link(keys.path(name + ".pub"), os.path.join(keys.clients, name + ".pub"))
        keys.make("stranger")
        keys.make("other")
        with open(tower.config_path, "w", encoding="utf-8") as f:
            f.write(keys.config())
        try:
            tower.start()
            check_senders(tap, tower, keys)
            check_programs(tap, tower, keys)
            check_agents(tap, tower, keys)
            check_reload(tap, tower, keys)
            tap.equal(tower.stop(), 0, "the tower stops cleanly")
            check_faults(tap, keys)
        finally:
            tower.close()


if __name__ == "__main__":
    main()
