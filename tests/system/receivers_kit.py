# SPDX-License-Identifier: Apache-2.0
"""Receivers of notifications, good and bad, on loopback; and delivery alone with an outbox of its
own (tests/support/notify)."""

import collections
import http.server
import json
import os
import shutil
import socket
import socketserver
import sqlite3
import subprocess
import threading
import time

from tower import Tower, program_path

PATIENCE = 60
STATES = ["waiting", "sending", "sent", "failed", "superseded"]
Request = collections.namedtuple("Request", "path headers body at")
Notice = collections.namedtuple("Notice", "state tries status error")


class Receiver:
    """An HTTP server. script[path]: answers in their order, the last one stays: a status, or
    (status, headers, body), "close", "garbage", "silence" or "endless"."""

    def __init__(self):
        self.lock = threading.Condition()
        self.requests = []
        self.script = {}
        self.is_over = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """One request."""
            protocol_version = "HTTP/1.1"

            def do_POST(self):  # pylint: disable=invalid-name
                """As the script says."""
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.answer(self, body)

            def log_message(self, *_):  # pylint: disable=arguments-differ
                """Nothing."""

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            """Silence must not hold up its end."""
            daemon_threads = True
            block_on_close = False

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, path, host="127.0.0.1"):
        """Of this server."""
        return "http://%s:%d%s" % (host, self.port, path)

    def answer(self, handler, body):
        """The next one of its path."""
        with self.lock:
            answers = self.script.get(handler.path, [200])
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            self.requests.append(Request(handler.path, dict(handler.headers), body,
                                         time.monotonic()))
            self.lock.notify_all()
        handler.close_connection = True
        if answer == "close":
            return
        if answer == "garbage":
            handler.wfile.write(b"\x00\xff" * 3000)
            return
        if answer == "silence":
            self.is_over.wait(PATIENCE)
            return
        if answer == "endless":
            handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            try:
                while not self.is_over.is_set():
                    handler.wfile.write(b"x" * 65536)
            except OSError:
                return
            return
        status, headers, said = answer if isinstance(answer, tuple) else (answer, {}, b"")
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(said)))
        handler.end_headers()
        handler.wfile.write(said)

    def got(self, path):
        """Requests for a path so far."""
        with self.lock:
            return [r for r in self.requests if r.path == path]

    def wait(self, path, count=1, seconds=PATIENCE):
        """Until there are so many; what there is."""
        with self.lock:
            self.lock.wait_for(lambda: sum(r.path == path for r in self.requests) >= count,
                               seconds)
        return self.got(path)

    def close(self):
        """No more."""
        self.is_over.set()
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Blunt:
    """A TCP server that talks as `talk(connection)` does, one connection a thread."""

    def __init__(self, talk):
        self.talk = talk
        self.connections = 0
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=32)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer):
        try:
            self.talk(peer)
        except OSError:
            pass  # the client went away

    def close(self):
        """No more."""
        self.socket.close()


def make_store(directory):
    """A store as a tower leaves it, without anything in it; where it is."""
    with Tower(state=directory) as tower:
        end = time.monotonic() + PATIENCE
        while not is_ready(os.path.join(tower.state, "desk.db")):
            if time.monotonic() > end:
                raise RuntimeError("the tower makes no desk.db")
            time.sleep(0.05)
    return os.path.join(directory, "state")


def is_ready(path):
    """The desk has brought its file to this version."""
    try:
        database = sqlite3.connect("file:%s?mode=ro" % path, uri=True, timeout=30)
        database.execute("SELECT count(*) FROM receiver_state")
        database.close()
        return True
    except sqlite3.Error:
        return False


class Delivery:
    """with Delivery(directory, notify_yaml_as_object) as d: d.add("ops", "webhook", body)."""

    empty = None  # of make_store

    def __init__(self, directory, config, program=None):
        self.directory = directory
        self.store = os.path.join(directory, "store")
        self.file = os.path.join(directory, "notify.yaml")
        self.log = os.path.join(directory, "stderr")
        self.program = program
        self.process = None
        if not os.path.exists(self.store):
            shutil.copytree(Delivery.empty, self.store)
        self.write(config)

    def write(self, config):
        """notify.yaml; JSON is YAML."""
        with open(self.file, "w", encoding="utf-8") as f:
            json.dump(config, f)

    def start(self):
        """The process; what waits is gone on with."""
        arguments = [program_path("tests/support/notify"), self.store, self.file]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                arguments + ([self.program] if self.program else []), stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=log, text=True)
        line = self.process.stdout.readline()
        if json.loads(line or "null") != {"ready": 1}:
            with open(self.log, encoding="utf-8") as f:
                raise RuntimeError("it does not start: " + f.read())
        return self

    def order(self, **order):
        """One order; the number in its answer."""
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return list(json.loads(self.process.stdout.readline()).values())[0]

    def add(self, receiver, integration, data, **more):
        """A notice; its number."""
        notice = dict({"receiver": receiver, "integration": integration, "data": data,
                       "group": data.get("groupKey", "{}:{}"), "kind": "notify"}, **more)
        number = self.order(notice=notice)
        assert number > 0, number
        return number

    def _row(self, sql, *values):
        database = sqlite3.connect("file:%s?mode=ro" % os.path.join(self.store, "desk.db"),
                                   uri=True, timeout=30)
        try:
            return database.execute(sql, values).fetchone()
        finally:
            database.close()

    def notice(self, number):
        """As it stands in the outbox."""
        state, tries, status, error = self._row(
            "SELECT state, tries, status, error FROM notice WHERE id = ?", number)
        return Notice(STATES[state], tries, status,
                      None if error is None else bytes(error).decode())

    def health(self, receiver, integration):
        """(ok, failed, fails, gave_up, error) of the first of its kind."""
        return self._row("SELECT ok, failed, fails, gave_up, CAST(error AS TEXT) FROM"
                         " receiver_state WHERE CAST(receiver AS TEXT) = ? AND"
                         " CAST(integration AS TEXT) = ? AND idx = 0", receiver, integration)

    def wait(self, number, *states, seconds=PATIENCE):
        """Until a notice is in one of the states; the notice."""
        end = time.monotonic() + seconds
        while True:
            notice = self.notice(number)
            if notice.state in states or time.monotonic() > end:
                return notice
            time.sleep(0.02)

    def until(self, number, what, seconds=PATIENCE):
        """Until what(notice); the notice."""
        end = time.monotonic() + seconds
        while True:
            notice = self.notice(number)
            if what(notice) or time.monotonic() > end:
                return notice
            time.sleep(0.02)

    def kill(self):
        """As a crash."""
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def stop(self):
        """By the end of its orders; the exit status."""
        self.process.stdin.close()
        status = self.process.wait(PATIENCE)
        self.process.stdout.close()
        return status

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.kill()


def alert(name="ErpPostingLate", status="firing", summary="posted waits 4 min", **labels):
    """One of a webhook body."""
    return {"status": status, "labels": dict({"alertname": name, "severity": "critical",
                                              "workflow": "sale-posting"}, **labels),
            "annotations": {"summary": summary}, "startsAt": "2026-11-22T06:30:00Z",
            "endsAt": "0001-01-01T00:00:00Z" if status == "firing" else "2026-11-22T06:40:00Z",
            "generatorURL": "https://tower.example/ui/alert.html?fingerprint=1",
            "fingerprint": "%016x" % (hash((name, tuple(sorted(labels.items())))) & (2**63 - 1))}


def body(*alerts, key='{}:{alertname="ErpPostingLate"}', **more):
    """A webhook v4 body."""
    is_firing = any(a["status"] == "firing" for a in alerts)
    return dict({"receiver": "ops", "status": "firing" if is_firing else "resolved",
                 "alerts": list(alerts), "groupLabels": {}, "commonLabels": {},
                 "commonAnnotations": {}, "externalURL": "https://tower.example", "version": "4",
                 "groupKey": key, "truncatedAlerts": 0,
                 "notification_reason": "first notification"}, **more)


def files_with(directory, secrets, only=None):
    """(file, secret) for all of them that are found below a directory."""
    found = []
    for place, _, names in os.walk(directory):
        for name in names:
            if only is not None and name != only:
                continue
            with open(os.path.join(place, name), "rb") as f:
                data = f.read()
            found += [(name, s) for s in secrets if s.encode() in data]
    return found
