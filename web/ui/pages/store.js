// SPDX-License-Identifier: Apache-2.0
// One store: how it is, its sources, its runs in trouble, and what budgets it spends.
import { get } from "../api.js";
import { count } from "../format.js";
import { html, nothing } from "../lit.js";
import { ago, badge, fact, link, runsPath, time } from "../parts.js";
import { plot } from "../plot.js";
import { rangeBar } from "../range.js";
import { money, runColumns } from "../runlist.js";
import { storeState, storeWords } from "../storegrid.js";
import { table } from "../table.js";
import { duration } from "../time.js";

const spendColumns = [
  {
    name: "objective",
    title: "Objective",
    value: (row) => row.title,
    cell: (row) => link("/objectives/" + encodeURIComponent(row.objective), row.title),
  },
  {
    name: "bad",
    title: "Bad from here",
    className: "num",
    value: (row) => row.bad,
    cell: (row) => count(row.bad),
  },
];

const sourceColumns = [
  { name: "source", title: "Source", className: "wrap", value: (source) => source.name },
  {
    name: "events",
    title: "Events",
    className: "num",
    value: (source) => source.events,
    cell: (source) => count(source.events),
  },
  {
    name: "silent",
    title: "Silent for",
    className: "num",
    value: (source) => source.silent_seconds,
    cell: (source) => ago(source.last_received),
  },
  {
    name: "missing",
    title: "Missing",
    className: "num",
    value: (source) => (source.is_sequenced ? source.missing : null),
    cell: (source) => (source.is_sequenced ? count(source.missing) : "–"),
  },
  {
    name: "clock",
    title: "Clock",
    className: "num",
    value: (source) => source.clock_behind_seconds,
    cell: (source) =>
      Math.abs(source.clock_behind_seconds || 0) > 1
        ? duration(Math.abs(source.clock_behind_seconds)) +
          (source.clock_behind_seconds > 0 ? " behind" : " ahead")
        : "right",
  },
];

export const page = {
  what: "the store",
  views: ["stores", "runs"],
  every: 2000,
  hasRange: true,
  title: (data, { rest }) => "Store " + rest,
  async load({ rest, signal }) {
    const [store, runs] = await Promise.all([
      get("/stores/" + encodeURIComponent(rest), null, signal),
      get("/runs", { store: rest, limit: 200, open: "1" }, signal),
    ]);
    return { store, runs };
  },
  view({ store, runs }, context) {
    const sum = money(runs.items);
    return html`<div class="page-head">
        <h1>Store ${store.store}</h1>
        ${badge(storeState(store), storeWords(store))}
      </div>
      <dl class="facts line">
        ${fact("Last heard", ago(store.last_received))}${fact("Latest event", time(store.last_event))}
        ${fact("Waiting", count(store.waiting))}${fact("Overdue", count(store.overdue))}${fact("Failed", count(store.failed))}
        ${fact("Oldest", store.oldest_age === null ? "–" : duration(store.oldest_age))}
        ${store.event_lag > 2 ? fact("Backlog", duration(store.event_lag)) : nothing}${sum ? fact("Worth", sum) : nothing}
      </dl>
      ${rangeBar(context)}
      <section class="panel" aria-label="History">
        ${plot(context, "store", {
          panel: "stores.one",
          title: "Waiting, overdue, failed",
          params: { store: store.store },
          width: 1200,
          height: 200,
          runs: (range) => runsPath({ store: store.store, ...range }),
        })}
      </section>
      <section class="panel" aria-label="Runs in trouble">
        <h2>Runs in trouble</h2>
        ${table(context, {
          name: "runs",
          caption: "Runs",
          className: "runs",
          columns: runColumns.filter((one) => one.name !== "store"),
          rows: runs.items,
          key: (run) => run.workflow + run.object,
          sort: ["since", "desc"],
          empty: "No run of this store is in trouble.",
        })}
      </section>
      <div class="columns">
        <section class="panel" aria-label="Sources">
          <h2>Sources</h2>
          ${table(context, {
            name: "sources",
            caption: "Sources of this store",
            columns: sourceColumns,
            rows: store.sources || [],
            key: (source) => source.name,
            empty: "No source speaks for this store alone.",
          })}
        </section>
        <section class="panel" aria-label="Objectives">
          <h2>Budgets it spends</h2>
          ${table(context, {
            name: "spend",
            caption: "Objectives",
            columns: spendColumns,
            rows: store.objectives || [],
            key: (row) => row.objective,
            sort: ["bad", "desc"],
            empty: "It has spent nothing.",
          })}
        </section>
      </div>`;
  },
};
