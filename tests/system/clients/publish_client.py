#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A publisher as a Python integration would write it, on python3-zmq alone.
Usage and output: as publish.mjs beside it."""

import base64
import json
import os
import sys

import zmq

BATCH_SIZE = 4


def make_event(order, tap, mode, number):
    """Event `number` of the order."""
    return {
        "specversion": "1.0",
        "id": "%s-%d" % (order, number),
        "source": "/ecommerce/python-%s-%s" % (tap, mode),
        "type": "com.example.order.changed",
        "time": "2026-11-27T18:00:%02dZ" % (number % 60),
        "datacontenttype": "application/json",
        "orderid": order,
        "storeid": "0042",
        "data": {"number": number, "note": "Größe 42, 100 % Baumwolle", "total": "12.50"},
    }


def frames_of(mode, events):
    """The messages of these events."""
    if mode == "batch":
        for i in range(0, len(events), BATCH_SIZE):
            yield [b"order.changed", b"content-type: application/cloudevents-batch+json\n",
                   json.dumps(events[i:i + BATCH_SIZE]).encode()]
    elif mode == "structured":
        # The humble producer: a topic and the event, no headers.
        for event in events:
            yield [b"order.changed", json.dumps(event, ensure_ascii=False).encode()]
    else:
        for number, event in enumerate(events):
            attributes = {k: v for k, v in event.items() if k not in ("data", "datacontenttype")}
            lines = ["ce-%s: %s\n" % item for item in attributes.items()]
            if number % 2 == 0:
                lines.append("content-type: application/json\n")
                body = json.dumps(event["data"]).encode()
            else:
                lines.append("content-type: application/octet-stream\n")
                body = base64.b85encode(json.dumps(event["data"]).encode()) + b"\x00\xff"
            yield [b"order.changed", "".join(lines).encode(), body]


def bad_message(order, tap, mode, count):
    """A batch in which one event has no type: that one is quarantined, its neighbour is not."""
    good = make_event(order, tap, mode, count)
    bad = make_event(order, tap, mode, count + 1)
    del bad["type"]
    return [b"order.changed", b"content-type: application/cloudevents-batch+json\n",
            json.dumps([good, bad]).encode()]


def answer(frames):
    """An acknowledgement as it is printed."""
    return {"ref": frames[0].decode(), "status": frames[1].decode(),
            "problem": json.loads(frames[2]) if len(frames) > 2 else None}


def send(context, tap, made, bad):
    """Send all; the answers."""
    if tap in ("pull", "sub"):
        socket = context.socket(zmq.PUSH if tap == "pull" else zmq.XPUB)
        socket.setsockopt(zmq.LINGER, 10000)
        socket.connect(os.environ["TILLWATCH_TAP_" + tap.upper()])
        if tap == "sub":
            socket.recv()  # the subscription; what is sent before it is nobody's
        for frames in made:
            socket.send_multipart(frames)
        socket.close()
        return []
    socket = context.socket(zmq.DEALER if tap == "dealer" else zmq.REQ)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.RCVTIMEO, 60000)
    socket.connect(os.environ["TILLWATCH_TAP_ROUTER"])
    answers = []
    for index, frames in enumerate(made + [bad]):
        socket.send_multipart([b"r%d" % index] + frames)
        if tap == "req":
            answers.append(answer(socket.recv_multipart()))
    while len(answers) < len(made) + 1:
        answers.append(answer(socket.recv_multipart()))
    socket.close()
    return answers


def main():
    tap, mode, count, order = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
    events = [make_event(order, tap, mode, number) for number in range(count)]
    made = list(frames_of(mode, events))
    context = zmq.Context()
    answers = send(context, tap, made, bad_message(order, tap, mode, count))
    context.term()
    ids = [event["id"] for event in events]
    if answers:
        ids.append("%s-%d" % (order, count))
    print(json.dumps({"ids": ids, "messages": len(made), "answers": answers}))


if __name__ == "__main__":
    main()
