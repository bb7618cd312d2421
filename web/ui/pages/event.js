// SPDX-License-Identifier: Apache-2.0
// One record of the journal, by its number.
import { get } from "../api.js";
import { html, nothing } from "../lit.js";
import { badge, breakable, outcome, systemMark } from "../parts.js";
import { openPlan } from "../plandialog.js";
import { payload } from "./payload.js";

// What failed of it, or waits for it: the plan says so when that is nothing.
function replayButton(event, context) {
  return html`<p class="actions">
    <button
      type="button"
      id="replay-event"
      @click=${() =>
        openPlan({
          ask: { events: [event.n] },
          noun: "step",
          title: "Replay event " + event.n,
          go: context.go,
        })}
    >
      Replay …
    </button>
  </p>`;
}

export const page = {
  what: "the event",
  views: [],
  title: (event) => (event ? "Event " + event.n : "Event"),
  async load({ rest, signal, state }) {
    const event = await get("/events/" + encodeURIComponent(rest), null, signal);
    state.payloads = { [event.n]: { event } };
    return event;
  },
  view: (event, context) =>
    html`<h1 class="small">
        Event ${event.n} ${event.system ? systemMark(event.system) : nothing}
        ${breakable(event.type)}
        ${
          event.kind === "event"
            ? outcome(event.outcome)
            : badge(event.kind === "conflict" ? "bad" : "unknown", event.kind)
        }
      </h1>
      ${event.kind === "event" ? replayButton(event, context) : nothing}
      <section class="panel" aria-label="Event">${payload(context, event.n)}</section>`,
};
