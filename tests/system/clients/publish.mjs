// SPDX-License-Identifier: Apache-2.0
// A publisher as a Node.js integration would write it: npm zeromq and the CloudEvents SDK.
// Usage: publish.mjs TAP MODE COUNT ORDER, with TILLWATCH_TAP_* in the environment
//   TAP   pull | sub | dealer | req       MODE  structured | batch | binary
// Sends COUNT events of order ORDER, then (dealer, req) one that no tower can read. Prints one JSON
// object: the ids sent, and the answers of the acknowledged tap in the order they came.
import process from "node:process";
import { CloudEvent, HTTP } from "cloudevents";
import * as zmq from "zeromq";

const [tap, mode, countText, order] = process.argv.slice(2);
const count = Number(countText);
const batchSize = 4;

function makeEvent(number) {
  return new CloudEvent({
    id: `${order}-${number}`,
    source: `/ecommerce/node-${tap}-${mode}`,
    type: "com.example.order.changed",
    time: new Date(Date.UTC(2026, 10, 27, 18, 0, number)).toISOString(),
    datacontenttype: "application/json",
    orderid: order,
    storeid: "0042",
    data: { number, note: "Größe 42, 100 % Baumwolle", total: "12.50" },
  });
}

// The headers that the SDK makes for HTTP, as a frame of lines. The binary mode of the tap is
// 8-bit clean, so that nothing is percent-encoded.
function headerFrame(headers) {
  return Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\n`)
    .join("");
}

function messages() {
  const events = Array.from({ length: count }, (_, i) => makeEvent(i));
  if (mode === "batch") {
    const made = [];
    for (let i = 0; i < count; i += batchSize) {
      made.push([
        "order.changed",
        "content-type: application/cloudevents-batch+json\n",
        JSON.stringify(events.slice(i, i + batchSize)),
      ]);
    }
    return { events, made };
  }
  const encode = mode === "binary" ? HTTP.binary : HTTP.structured;
  return {
    events,
    made: events.map((event) => {
      const { headers, body } = encode(event);
      return ["order.changed", headerFrame(headers), body];
    }),
  };
}

// A batch in which one event has no type: that one is quarantined, its neighbour is not.
function badMessage() {
  const good = makeEvent(count);
  const bad = { ...makeEvent(count + 1).toJSON(), type: undefined };
  return [
    "order.changed",
    "content-type: application/cloudevents-batch+json\n",
    JSON.stringify([good, bad]),
  ];
}

function answer([ref, status, problem]) {
  return {
    ref: ref.toString(),
    status: status.toString(),
    problem: problem === undefined ? null : JSON.parse(problem.toString()),
  };
}

async function viaPush(made) {
  const socket = new zmq.Push();
  socket.connect(process.env.TILLWATCH_TAP_PULL);
  for (const message of made) {
    await socket.send(message);
  }
  socket.linger = 10000;
  socket.close();
  return [];
}

async function viaPublish(made) {
  // XPUB tells when the subscription has arrived; what PUB sends before is nobody's.
  const socket = new zmq.XPublisher();
  socket.connect(process.env.TILLWATCH_TAP_SUB);
  await socket.receive();
  for (const message of made) {
    await socket.send(message);
  }
  socket.linger = 10000;
  socket.close();
  return [];
}

async function viaDealer(made) {
  const socket = new zmq.Dealer({ linger: 0 });
  socket.connect(process.env.TILLWATCH_TAP_ROUTER);
  const all = [...made, badMessage()];
  for (const [index, message] of all.entries()) {
    await socket.send([`r${index}`, ...message]);
  }
  const answers = [];
  while (answers.length < all.length) {
    answers.push(answer(await socket.receive()));
  }
  socket.close();
  return answers;
}

async function viaRequest(made) {
  const socket = new zmq.Request({ linger: 0 });
  socket.connect(process.env.TILLWATCH_TAP_ROUTER);
  const answers = [];
  for (const [index, message] of [...made, badMessage()].entries()) {
    await socket.send([`r${index}`, ...message]);
    answers.push(answer(await socket.receive()));
  }
  socket.close();
  return answers;
}

const { events, made } = messages();
const ways = { pull: viaPush, sub: viaPublish, dealer: viaDealer, req: viaRequest };
const answers = await ways[tap](made);
const ids = events.map((event) => event.id);
if (answers.length > 0) {
  ids.push(`${order}-${count}`); // the good half of the bad message
}
console.log(JSON.stringify({ ids, messages: made.length, answers }));
