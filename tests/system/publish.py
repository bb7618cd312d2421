# SPDX-License-Identifier: Apache-2.0
"""Events and ZeroMQ senders for the system tests, on python3-zmq."""

import collections
import json
import threading
import time

try:
    import zmq
except ImportError as error:
    raise ImportError("python3-zmq is not installed: run script/setup") from error


def event(source, number, **more):
    """A CloudEvent of a sale; `more` overrides or adds attributes, None removes."""
    made = {
        "specversion": "1.0",
        "id": "%s-%06d" % (source.strip("/").replace("/", "."), number),
        "source": source,
        "type": "com.example.sale.posted",
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "datacontenttype": "application/json",
        "storeid": "0042",
        "transactionid": "%d" % number,
        "data": {"total": "12.50"},
    }
    made.update(more)
    return {k: v for k, v in made.items() if v is not None}


def body(made):
    """Bytes of an event or of a list of them."""
    return json.dumps(made, separators=(",", ":")).encode()


class Acked:
    """A sender at the acknowledged tap that keeps the log a durability test is judged by:
    what was acknowledged, and in which order. Sends again what was not, after a reconnect."""

    def __init__(self, endpoint, window=64):
        self.endpoint = endpoint
        self.window = window
        self.context = zmq.Context.instance()
        self.pending = collections.OrderedDict()  # ref -> frames
        self.acked = []  # (ref, status, problem)
        self.next_ref = 1
        self.socket = None
        self.connect()

    def connect(self):
        """A fresh socket; everything unacknowledged goes out again, in order."""
        self.close()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.RECONNECT_IVL, 10)
        self.socket.setsockopt(zmq.RECONNECT_IVL_MAX, 50)
        self.socket.setsockopt(zmq.SNDHWM, 100000)
        self.socket.connect(self.endpoint)
        for ref, frames in self.pending.items():
            self.socket.send_multipart([ref] + frames)

    def close(self):
        """Closes the socket; what is pending stays pending."""
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    def has_room(self):
        """True while the window is not full."""
        return len(self.pending) < self.window

    def send(self, *frames):
        """Send one message ([topic] [headers] body); returns its reference."""
        ref = b"%d" % self.next_ref
        self.next_ref += 1
        self.pending[ref] = list(frames)
        self.socket.send_multipart([ref] + list(frames))
        return ref

    def receive(self, timeout_ms=0):
        """Take the acknowledgements that are there; how many."""
        count = 0
        while self.socket.poll(timeout_ms if count == 0 else 0):
            frames = self.socket.recv_multipart()
            ref, status = frames[0], frames[1]
            problem = json.loads(frames[2]) if len(frames) > 2 else None
            # The same message may have gone out twice; the second answer says nothing new.
            if self.pending.pop(ref, None) is not None:
                self.acked.append((ref, status, problem))
            count += 1
        return count

    def flush(self, timeout_s=60):
        """Until everything is acknowledged; True, or False when the time is over."""
        deadline = time.monotonic() + timeout_s
        while self.pending and time.monotonic() < deadline:
            self.receive(100)
        return not self.pending


# Events in a message of Load.
BATCH = 8


class Load(threading.Thread):
    """Sends batches as fast as the window allows, until told to finish; reconnects on request."""

    def __init__(self, endpoint, source):
        super().__init__(name="load")
        self.endpoint = endpoint
        self.source = source
        self.number = 0
        self.ids_of = {}  # ref -> ids of its events
        self.reconnect = threading.Event()
        self.finish = threading.Event()
        self.abandon = False  # at the end, do not wait for what is unacknowledged
        self.is_flushed = False
        self.client = None

    def run(self):
        self.client = Acked(self.endpoint, window=64)
        while not self.finish.is_set():
            if self.reconnect.is_set():
                self.reconnect.clear()
                self.client.connect()
            while self.client.has_room():
                made = [event(self.source, n, sequence="%012d" % (n + 1))
                        for n in range(self.number, self.number + BATCH)]
                self.number += BATCH
                self.ids_of[self.client.send(body(made))] = [e["id"] for e in made]
            self.client.receive(5)
        if not self.abandon:
            self.client.connect()
            self.is_flushed = self.client.flush(60)
        self.client.close()

    def acknowledged(self, first=0):
        """Ids of all events whose message was answered, from that answer on."""
        return [i for ref, _, _ in self.client.acked[first:] for i in self.ids_of[ref]]
