// SPDX-License-Identifier: Apache-2.0
// The whole of one event: what it says, and its JSON, masked until somebody gives a reason.
import { get } from "../api.js";
import { h, replace } from "../dom.js";
import { badge, fact, linkTo, plural } from "../format.js";
import { jsonBlock } from "../json.js";
import { failed, loading } from "../state.js";
import { duration, timeElement } from "../time.js";

function revealForm(n, again) {
  const reason = h("input", { type: "text", maxlength: "500", placeholder: "Why? (it is kept)",
    "aria-label": "Reason for revealing the payload" });
  const form = h("form", { class: "reveal", on: { submit: (submit) => {
    submit.preventDefault();
    const text = reason.value.trim();
    if (text) again({ reveal: "1", reason: text });
    else reason.focus();
  } } }, reason, h("button", { type: "submit" }, "Reveal"));
  return form;
}

function body(event, again) {
  if (event.text === null) {
    return h("p", { class: "dim" }, event.kind === "duplicate"
      ? "A duplicate of event " + event.of + ": the same content was stored once, there."
      : "There is no content.");
  }
  return h("div", null,
    h("div", { class: "payload-head" },
      event.masked
        ? h("span", null, badge("unknown", "masked"), " ",
          plural(event.hidden_values, "value") + " hidden")
        : badge("warn", "unmasked", "Personal data may be on this screen"),
      event.payload_expired ? badge("unknown", "payload past retention") : null,
      event.masked ? revealForm(event.n, again) : null),
    jsonBlock(event.text));
}

function facts(event) {
  return h("dl", { class: "facts wide" },
    fact("Source", h("code", null, event.source || "–")),
    fact("Id", h("code", null, event.id || "–")),
    fact("Happened", event.has_time ? timeElement(event.time) : "no time in the event"),
    fact("Received", timeElement(event.received)),
    fact("Under way", event.has_time ? duration(event.transit_seconds) : "–"),
    fact("Tap", event.tap + (event.peer ? ", from " + event.peer : "")),
    event.amount ? fact("Amount", event.amount + " " + (event.currency || "")) : null,
    event.replayid ? fact("Replay", h("code", null, event.replayid)) : null,
    fact("Number", h("a", { href: "/event/" + event.n }, String(event.n))),
    event.of ? fact("Repeats", h("a", { href: "/event/" + event.of }, "event " + event.of)) : null,
    event.effect_of ? fact("Repeats the effect of",
      h("a", { href: "/event/" + event.effect_of }, "event " + event.effect_of)) : null,
    event.echoes.length ? fact("Came again as",
      event.echoes.map((n, i) => [i ? ", " : "", h("a", { href: "/event/" + n }, String(n))])) : null);
}

function errorNote(error) {
  return error ? h("p", { class: "error-note" }, badge("bad", error.class || "error"), " ",
    error.code ? h("code", null, error.code) : null, " ", error.message || "") : null;
}

// Fill `place` with event n. `onEvent` (may be absent) gets it too.
export function showPayload(place, n, signal, onEvent) {
  async function load(params) {
    try {
      const event = await get("/events/" + n, params, signal);
      replace(place, errorNote(event.error), facts(event),
        event.journeys.length ? h("div", { class: "objects" }, event.journeys.map(linkTo)) : null,
        body(event, load));
      if (onEvent) onEvent(event);
    } catch (error) {
      if (error.name !== "AbortError") replace(place, failed(error, () => load(params)));
    }
  }
  replace(place, loading("event " + n));
  load({});
}
