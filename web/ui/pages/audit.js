// SPDX-License-Identifier: Apache-2.0
// The audit: who did what, when, from where and why; whether it is what was written; all of it as a
// file.
import { get } from "../api.js";
import { count, plural } from "../format.js";
import { html, live, nothing } from "../lit.js";
import { ago, badge, link, moment } from "../parts.js";
import { csvCell, limitOf, save, table } from "../table.js";

const PAGE = 200;
const PAGE_MAX = 1000;
const ROWS_MAX = 100000; // of one file
const TEXTS = ["actor", "action", "subject"];
const FIELDS = [
  "id",
  "at",
  "actor",
  "kind",
  "address",
  "action",
  "subject",
  "detail",
  "reason",
  "outcome",
  "hash",
];
const SPANS = [
  ["", "all"],
  ["-1h", "the last hour"],
  ["-1d", "the last day"],
  ["-7d", "the last 7 days"],
  ["-30d", "the last 30 days"],
];

function filterOf(params) {
  return Object.fromEntries(
    [...TEXTS, "outcome", "since", "until"].map((name) => [name, params.get(name) || ""]),
  );
}

// --- all that fits, as a file

async function* pagesOf(filter, signal) {
  let cursor = "";
  do {
    const answer = await get("/audit", { ...filter, cursor, limit: PAGE_MAX }, signal);
    yield answer.items;
    cursor = answer.next;
  } while (cursor);
}

function csvLine(row) {
  return FIELDS.map((name) => csvCell(row[name])).join(",") + "\r\n";
}

async function saveAll(context, isCsv) {
  const { state, signal, params } = context;
  if (state.isSaving) return;
  state.isSaving = true;
  const parts = isCsv ? [FIELDS.join(",") + "\r\n"] : [];
  let rows = 0;
  let isCut = false;
  try {
    for await (const items of pagesOf(filterOf(params), signal)) {
      isCut = rows + items.length > ROWS_MAX;
      if (isCut) break;
      for (const row of items) parts.push(isCsv ? csvLine(row) : JSON.stringify(row) + "\n");
      rows += items.length;
      state.said = "Reading: " + plural(rows, "row") + " …";
      context.update();
    }
    save("audit." + (isCsv ? "csv" : "ndjson"), isCsv ? "text/csv" : "application/x-ndjson", parts);
    state.said =
      plural(rows, "row") +
      " saved" +
      (isCut
        ? ", the latest; there are more: narrow the filter, or use tillwatch audit export"
        : "");
  } catch (error) {
    if (error.name === "AbortError") return;
    state.said = error.title ? error.title + ": " + error.message : error.message;
  } finally {
    state.isSaving = false;
  }
  context.update();
}

// --- what is shown

const PLACES = { group: "/failures/", replay: "/replays/", alert: "/alerts/" };

function subject(row) {
  const [kind, id] = row.subject.split(/:(.*)/s);
  if (Object.hasOwn(PLACES, kind) && /^[0-9a-f]{1,20}$/.test(id || ""))
    return link(PLACES[kind] + id, row.subject);
  return row.subject;
}

function why(row) {
  return [row.reason, row.detail].filter(Boolean).join(" – ");
}

const columns = [
  {
    name: "at",
    title: "When",
    className: "num",
    value: (row) => row.at,
    cell: (row) => moment(row.at),
  },
  { name: "id", title: "Row", className: "num wide", value: (row) => row.id },
  {
    name: "actor",
    title: "Who",
    value: (row) => row.actor,
    text: (row) => [row.actor, row.kind].filter(Boolean).join(" "),
    cell: (row) =>
      html`${row.actor}${row.kind && row.kind !== row.actor ? html` <span class="dim">${row.kind}</span>` : nothing}`,
  },
  { name: "address", title: "From", className: "wide", value: (row) => row.address },
  {
    name: "action",
    title: "What",
    value: (row) => row.action,
    text: (row) => row.action + (row.outcome === "done" ? "" : " " + row.outcome),
    cell: (row) =>
      html`${row.action} ${row.outcome === "done" ? nothing : badge("bad", row.outcome)}`,
  },
  {
    name: "subject",
    title: "On what",
    className: "wrap",
    value: (row) => row.subject,
    cell: subject,
  },
  { name: "why", title: "Why", className: "wrap said-column", value: why },
];

function chainMark(chain) {
  if (chain.state === "whole")
    return badge("ok", "whole", "Every row is what was written: the chain of hashes fits");
  if (chain.state === "broken") return badge("bad", chain.fault);
  return badge("unknown", "not looked at yet");
}

function chainLine(chain) {
  return html`<p role="status" class=${chain.state === "broken" ? "error-note" : "dim"}>
    ${chainMark(chain)} ${chain.state === "broken" ? chain.detail + ". " : nothing}
    ${plural(chain.last, "row")}${chain.checked ? html`, looked at ${ago(chain.checked)} ago` : nothing}${
      chain.state === "broken"
        ? html`. Stop, keep a copy of the store, and ask <code>tillwatch audit verify</code>.`
        : nothing
    }
  </p>`;
}

function textField(context, name, label, filter) {
  return html`<label class="check"
    >${label}
    <input
      name=${name}
      size="14"
      maxlength="200"
      .value=${live(filter[name])}
      @change=${(change) => context.put({ [name]: change.target.value.trim(), "audit.page": "" })}
  /></label>`;
}

function choice(context, name, label, words, value) {
  const all = words.some(([word]) => word === value) ? words : [...words, [value, value]];
  return html`<label class="check"
    >${label}
    <select
      name=${name}
      .value=${live(value)}
      @change=${(change) => context.put({ [name]: change.target.value, "audit.page": "" })}
    >
      ${all.map(([word, said]) => html`<option value=${word} ?selected=${word === value}>${said}</option>`)}
    </select></label
  >`;
}

function tools(context, filter) {
  const { state } = context;
  return html`<form class="filters" @submit=${(submit) => submit.preventDefault()}>
      ${textField(context, "actor", "Who", filter)}${textField(context, "action", "What", filter)}
      ${textField(context, "subject", "On what", filter)}
      ${choice(
        context,
        "outcome",
        "Outcome",
        [
          ["", "all"],
          ["done", "done"],
          ["refused", "refused"],
        ],
        filter.outcome,
      )}
      ${choice(context, "since", "Time", SPANS, filter.since)}
      ${
        filter.until
          ? html`<button
              type="button"
              class="chip"
              title="Show what came since, too"
              @click=${() => context.put({ until: "" })}
            >
              ✕ until ${filter.until}
            </button>`
          : nothing
      }
    </form>
    <span class="grow"></span>
    <button
      type="button"
      ?disabled=${Boolean(state.isSaving)}
      @click=${() => saveAll(context, false)}
    >
      Save all as NDJSON
    </button>
    <button
      type="button"
      ?disabled=${Boolean(state.isSaving)}
      @click=${() => saveAll(context, true)}
    >
      Save all as CSV
    </button>`;
}

export const page = {
  what: "the audit",
  views: ["failures", "replays", "alerts"],
  every: 2000,
  title: () => "Audit",
  load(context) {
    const limit = limitOf(context, "audit", PAGE, PAGE_MAX);
    return get("/audit", { ...filterOf(context.params), limit }, context.signal);
  },
  view(answer, context) {
    const filter = filterOf(context.params);
    const isNarrowed = Object.values(filter).some(Boolean);
    const isAll = limitOf(context, "audit", PAGE, PAGE_MAX) === PAGE_MAX;
    return html`<h1 class="small">Audit</h1>
      <p class="lead">
        What people did with this tower, and what it stopped by itself. Rows are only added, each
        chained to the one before it.
      </p>
      ${chainLine(answer.chain)}
      <section class="panel" aria-label="Audit">
        <div class="panel-head">${tools(context, filter)}</div>
        ${context.state.said ? html`<p role="status" class="dim">${context.state.said}</p>` : nothing}
        ${table(context, {
          name: "audit",
          caption: "Audit",
          className: "runs",
          columns,
          rows: answer.items,
          key: (row) => row.id,
          sort: ["id", "desc"],
          empty: isNarrowed
            ? "Nothing in the audit fits this filter."
            : "Nobody has done anything yet.",
          more: answer.next && { total: null, canLoad: !isAll },
        })}
        ${
          answer.next && isAll
            ? html`<p class="dim">
                The latest ${count(PAGE_MAX)} are shown; narrow the filter, or save all, to see the
                others.
              </p>`
            : nothing
        }
      </section>`;
  },
};
