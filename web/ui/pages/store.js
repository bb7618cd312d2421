// SPDX-License-Identifier: Apache-2.0
// One store: how it is, its sources, its runs in trouble, and what budgets it spends.
import { get } from "../api.js";
import { count } from "../format.js";
import { html, nothing } from "../lit.js";
import { ago, badge, breakable, fact, link, percent, runsPath, time } from "../parts.js";
import { plot } from "../plot.js";
import { rangeBar } from "../range.js";
import { money, runColumns } from "../runlist.js";
import { clockWords, limitWords, storeState, storeWords } from "../storegrid.js";
import { table } from "../table.js";
import { duration, secondsBetween } from "../time.js";

// Of one that is not over, until now.
function lasted({ from, until }) {
  return secondsBetween(from, until || new Date().toISOString());
}

const spendColumns = [
  {
    name: "objective",
    title: "Objective",
    className: "wrap",
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
  {
    name: "share",
    title: "Of all bad",
    className: "num",
    hint: "Its share of what all stores have spent in the window",
    value: (row) => (row.bad_of_all > 0 ? row.bad / row.bad_of_all : null),
    cell: (row) => (row.bad_of_all > 0 ? percent(row.bad / row.bad_of_all, 1) : "–"),
  },
  {
    name: "left",
    title: "Budget left",
    className: "num wide",
    hint: "Of all stores together",
    value: (row) => row.budget_remaining,
    cell: (row) => percent(row.budget_remaining, 1),
  },
  {
    name: "since",
    title: "Since",
    className: "num wide",
    hint: "The window of the objective",
    value: (row) => row.since,
    cell: (row) => time(row.since),
  },
];

const silenceColumns = [
  {
    name: "from",
    title: "From",
    value: (row) => row.from,
    cell: (row) => time(row.from),
  },
  {
    name: "until",
    title: "Until",
    value: (row) => row.until || "now", // behind every time
    cell: (row) => (row.until ? time(row.until) : badge("warn", "now")),
  },
  {
    name: "lasted",
    title: "Lasted",
    className: "num",
    value: (row) => lasted(row),
    cell: (row) => duration(lasted(row)),
  },
  {
    name: "expected",
    title: "Expected within",
    className: "num wide",
    hint: "track.store-silent-s when it was judged",
    value: (row) => row.expected_seconds,
    cell: (row) => limitWords(row.expected_seconds),
  },
];

const sourceColumns = [
  {
    name: "source",
    title: "Source",
    className: "wrap",
    value: (source) => source.name,
    cell: (source) => breakable(source.name),
  },
  {
    name: "events",
    title: "Events",
    className: "num wide",
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
    cell: (source) =>
      !source.is_sequenced ? "–" : source.missing > 0 ? badge("warn", count(source.missing)) : "0",
  },
  {
    name: "rewinds",
    title: "Began anew",
    className: "num wide",
    hint: "How often it began to count again",
    value: (source) => source.rewinds,
    cell: (source) => count(source.rewinds),
  },
  {
    name: "repeats",
    title: "Repeats",
    className: "num wide",
    hint: "Duplicates, and events with the identity of another but not its content",
    value: (source) => source.duplicates + source.conflicts,
    cell: (source) => count(source.duplicates + source.conflicts),
  },
  {
    name: "clock",
    title: "Clock",
    className: "num",
    value: (source) => source.clock_behind_seconds,
    cell: (source) => clockWords(source.clock_behind_seconds) || "right",
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
        ${fact("Last heard", ago(store.last_own_received))}${fact("Latest event", time(store.last_own_event))}
        ${fact("Waiting", count(store.waiting))}${fact("Overdue", count(store.overdue))}${fact("Failed", count(store.failed))}
        ${fact("Oldest", store.oldest_age === null ? "–" : duration(store.oldest_age))}
        ${store.missing > 0 ? fact("Missing", count(store.missing)) : nothing}
        ${clockWords(store.clock_behind_seconds) ? fact("Clock", clockWords(store.clock_behind_seconds)) : nothing}
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
          more: runs.next && { total: runs.total },
        })}
      </section>
      <div class="columns">
        <section class="panel" aria-label="Sources">
          <h2>Sources</h2>
          ${table(context, {
            name: "sources",
            caption: "Sources of this store",
            className: "runs",
            columns: sourceColumns,
            rows: store.sources,
            key: (source) => source.name,
            empty: "No source speaks for this store alone.",
          })}
          ${
            store.source_count > store.sources.length
              ? html`<p class="dim">
                  The first ${count(store.sources.length)} of ${count(store.source_count)} are
                  shown.
                </p>`
              : nothing
          }
        </section>
        <section class="panel" aria-label="Silences">
          <h2>When it was silent</h2>
          ${table(context, {
            name: "silences",
            caption: "Silences",
            className: "runs",
            columns: silenceColumns,
            rows: store.silences,
            key: (row) => row.from,
            sort: ["from", "desc"],
            empty: "Never longer than " + limitWords(store.silent_after_seconds) + ".",
          })}
          <p class="dim">
            By the times of its own events: what it delivers later takes a silence back.
            ${
              store.silences_forgotten > 0
                ? html`The last ones; ${count(store.silences_forgotten)} before are no longer kept.`
                : nothing
            }
          </p>
        </section>
      </div>
      <section class="panel" aria-label="Objectives">
        <h2>Budgets it spends</h2>
        ${table(context, {
          name: "spend",
          caption: "Objectives",
          className: "runs",
          columns: spendColumns,
          rows: store.objectives,
          key: (row) => row.objective,
          sort: ["bad", "desc"],
          empty: "It has spent nothing.",
        })}
      </section>`;
  },
};
