#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Hostile input at every tap: no crash, bounded memory, and the neighbour's traffic unharmed.

Each case sends something no honest program sends, while a neighbour goes on sending good events
over the acknowledged tap; then the neighbour must have its answers and the tower its memory."""

import hashlib
import json
import os
import sys
import time

import zmq

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from publish import Acked, body, event  # noqa: E402
from tap import Tap  # noqa: E402
from tower import Tower, rss_bytes, wait_until  # noqa: E402

MEGABYTE = 1024 * 1024
RSS_LIMIT = 1024 * MEGABYTE
IS_SANITIZED = "asan" in os.environ.get("TW_BUILD_DIR", "") or \
    "tsan" in os.environ.get("TW_BUILD_DIR", "")


def nested(depth, opening="[", core="", closing="]"):
    """JSON nested so deep, inside an event."""
    made = event("/pos/hostile", 1)
    made["data"] = "@"
    return json.dumps(made).replace('"@"', opening * depth + core + closing * depth).encode()


def raw_event(**replace):
    """An event whose values are replaced by raw bytes, unchecked."""
    made = event("/pos/hostile", 2)
    text = json.dumps({**made, **{name: "@%s@" % name for name in replace}}).encode()
    for name, value in replace.items():
        text = text.replace(b'"@%s@"' % name.encode(), value)
    return text


def many_members(count):
    """An event with so many members, names close to each other."""
    made = event("/pos/hostile", 3)
    made.update({"x%07d" % i: "v" for i in range(count)})
    return body(made)


def colliding(count):
    """Events whose identifiers collide in the weak hashes that programs used to use: FNV-1a and
    Java's, built from pairs that hash alike."""
    pairs = ("Aa", "BB")
    for number in range(count):
        name = "".join(pairs[(number >> bit) & 1] for bit in range(14))
        yield event("/pos/hostile", number, id="c" + name, transactionid=name)


# name, frames, what the acknowledged tap answers
CASES = [
    ("an empty body", [b""], b"quarantined"),
    ("a NUL byte", [b"\x00"], b"quarantined"),
    ("text that is no JSON", [b"hello"], b"quarantined"),
    ("an empty object", [b"{}"], b"quarantined"),
    ("JSON cut in the middle", [body(event("/pos/hostile", 4))[:-7]], b"quarantined"),
    ("100,000 levels of arrays in data", [nested(100000)], b"quarantined"),
    ("100,000 levels of arrays never closed", [b"[" * 100000], b"quarantined"),
    ("100,000 levels of objects", [nested(100000, '{"a":', "1", "}")], b"quarantined"),
    ("invalid UTF-8 in a value", [raw_event(subject=b'"\xff\xfe"')], b"quarantined"),
    ("an overlong slash", [raw_event(subject=b'"\xc0\xaf"')], b"quarantined"),
    ("a surrogate half, escaped", [raw_event(subject=b'"\\ud800"')], b"quarantined"),
    ("an escaped NUL in an attribute", [raw_event(subject=b'"a\\u0000b"')], b"quarantined"),
    ("a raw NUL in a string", [raw_event(subject=b'"a\x00b"')], b"quarantined"),
    ("1e999999 in data", [raw_event(data=b"1e999999")], b"ok"),
    ("a number of 100,000 digits in data", [raw_event(data=b"9" * 100000)], b"ok"),
    ("a float as an attribute", [raw_event(orderid=b"1.5")], b"quarantined"),
    ("an identifier of 400 digits", [raw_event(transactionid=b'"' + b"7" * 400 + b'"')], None),
    ("100,000 members", [many_members(100000)], b"quarantined"),
    ("the same attribute twice", [b'{"id":"1",' + body(event("/pos/hostile", 5))[1:]],
     b"quarantined"),
    ("__proto__ as a member", [b'{"__proto__":{"a":1},' + body(event("/pos/hostile", 6))[1:]],
     b"quarantined"),
    ("a header block of 1 MB", [b"t", b"ce-a: " + b"x" * MEGABYTE + b"\n", b"{}"], b"quarantined"),
    ("headers that are binary", [b"t", bytes(range(256)), b"{}"], b"quarantined"),
    ("a topic of 1 MB", [b"t" * MEGABYTE, body(event("/pos/hostile", 7))], None),
    ("20,000 events in a batch",
     [body([event("/pos/hostile", i, data=None) for i in range(20000)])], b"quarantined"),
    ("an empty batch", [b"[]"], b"ok"),
    ("five frames too many", [b"a"] * 8, b"quarantined"),
    ("10,000 frames", [b"a"] * 10000, b"quarantined"),
]


class Neighbour:
    """An honest sender. All it sends must be acknowledged, whatever the others do."""

    def __init__(self, tower):
        self.client = Acked(tower.router, window=1000)
        self.number = 0

    def work(self, messages=20):
        """Send and wait for the answers; the time that took, or None when they did not come."""
        began = time.monotonic()
        for _ in range(messages):
            self.client.send(body(event("/pos/neighbour", self.number)))
            self.number += 1
        return time.monotonic() - began if self.client.flush(30) else None

    def is_well(self):
        """Everything so far was accepted."""
        return {status for _, status, _ in self.client.acked} <= {b"ok"}


def send_acked(tower, frames):
    """Send to the acknowledged tap from a fresh peer; status of the answer, or None."""
    client = Acked(tower.router)
    client.send(*frames)
    is_answered = client.flush(15)
    client.close()
    return client.acked[0][1] if is_answered else None


def check_cases(tap, tower, neighbour):
    """Each case over the acknowledged tap, where the answer shows what became of it."""
    for name, frames, wanted in CASES:
        got = send_acked(tower, frames)
        if wanted is None:
            tap.ok(got in (b"ok", b"quarantined"), name + ": is answered", got)
        else:
            tap.equal(got, wanted, name + ": is answered " + wanted.decode())
        if neighbour.work(5) is None or not tower.is_running():
            tap.ok(False, name + ": the neighbour has its answers", tower.log()[-2000:])
            return


def check_oversize(tap, tower, neighbour):
    """100 MB: more than the tap takes. The peer is cut off, nobody else notices."""
    context = zmq.Context.instance()
    for kind, endpoint in ((zmq.PUSH, tower.pull), (zmq.DEALER, tower.router)):
        socket = context.socket(kind)
        socket.setsockopt(zmq.LINGER, 0)
        socket.connect(endpoint)
        frames = [b"x" * (100 * MEGABYTE)]
        socket.send_multipart(([b"ref"] if kind == zmq.DEALER else []) + frames)
        tap.ok(neighbour.work() is not None, "100 MB at %s: the neighbour has its answers"
               % endpoint.rsplit(":", 1)[0])
        socket.close()


def check_malformed_references(tap, tower, neighbour):
    """Messages of the acknowledged tap whose first frame is no reference."""
    context = zmq.Context.instance()
    before = tower.total("events_quarantined")
    socket = context.socket(zmq.DEALER)
    socket.setsockopt(zmq.LINGER, 0)
    socket.connect(tower.router)
    for frames in ([b""], [b"", b""], [b"x" * 65, b"{}"], [b"r" * 1000]):
        socket.send_multipart(frames)
    try:
        wait_until(lambda: tower.total("events_quarantined") >= before + 4, "the quarantine", 15)
    except TimeoutError:
        pass
    tap.equal(tower.total("events_quarantined") - before, 4,
              "messages without a usable reference are in the quarantine")
    socket.close()
    tap.ok(neighbour.work() is not None, "and the neighbour has its answers")


def check_collisions(tap, tower, neighbour):
    """16,384 identifiers that collide in weak hashes must cost no more than others."""
    def send(events):
        client = Acked(tower.router, window=64)
        began = time.monotonic()
        for i in range(0, len(events), 256):
            client.send(body(events[i:i + 256]))
        is_done = client.flush(60)
        client.close()
        return time.monotonic() - began if is_done else None
    plain = [event("/pos/plain", i, id=hashlib.md5(b"%d" % i).hexdigest(),
                   transactionid=hashlib.md5(b"%d" % i).hexdigest()[:28]) for i in range(16384)]
    usual = send(plain)
    hostile = send(list(colliding(16384)))
    tap.note("16,384 usual identifiers %s s, colliding ones %s s" % (usual, hostile))
    tap.ok(usual is not None and hostile is not None, "colliding identifiers are all answered")
    tap.ok(neighbour.work() is not None, "and the neighbour has its answers")


def check_garbage_peer(tap, tower, neighbour):
    """Bytes that are no ZeroMQ at all, on every tap's port and on the web port."""
    import socket as plain
    for endpoint in (tower.pull, tower.router, tower.sub, tower.url):
        host, port = endpoint.split("//")[1].rsplit(":", 1)
        with plain.create_connection((host, int(port)), timeout=10) as peer:
            try:
                peer.sendall(b"GET / HTTP/1.1\r\n\r\n" + os.urandom(4096))
            except OSError:
                pass  # cut off already: that is an answer too
    tap.ok(neighbour.work() is not None, "after bytes of other protocols the neighbour goes on")


def main():
    with Tap() as tap, Tower() as tower:
        neighbour = Neighbour(tower)
        tap.ok(neighbour.work() is not None, "the neighbour has its answers before")
        check_cases(tap, tower, neighbour)
        tap.ok(neighbour.work() is not None, "after all of them the neighbour has its answers")
        check_oversize(tap, tower, neighbour)
        check_malformed_references(tap, tower, neighbour)
        check_collisions(tap, tower, neighbour)
        check_garbage_peer(tap, tower, neighbour)
        tap.ok(neighbour.is_well(), "everything of the neighbour was accepted")
        rss = rss_bytes(tower.pid())
        tap.note("resident memory %d MB" % (rss // MEGABYTE))
        tap.ok(IS_SANITIZED or rss < RSS_LIMIT, "memory stays below %d MB"
               % (RSS_LIMIT // MEGABYTE), rss)
        tap.ok(all(len(line) < 8192 and line.isprintable() for line in tower.log().splitlines()),
               "the log is made of short printable lines")
        tap.equal(tower.stop(), 0, "the tower stops cleanly")


if __name__ == "__main__":
    main()
