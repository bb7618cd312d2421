// SPDX-License-Identifier: Apache-2.0
// The whole of one event: what it says, and its JSON, masked until somebody gives a reason.
import { get } from "../api.js";
import { plural } from "../format.js";
import { jsonBlock } from "../json.js";
import { html, nothing } from "../lit.js";
import { failed, loading, wants } from "../notes.js";
import { badge, fact, journeyLink, link, time } from "../parts.js";
import { replayOfId, replayPath } from "../replaywords.js";
import { duration } from "../time.js";

function revealForm(again) {
  return html`<form
    class="reveal"
    @submit=${(submit) => {
      submit.preventDefault();
      const field = submit.target.elements.reason;
      const reason = field.value.trim();
      if (reason) again({ reveal: "1", reason });
      else wants(field, "Say why: it is kept with what was revealed.");
    }}
  >
    <input
      type="text"
      name="reason"
      maxlength="500"
      placeholder="Why? (it is kept)"
      aria-label="Reason for revealing the payload"
    /><button type="submit">Reveal</button>
  </form>`;
}

function body(event, again) {
  if (event.text === null) {
    return html`<p class="dim">
      ${
        event.kind === "duplicate"
          ? "A duplicate of event " + event.of + ": the same content was stored once, there."
          : "There is no content."
      }
    </p>`;
  }
  return html`<div>
    <div class="payload-head">
      ${
        event.masked
          ? html`<span
              >${badge("unknown", "masked")} ${plural(event.hidden_values, "value")} hidden</span
            >`
          : badge("warn", "unmasked", "Personal data may be on this screen")
      }
      ${event.payload_expired ? badge("unknown", "payload past retention") : nothing}
      ${event.masked ? revealForm(again) : nothing}
    </div>
    ${jsonBlock(event.text)}
  </div>`;
}

function replayMark(replayid) {
  const number = replayOfId(replayid);
  return html`${number ? link(replayPath(number), "Replay " + number) : nothing}
    <code>${replayid}</code>`;
}

function facts(event) {
  const number = (n) => link("/event/" + n, "event " + n);
  return html`<dl class="facts wide">
    ${fact("Source", html`<code>${event.source || "–"}</code>`)}
    ${fact("Id", html`<code>${event.id || "–"}</code>`)}
    ${fact("Happened", event.has_time ? time(event.time) : "no time in the event")}
    ${fact("Received", time(event.received))}
    ${fact("Under way", event.has_time ? duration(event.transit_seconds) : "–")}
    ${fact("Tap", event.tap + (event.peer ? ", from " + event.peer : ""))}
    ${event.amount ? fact("Amount", event.amount + " " + (event.currency || "")) : nothing}
    ${event.replayid ? fact("Replay", replayMark(event.replayid)) : nothing}
    ${fact("Number", link("/event/" + event.n, String(event.n)))}
    ${event.of ? fact("Repeats", number(event.of)) : nothing}
    ${event.effect_of ? fact("Repeats the effect of", number(event.effect_of)) : nothing}
    ${
      event.echoes.length
        ? fact(
            "Came again as",
            event.echoes.map((n, i) => html`${i ? ", " : ""}${link("/event/" + n, String(n))}`),
          )
        : nothing
    }
  </dl>`;
}

// The page of rules, with one begun from this failure.
function rulePath(event) {
  const { code, message, class: said } = event.error;
  const given = { system: event.system, code, message, class: said };
  const query = new URLSearchParams(Object.entries(given).filter(([, value]) => value));
  return "/causes?" + query;
}

function errorNote(event) {
  const { error } = event;
  return error
    ? html`<p class="error-note">
        ${badge("bad", error.cause || error.class || "error")}
        ${error.code ? html`<code>${error.code}</code>` : nothing} ${error.message || ""}
        ${error.class && error.class !== error.cause ? html`<span class="dim">(${error.class})</span>` : nothing}
        ${error.cause ? link(rulePath(event), "Make a rule of it", "make-rule") : nothing}
      </p>`
    : nothing;
}

async function load(context, n, params) {
  const place = context.state.payloads[n];
  try {
    place.event = await get("/events/" + n, params, context.signal);
    place.error = null;
  } catch (error) {
    if (error.name === "AbortError") return;
    place.error = error;
  }
  context.update();
}

// Event n, loaded when it is first shown; what was revealed stays so while the page is open.
export function payload(context, n) {
  const payloads = context.state.payloads || (context.state.payloads = {});
  if (!payloads[n]) {
    payloads[n] = {};
    load(context, n, {});
  }
  const { event, error } = payloads[n];
  const again = (params) => load(context, n, params);
  if (error) return failed(error, () => again({}));
  if (!event) return loading("event " + n);
  return html`${errorNote(event)}${facts(event)}
  ${event.journeys.length ? html`<div class="objects">${event.journeys.map((id) => journeyLink(id))}</div>` : nothing}
  ${body(event, again)}`;
}
