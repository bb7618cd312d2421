// SPDX-License-Identifier: Apache-2.0
// One record of the journal, by its number.
import { get } from "../api.js";
import { html, nothing } from "../lit.js";
import { badge, breakable, outcome, systemMark } from "../parts.js";
import { payload } from "./payload.js";

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
      <section class="panel" aria-label="Event">${payload(context, event.n)}</section>`,
};
