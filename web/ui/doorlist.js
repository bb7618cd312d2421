// SPDX-License-Identifier: Apache-2.0
// Sockets with keys: who may come in, who did, who was kept out.
import { count } from "./format.js";
import { html, nothing } from "./lit.js";
import { ago, badge } from "./parts.js";
import { table } from "./table.js";

const reasons = {
  unknown_key: "unknown key",
  no_curve: "without a key",
  other_server_key: "meant another tower",
  handshake: "not understood",
  removed_key: "key was taken away",
};

function word(reason) {
  return reasons[reason] || reason;
}

// "unknown key 3, without a key 1"
function why(door) {
  return Object.entries(door.refused)
    .filter(([, number]) => number > 0)
    .map(([reason, number]) => word(reason) + " " + count(number))
    .join(", ");
}

const doorColumns = [
  { name: "socket", title: "Socket", value: (door) => door.name },
  {
    name: "allowed",
    title: "Keys allowed",
    className: "num",
    value: (door) => door.allowed,
    cell: (door) => count(door.allowed),
  },
  {
    name: "admitted",
    title: "Let in",
    className: "num",
    hint: "Connections since the collector started",
    value: (door) => door.admitted,
    cell: (door) => count(door.admitted),
  },
  {
    name: "refused",
    title: "Kept out",
    className: "num",
    hint: "Since the collector started",
    value: (door) => door.refused_total,
    cell: (door) =>
      door.refused_total > 0 ? badge("warn", count(door.refused_total)) : count(door.refused_total),
  },
  {
    name: "why",
    title: "Why",
    className: "wrap small",
    value: why,
    cell: (door) => why(door) || "–",
  },
  {
    name: "last",
    title: "Last kept out",
    className: "wrap",
    value: (door) => (door.last_refused ? door.last_refused.time : null),
    cell: (door) =>
      door.last_refused
        ? html`${ago(door.last_refused.time)}: ${word(door.last_refused.reason)}
          ${door.last_refused.client ? html`<b>${door.last_refused.client}</b>` : nothing}
          ${door.last_refused.address ? html`<code>${door.last_refused.address}</code>` : nothing}`
        : "never",
  },
];

const clientColumns = [
  { name: "client", title: "Client", className: "wrap", value: (one) => one.name },
  { name: "socket", title: "Socket", value: (one) => one.socket },
  {
    name: "key",
    title: "Key",
    value: (one) => (one.is_allowed ? "allowed" : "taken away"),
    cell: (one) => badge(one.is_allowed ? "ok" : "bad", one.is_allowed ? "allowed" : "taken away"),
  },
  {
    name: "connections",
    title: "Connections",
    className: "num",
    value: (one) => one.connections,
    cell: (one) => count(one.connections),
  },
  {
    name: "last",
    title: "Last connected",
    className: "num",
    value: (one) => one.last_connected,
    cell: (one) => ago(one.last_connected),
  },
  {
    name: "address",
    title: "From",
    className: "wide",
    value: (one) => one.address,
    cell: (one) => (one.address ? html`<code>${one.address}</code>` : "–"),
  },
];

export function doorSections(context, doors) {
  if (!doors) return nothing;
  const clients = doors.items.flatMap((door) =>
    door.clients.map((client) => ({ ...client, socket: door.name })),
  );
  const hidden = doors.items.reduce(
    (sum, door) => sum + door.clients_total - door.clients.length,
    0,
  );
  return html`<section class="panel" aria-label="Keys">
      <h2>Keys</h2>
      ${table(context, {
        name: "doors",
        caption: "Sockets that take clients with a key only",
        columns: doorColumns,
        rows: doors.items,
        key: (door) => door.name,
      })}
    </section>
    <section class="panel" aria-label="Clients">
      <h2>Clients</h2>
      ${hidden > 0 ? html`<p class="dim">${count(hidden)} more are not listed.</p>` : nothing}
      ${table(context, {
        name: "clients",
        caption: "Clients that were let in since the collector started",
        columns: clientColumns,
        rows: clients,
        key: (one) => one.socket + "/" + one.name,
        empty: "No client has connected yet.",
      })}
    </section>`;
}
