// SPDX-License-Identifier: Apache-2.0
// What was replayed: who, when, why, to which system, and what became of it, counted by what was proven.
import { get } from "../api.js";
import { count } from "../format.js";
import { html, live } from "../lit.js";
import { ago, link, systemMark, time } from "../parts.js";
import {
  countsText,
  outcomeBar,
  REPLAY_WORDS,
  replayPath,
  replayState,
  worthText,
} from "../replaywords.js";
import { limitOf, table } from "../table.js";

const columns = [
  {
    name: "replay",
    title: "Replay",
    value: (one) => one.id,
    cell: (one) =>
      html`${link(replayPath(one.id), "Replay " + one.id, "row-link")}
        <span class="narrow">${replayState(one)}</span>`,
  },
  {
    name: "state",
    title: "State",
    className: "wide",
    value: (one) => one.state,
    cell: replayState,
  },
  {
    name: "outcome",
    title: "What became of it",
    className: "wrap outcome-column",
    hint: "Sorts by how many are proven",
    value: (one) => one.counts.proven,
    text: (one) => countsText(one.counts),
    cell: (one) =>
      html`${outcomeBar(one)}<span class="outcome-words">${countsText(one.counts)}</span>`,
  },
  {
    name: "items",
    title: "Items",
    className: "num wide",
    value: (one) => one.count,
    cell: (one) => count(one.count),
  },
  {
    name: "destination",
    title: "To",
    className: "wide",
    value: (one) => one.destination,
    cell: (one) => systemMark(one.destination),
  },
  {
    name: "worth",
    title: "Worth",
    className: "num",
    value: (one) => (one.amounts.length ? Number(one.amounts[0].amount) : null),
    text: worthText,
    cell: (one) => worthText(one) || "–",
  },
  { name: "by", title: "By", className: "wide", value: (one) => one.by },
  {
    name: "reason",
    title: "Why",
    className: "wrap said-column",
    value: (one) => one.reason,
    cell: (one) => html`<span class="clamp" title=${one.reason}>${one.reason}</span>`,
  },
  {
    name: "created",
    title: "Started",
    className: "num",
    value: (one) => one.created,
    cell: (one) => time(one.created),
  },
  {
    name: "finished",
    title: "Ended",
    className: "num",
    value: (one) => one.finished,
    cell: (one) => (one.finished ? ago(one.finished) : "–"),
  },
];

export const page = {
  what: "the replays",
  views: ["replays"],
  every: 2000,
  title: () => "Replays",
  load(context) {
    const { params, signal } = context;
    const limit = limitOf(context, "replays", 100, 1000);
    const filter = {};
    for (const name of ["state", "destination", "group", "failure"])
      filter[name] = params.get(name);
    return get("/replays", { ...filter, limit }, signal);
  },
  view(replays, context) {
    const chosen = context.params.get("state") || "";
    const kept = ["destination", "group", "failure"].filter((name) => context.params.get(name));
    return html`<h1 class="small">Replays</h1>
      <p class="lead">
        What was sent to a system again. Only what was proven counts as done: the step was seen on a
        tap, or the system said that it has it.
      </p>
      <section class="panel" aria-label="Replays">
        <div class="panel-head">
          <label class="check"
            >State
            <select
              id="state"
              .value=${live(chosen)}
              @change=${(event) => context.put({ state: event.target.value })}
            >
              <option value="">every state</option>
              ${REPLAY_WORDS.map((word) => html`<option value=${word} ?selected=${word === chosen}>${word}</option>`)}
            </select></label
          >
          ${kept.map(
            (name) =>
              html`<button
                type="button"
                class="chip"
                title="Show every ${name}"
                @click=${() => context.put({ [name]: "" })}
              >
                ${name} ${context.params.get(name)} ✕
              </button>`,
          )}
        </div>
        ${table(context, {
          name: "replays",
          className: "replays",
          caption: "Replays",
          columns,
          rows: replays.items,
          key: (one) => one.id,
          sort: ["created", "desc"],
          more: replays.next ? { total: null, canLoad: replays.items.length < 1000 } : undefined,
          empty:
            chosen || kept.length
              ? "No replay fits this filter."
              : "Nothing was replayed yet. A replay begins at a group of failures, or at a failed step of a journey.",
        })}
      </section>`;
  },
};
