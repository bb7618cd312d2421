// SPDX-License-Identifier: Apache-2.0
// The stream of the tower (SSE), read until nobody wants it any more: what it says, and honestly that it
// says nothing. Used by the worker that all tabs share (worker.js), or by a page that cannot have one.
// Read by fetch, not by EventSource: that one hides the status and Retry-After of a refusal, gives up
// after one, and shows no comments.
//
// What is told:
//   {kind: "tick", tick}                   what the tower says each second
//   {kind: "alert", alert}                 how many alerts fire, and which are new; first of all and at
//                                          each change
//   {kind: "lost", isAway, words}          no answer, or one that it cannot read its store
//   {kind: "refused", words, seconds, status}  all places of the stream are taken; tried again after so
//                                          many seconds, and until then what is shown is as of `status`
const EVERY_MS = 1000;
const QUIET_MS = 5000; // five ticks: a stream that says nothing for so long is taken for lost
const REFUSED_MAX_S = 30; // between attempts at a stream that has no place

class Refused extends Error {
  constructor(answer, problem) {
    super(problem.detail || problem.title || "status " + answer.status);
    const asked = Number(answer.headers.get("Retry-After"));
    this.seconds = asked > 0 ? asked : 2;
    this.isFull = /too-many-streams$/.test(problem.type || "");
  }
}

// The fields of one block of the stream; a comment has none.
function parse(block) {
  const found = {};
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) found[line.slice(0, colon)] = line.slice(colon + 1).trimStart();
  }
  return found;
}

async function problemOf(answer) {
  try {
    return await answer.json();
  } catch {
    return {};
  }
}

// Begin; setWatched(false) ends the stream until somebody looks again.
export function startFeed(tell) {
  let lastId = "";
  let refusals = 0;
  let isWatched = true;
  let stop = new AbortController();
  let wake = () => {};

  function pause(ms) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  function take(block) {
    const { event, id, data, retry } = parse(block);
    if (event === "tick") {
      lastId = id || lastId;
      tell({ kind: "tick", tick: JSON.parse(data) });
    } else if (event === "alert") {
      tell({ kind: "alert", alert: JSON.parse(data) });
    } else if (!retry && !event) {
      // A comment in place of a tick.
      tell({ kind: "lost", isAway: false, words: "It says nothing but that it is there." });
    }
  }

  // Read one stream to its end. Throws Refused, or what the network says.
  async function follow() {
    let watch = 0;
    stop = new AbortController();
    const listen = () => {
      clearTimeout(watch);
      watch = setTimeout(() => stop.abort(), QUIET_MS);
    };
    listen();
    try {
      const headers = lastId ? { "Last-Event-ID": lastId } : {};
      const answer = await fetch("/api/v1/stream", {
        headers,
        cache: "no-store",
        signal: stop.signal,
      });
      if (!answer.ok) throw new Refused(answer, await problemOf(answer));
      refusals = 0;
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        listen();
        const blocks = (text + value).split("\n\n");
        text = blocks.pop();
        blocks.forEach(take);
      }
    } finally {
      clearTimeout(watch);
    }
  }

  // No place in the stream: what it would say is asked for, more and more seldom.
  async function refused(error) {
    if (!error.isFull) {
      tell({ kind: "lost", isAway: false, words: error.message });
      return error.seconds;
    }
    const seconds = Math.max(error.seconds, Math.min(REFUSED_MAX_S, 2 ** ++refusals));
    const answer = await fetch("/api/v1/status", {
      cache: "no-store",
      signal: AbortSignal.timeout(QUIET_MS),
    });
    if (!answer.ok) throw new Refused(answer, await problemOf(answer));
    tell({ kind: "refused", words: error.message, seconds, status: await answer.json() });
    return seconds * (0.9 + 0.2 * Math.random()); // not all browsers at once
  }

  // Say why there are no ticks; how many ms until the next attempt.
  async function explain(error) {
    try {
      if (error instanceof Refused) return 1000 * (await refused(error));
      tell({ kind: "lost", isAway: true, words: error.message });
    } catch (fault) {
      tell({ kind: "lost", isAway: !(fault instanceof Refused), words: fault.message });
    }
    return EVERY_MS;
  }

  async function run() {
    for (;;) {
      if (!isWatched) await new Promise((resolve) => (wake = resolve));
      const begun = Date.now();
      let wait = 0;
      try {
        await follow(); // ended in good order: at once again, if it was one at all
        if (Date.now() - begun < EVERY_MS) wait = EVERY_MS;
      } catch (error) {
        if (isWatched) wait = await explain(error);
      }
      if (wait > 0) await pause(wait);
    }
  }

  run();
  return {
    setWatched(value) {
      if (value === isWatched) return;
      isWatched = value;
      if (value) wake();
      else stop.abort();
    },
  };
}
