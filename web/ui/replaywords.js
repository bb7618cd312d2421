// SPDX-License-Identifier: Apache-2.0
// Replays in words and shapes, the same wherever they are shown.
import { amountWords } from "./failurelist.js";
import { count, plural } from "./format.js";
import { html, nothing } from "./lit.js";
import { badge, link } from "./parts.js";

// In the order in which an item may go through them.
export const ITEM_STATES = {
  waiting: ["plain", "waiting", "Not sent yet"],
  sent: ["plain", "sent", "Sent; neither proven nor failed yet"],
  unproven: [
    "warn",
    "unproven",
    "Sent, and nothing showed in time that it arrived: look there before it is sent again",
  ],
  proven: ["ok", "proven", "The step was seen done, or the destination said that it has it"],
  failed_again: ["bad", "failed again", "The step failed again after it was sent"],
  refused: ["bad", "refused", "The destination or its agent did not take it"],
  cancelled: ["unknown", "cancelled", "It was not sent"],
};
export const ITEM_WORDS = Object.keys(ITEM_STATES);

export function itemState(word) {
  const known = Object.hasOwn(ITEM_STATES, word) ? ITEM_STATES[word] : ["unknown", word];
  return badge(...known);
}

const STATES = {
  running: ["plain", "running"],
  awaiting_approval: ["warn", "awaits approval"],
  paused: ["warn", "paused"],
  stopped: ["bad", "stopped by itself"],
  cancelled: ["unknown", "cancelled"],
  done: ["plain", "ended"],
};
export const REPLAY_WORDS = Object.keys(STATES);

export function replayState(replay) {
  const known = Object.hasOwn(STATES, replay.state)
    ? STATES[replay.state]
    : ["unknown", replay.state];
  const isProven = replay.state === "done" && replay.counts.proven === replay.count;
  return isProven ? badge("ok", "all proven") : badge(known[0], known[1], replay.why);
}

export function replayPath(id) {
  return "/replays/" + id;
}

// Where a failure was replayed last: its state there, as a link. null: nowhere.
export function placeLink(failure, place, isParked) {
  if (!place) return html`<span class="dim">–</span>`;
  return html`${link(
    replayPath(place.replay) + "?failure=" + failure,
    itemState(place.state),
    "state-link",
  )}${isParked ? badge("bad", "parked", "It failed again three times for one cause") : nothing}`;
}

// The number of the replay in "r17-…", as the tower makes them; null: another sender's.
export function replayOfId(replayid) {
  const found = /^r([1-9]\d{0,17})-/.exec(replayid || "");
  return found ? found[1] : null;
}

// "300 proven · 4 failed again": what there is, in the order of ITEM_STATES, the good news first.
export function countsText(counts) {
  const order = ["proven", ...ITEM_WORDS.filter((word) => word !== "proven")];
  return order
    .filter((word) => counts[word] > 0)
    .map((word) => count(counts[word]) + " " + ITEM_STATES[word][1])
    .join(" · ");
}

// One bar of all items, by what became of them. The words say the same.
export function outcomeBar(replay) {
  const order = ["proven", "failed_again", "refused", "unproven", "sent", "waiting", "cancelled"];
  const all = Math.max(1, replay.count);
  return html`<span
    class="outcome-bar"
    role="img"
    aria-label=${countsText(replay.counts) || "nothing"}
    >${order
      .filter((word) => replay.counts[word] > 0)
      .map(
        (word) => html`<i class=${word} .style=${"flex-grow:" + replay.counts[word] / all}></i>`,
      )}</span
  >`;
}

const PHASES = {
  canary: "Canary: a few go first, the rest when they are proven",
  ramp: "Getting faster",
  full: "At full speed",
  yielding: "Yields to live traffic",
  "no-agent": "Nobody is there to carry it out: it waits",
  "put-off": "The destination takes nothing for now: it is tried again by itself",
};

// What it does now, in a sentence.
export function phaseText(replay) {
  if (replay.state === "stopped") return "Stopped by itself: " + (replay.why || "no reason given");
  if (replay.state === "awaiting_approval")
    return (
      "Awaits a second person: somebody else than " + replay.by + " approves it, or cancels it"
    );
  if (replay.state === "paused") return "Paused: nothing is sent until somebody resumes it";
  if (replay.state === "cancelled") {
    return replay.counts.sent > 0
      ? "Cancelled; " + plural(replay.counts.sent, "item") + " had left and come to their end"
      : "Cancelled";
  }
  if (replay.state === "done") return "Ended: nothing is waiting or under way";
  if (replay.counts.waiting === 0 && replay.phase !== "put-off")
    return "All have left; the last ones wait for their proof";
  const words = Object.hasOwn(PHASES, replay.phase || "")
    ? PHASES[replay.phase]
    : replay.phase || (replay.counts.waiting < replay.count ? "Running" : "Not begun yet");
  return words + (replay.phase_detail ? ": " + replay.phase_detail : "");
}

export function worthText(replay) {
  return amountWords({ amounts: replay.amounts, more_currencies: false });
}

// What was asked for when it was planned, in words and links.
export function selectionText(selection) {
  if (!selection || typeof selection !== "object") return "–";
  if (selection.group)
    return link("/failures/" + Number(selection.group), "group " + Number(selection.group));
  for (const [name, one] of [
    ["failures", "failure"],
    ["runs", "run"],
    ["events", "event"],
  ]) {
    if (Array.isArray(selection[name])) return plural(selection[name].length, one) + " by name";
  }
  if (selection.filter && typeof selection.filter === "object") {
    return Object.entries(selection.filter)
      .map(([name, value]) => name + " " + String(value))
      .join(", ");
  }
  return "–";
}

const REASONS = {
  "already-done": "already done, or taken back",
  "in-another-replay": "in another replay that has not ended, or their object is",
  "sent-unproven": "sent before and not proven: money may have moved, so look at the destination",
  parked: "parked: they failed again three times for one cause",
  archived: "put away by an operator",
  "nothing-to-send": "what their step waits for has not come: there is nothing to send",
  "payload-expired": "the content of what would be sent is past retention",
  "other-destination": "for another destination",
  duplicate: "another item sends the same event",
  "duplicate-effect": "they happened twice: there is nothing to repeat",
  "agent-offline": "nobody who carries out for the destination is online",
  blocked: "behind an earlier one of the same object that is not replayed",
};

export function reasonText(reason) {
  return Object.hasOwn(REASONS, reason) ? REASONS[reason] : reason;
}

const LINES = {
  planned: "planned",
  sent: "sent",
  sent_again: "sent again, the same attempt: there was no answer",
  accepted: "accepted",
  refused: "refused",
  proven: "proven",
  failed_again: "failed again",
  unproven: "unproven",
  cancelled: "cancelled",
  put_off: "put off: the destination asked to wait",
};

export function lineText(what) {
  return Object.hasOwn(LINES, what) ? LINES[what] : what;
}
