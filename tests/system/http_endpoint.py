# SPDX-License-Identifier: Apache-2.0
"""An endpoint that replays are posted to, on loopback, which does what its path says: well, badly
or not at all. It remembers every request that came in whole."""

import collections
import email.utils
import json
import socket
import ssl
import threading
import time
import urllib.parse

Request = collections.namedtuple("Request", "connection path headers body at")
MAX_HEAD = 65536


class Endpoint:
    """with Endpoint() as e: e.url("/status/200"). Paths: see serve(). With `certificate`, a pair of
    files, it speaks TLS."""

    def __init__(self, certificate=None):
        self.lock = threading.Condition()
        self.requests = []
        self.connections = 0
        self.closed = set()  # numbers of connections
        self.effects = {}  # /effect: key -> how often it was carried out
        self.failures = []  # what must not happen in here
        self.tls = None
        if certificate is not None:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(*certificate)
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.socket.getsockname()[1]
        self.is_open = True
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, path, host="127.0.0.1"):
        """Of this endpoint."""
        return "%s://%s:%d%s" % ("https" if self.tls else "http", host, self.port, path)

    def got(self, path):
        """Requests for a path (its query aside) so far."""
        with self.lock:
            return [r for r in self.requests if r.path.split("?")[0] == path]

    def wait(self, path, count, seconds=30):
        """Until there are so many; what there is."""
        end = time.monotonic() + seconds
        with self.lock:
            self.lock.wait_for(lambda: sum(r.path.split("?")[0] == path
                                           for r in self.requests) >= count,
                               max(0, end - time.monotonic()))
        return self.got(path)

    def wait_closed(self, number, seconds=30):
        """Until that connection is closed from here."""
        with self.lock:
            return self.lock.wait_for(lambda: number in self.closed, seconds)

    def close(self):
        """No more connections."""
        self.is_open = False
        self.socket.shutdown(socket.SHUT_RDWR)  # wakes who accepts
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _accept(self):
        while self.is_open:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
                number = self.connections
            threading.Thread(target=self._connection, args=(peer, number), daemon=True).start()

    def _connection(self, peer, number):
        try:
            peer.settimeout(120)
            if self.tls is not None:
                peer = self.tls.wrap_socket(peer, server_side=True)
            while self._request(peer, number):
                pass
        except (OSError, ssl.SSLError):
            pass  # the client went away, or did not like the certificate
        except Exception as e:  # pylint: disable=broad-except # shown by the test
            self.failures.append(repr(e))
        finally:
            peer.close()
            with self.lock:
                self.closed.add(number)
                self.lock.notify_all()

    def _request(self, peer, number):
        """One request and its answer; False: the connection is over."""
        data = b""
        while b"\r\n\r\n" not in data:
            more = peer.recv(65536)
            if not more or len(data) > MAX_HEAD:
                return False
            data += more
        head, body = data.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        method, path, version = lines[0].split(" ")
        headers = [(name.lower(), value.strip())
                   for name, value in (line.split(":", 1) for line in lines[1:])]
        length = [int(v) for n, v in headers if n == "content-length"]
        if method != "POST" or version != "HTTP/1.1" or len(length) != 1:
            self.failures.append(lines[0])
            return False
        if path.startswith("/early"):  # answered before the body is read
            peer.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n"
                         b"Connection: close\r\n\r\n")
            peer.shutdown(socket.SHUT_WR)
            while peer.recv(65536):
                pass
            return False
        chunks = [body]
        left = length[0] - len(body)
        while left > 0:
            more = peer.recv(min(left, 1 << 20))
            if not more:
                return False
            chunks.append(more)
            left -= len(more)
        request = Request(number, path, headers, b"".join(chunks), time.monotonic())
        with self.lock:
            self.requests.append(request)
            self.lock.notify_all()
        return self.serve(peer, request)

    def serve(self, peer, request):
        """What the path says. /status/N?HEADER=VALUE&body=TEXT; ?date=S is a Retry-After that many
        seconds ahead."""
        parts = urllib.parse.urlsplit(request.path)
        query = dict(urllib.parse.parse_qsl(parts.query))
        words = parts.path.strip("/").split("/")
        if words[0] == "status":
            return self.answer(peer, int(words[1]), query)
        if words[0] == "effect":
            key = dict(request.headers)["idempotency-key"]
            with self.lock:
                self.effects[key] = self.effects.get(key, 0) + 1
                is_new = self.effects[key] == 1
            return self.answer(peer, 200 if is_new else 409, query)
        if words[0] == "echo":  # a problem that repeats what was sent
            secret = dict(request.headers).get("authorization", "")
            query = {"content-type": "application/problem+json",
                     "body": json.dumps({"detail": "who is %s?" % secret})}
            return self.answer(peer, 401, query)
        return getattr(self, "_" + words[0])(peer, query)

    @staticmethod
    def answer(peer, status, query):
        """A whole answer; the connection is kept."""
        query = dict(query)
        body = query.pop("body", "").encode()
        if "date" in query:
            at = time.time() + int(query.pop("date"))
            query["retry-after"] = email.utils.formatdate(at, usegmt=True)
        lines = ["HTTP/1.1 %d Of This Kind" % status]
        lines += ["%s: %s" % pair for pair in query.items()]
        if status != 204:
            lines.append("content-length: %d" % len(body))
        peer.sendall(("\r\n".join(lines) + "\r\n\r\n").encode() + body)
        return True

    @staticmethod
    def _slow(peer, query):
        """A header, then a body that never ends, byte by byte."""
        peer.sendall(b"HTTP/1.1 %s Slow\r\nContent-Length: 100000\r\n\r\n"
                     % query.get("status", "200").encode())
        while True:
            peer.sendall(b"x")
            time.sleep(0.05)

    @staticmethod
    def _trickle(peer, _query):
        """A header that never ends."""
        peer.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            peer.sendall(b"X-A: b\r\n")
            time.sleep(0.05)

    @staticmethod
    def _garbage(peer, _query):
        peer.sendall(b"\x00\xff\x13 no HTTP at all\r\n\r\n\x00")
        return False

    @staticmethod
    def _huge(peer, query):
        """More of a body than anybody reads."""
        peer.sendall(b"HTTP/1.1 %s Huge\r\nContent-Type: application/problem+json\r\n\r\n"
                     % query.get("status", "422").encode())
        peer.sendall(b'{"detail": "')
        while True:
            peer.sendall(b"a" * 65536)

    @staticmethod
    def _close(_peer, _query):
        return False

    @staticmethod
    def _cut(peer, _query):
        """Ends within the header."""
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Le")
        return False

    @staticmethod
    def _never(peer, _query):
        peer.settimeout(60)
        peer.recv(1)
        return False

    def _stale(self, peer, _query):
        """Takes every second request and goes away."""
        return len(self.got("/stale")) % 2 == 1 and self.answer(peer, 200, {})

    def _idle(self, peer, _query):
        """Answers, and closes without having said so."""
        self.answer(peer, 200, {})
        return False

    def _hints(self, peer, _query):
        peer.sendall(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n"
                     b"Location: /x\r\nRetry-After: 99\r\n\r\n")
        return self.answer(peer, 202, {})

    @staticmethod
    def _old(peer, _query):
        peer.sendall(b"HTTP/1.0 200 OK\r\n\r\nuntil the end")
        return False
