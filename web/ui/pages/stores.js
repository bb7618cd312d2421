// SPDX-License-Identifier: Apache-2.0
// Every store: as cells, and as a table. Silent, late, missing numbers, clocks that are wrong.
import { get } from "../api.js";
import { count } from "../format.js";
import { html } from "../lit.js";
import { ago, badge, countLink, runsPath, storeLink } from "../parts.js";
import { clockWords, limitWords, storeGrid, storeState, storeWords } from "../storegrid.js";
import { table } from "../table.js";
import { duration } from "../time.js";

function gapWords({ missing, gaps }) {
  return count(missing) + (gaps > 1 ? " in " + count(gaps) + " gaps" : "");
}

const RANK = ["bad", "warn", "unknown", "ok"];

export const storeColumns = [
  {
    name: "store",
    title: "Store",
    value: (store) => store.store,
    cell: (store) => storeLink(store.store),
  },
  {
    name: "state",
    title: "State",
    value: (store) => RANK.indexOf(storeState(store)),
    cell: (store) => badge(storeState(store), storeWords(store)),
  },
  {
    name: "failed",
    title: "Failed",
    className: "num wide",
    value: (store) => store.failed,
    cell: (store) =>
      countLink(
        store.failed,
        runsPath({ store: store.store, state: "failed", open: "1" }),
        "bad",
        count(store.failed),
      ),
  },
  {
    name: "overdue",
    title: "Overdue",
    className: "num wide",
    value: (store) => store.overdue,
    cell: (store) =>
      countLink(
        store.overdue,
        runsPath({ store: store.store, state: "overdue", open: "1" }),
        "warn",
        count(store.overdue),
      ),
  },
  {
    name: "waiting",
    title: "Waiting",
    className: "num wide",
    value: (store) => store.waiting,
    cell: (store) => count(store.waiting),
  },
  {
    name: "oldest",
    title: "Oldest",
    className: "num wide",
    value: (store) => store.oldest_age,
    cell: (store) => (store.oldest_age === null ? "–" : duration(store.oldest_age)),
  },
  {
    name: "silent",
    title: "Silent for",
    className: "num",
    value: (store) => store.silent_seconds,
    hint: "Since its own tills and systems said something; what others say of it does not count",
    cell: (store) =>
      store.is_silent
        ? badge("warn", duration(store.silent_seconds))
        : ago(store.last_own_received),
  },
  {
    name: "backlog",
    title: "Backlog",
    className: "num wide",
    hint: "How old its latest event was when its last one came: what it kept while it was off line",
    value: (store) => store.event_lag,
    cell: (store) => (store.event_lag > 2 ? badge("warn", duration(store.event_lag)) : "–"),
  },
  {
    name: "missing",
    title: "Missing",
    className: "num wide",
    hint: "Sequence numbers that did not arrive, and in how many gaps",
    value: (store) => store.missing,
    cell: (store) =>
      store.missing > 0 ? badge("warn", gapWords(store)) : store.missing === 0 ? "0" : "–",
  },
  {
    name: "clock",
    title: "Clock",
    className: "num wide",
    hint: "The one of its sources that is off most; put right when lag and deadlines are judged",
    value: (store) => store.clock_behind_seconds,
    cell: (store) => {
      const words = clockWords(store.clock_behind_seconds);
      return words ? badge("warn", words) : "–";
    },
  },
];

export const page = {
  what: "the stores",
  views: ["stores"],
  every: 5000,
  title: () => "Stores",
  load: ({ signal }) => get("/stores", { limit: 1000 }, signal),
  view: (answer, context) =>
    html`<h1 class="small">Stores</h1>
      <section class="panel" aria-label="All stores">
        ${storeGrid(answer.items)}
        <p class="legend dim">
          ${badge("ok", "well")}
          ${badge(
            "warn",
            "overdue, missing numbers, or silent for more than " +
              limitWords(answer.silent_after_seconds),
          )}
          ${badge("bad", "failed")}
        </p>
      </section>
      <section class="panel" aria-label="Stores">
        ${table(context, {
          name: "stores",
          caption: "Stores",
          className: "runs",
          columns: storeColumns,
          rows: answer.items,
          key: (store) => store.store,
          sort: ["state", "asc"],
          empty: "No event has named a store yet.",
        })}
        ${answer.next ? html`<p class="dim">The first 1,000 of ${count(answer.total)} are shown.</p>` : ""}
      </section>`,
};
