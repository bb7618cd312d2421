// SPDX-License-Identifier: Apache-2.0
// Who carries out replays: the agents that ever said hello, and the HTTP destinations.
import { count } from "./format.js";
import { html, nothing } from "./lit.js";
import { ago, badge, systemMark } from "./parts.js";
import { table } from "./table.js";

const columns = [
  { name: "agent", title: "Agent", className: "wrap", value: (one) => one.agent },
  {
    name: "state",
    title: "State",
    value: (one) => one.state,
    cell: (one) =>
      html`${badge(one.state === "online" ? "ok" : "bad", one.state)}
        <span class="dim">for ${ago(one.since)}</span>`,
  },
  {
    name: "systems",
    title: "Carries out for",
    className: "wrap",
    value: (one) => one.systems.join(" "),
    cell: (one) => one.systems.map((name) => html`${systemMark(name)} `),
  },
  {
    name: "under_way",
    title: "Under way",
    className: "num",
    hint: "Sent to it and not ended, of what it takes at once",
    value: (one) => one.under_way,
    text: (one) => one.under_way + " of " + one.capacity,
    cell: (one) => count(one.under_way) + " of " + count(one.capacity),
  },
  {
    name: "ordered",
    title: "Sent to it",
    className: "num",
    value: (one) => one.ordered,
    cell: (one) => count(one.ordered),
  },
  {
    name: "accepted",
    title: "Accepted",
    className: "num",
    value: (one) => one.accepted,
    cell: (one) => count(one.accepted),
  },
  {
    name: "refused",
    title: "Refused",
    className: "num",
    value: (one) => one.refused,
    cell: (one) => count(one.refused),
  },
  {
    name: "odd",
    title: "Not understood",
    className: "num",
    hint: "Messages that are none of the protocol, or answers to what it was never sent",
    value: (one) => one.malformed + one.strange,
    cell: (one) =>
      one.malformed + one.strange > 0 ? badge("warn", count(one.malformed + one.strange)) : "0",
  },
  {
    name: "heard",
    title: "Last heard",
    className: "num",
    value: (one) => one.heard,
    cell: (one) => ago(one.heard),
  },
  {
    name: "address",
    title: "From",
    className: "wide",
    value: (one) => one.address,
    cell: (one) => (one.address ? html`<code>${one.address}</code>` : "–"),
  },
];

export function agentSection(context, agents) {
  return html`<section class="panel" aria-label="Replay agents" id="agents">
    <h2>Replay agents</h2>
    ${table(context, {
      name: "agents",
      caption: "Replay agents",
      columns,
      rows: agents.items,
      key: (one) => one.agent,
      empty: "No agent has said hello yet. Without one, only HTTP destinations can be replayed to.",
    })}
    ${
      agents.destinations.length
        ? html`<h3>HTTP destinations</h3>
            <ul class="brief">
              ${agents.destinations.map(
                (one) =>
                  html`<li>
                    ${systemMark(one.destination)} <code class="grow">${one.url}</code>
                    <span class="dim">${count(one.under_way)} under way</span>
                  </li>`,
              )}
            </ul>`
        : nothing
    }
  </section>`;
}
