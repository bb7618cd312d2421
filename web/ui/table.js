// SPDX-License-Identifier: Apache-2.0
// A table that sorts, filters, pages and is exported. How it is shown stands in the address, under its
// name, so that a link shows the same and back and forward lead through it: runs.sort=-since (a
// minus: from the highest), runs.filter=words, runs.page=2, runs.all=1 (as much as the tower gives).
//
// table(context, {name (its own on the page), caption, columns, rows, key, more, sort, empty})
//   columns: {name, title, hint, value(row) (sorts; null and "" stand last), text(row) (what is
//            filtered and saved; the value without it), cell(row) (shows it; the text without it),
//            className ("num", "wide")}
//   key(row) -> what makes a row the same one after a load    more: {total, canLoad}: the server has
//            more than it gave, as many (null: not known); it gives more when asked with limitOf()
//   sort: [column, "asc" or "desc"] at first
import { count } from "./format.js";
import { html, live, nothing, repeat } from "./lit.js";

const PAGE = 50;
const WORDS_MAX = 200;

function isNothing(value) {
  return value === null || value === undefined || value === "" || Number.isNaN(value);
}

function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), undefined, { numeric: true });
}

function sorted(rows, column, direction) {
  const sign = direction === "desc" ? -1 : 1;
  return [...rows].sort((a, b) => {
    const x = column.value(a);
    const y = column.value(b);
    if (isNothing(x) || isNothing(y)) return isNothing(x) - isNothing(y); // last, either way
    return sign * compare(x, y);
  });
}

function textOf(value) {
  return value === null || value === undefined ? "" : String(value);
}

// What a cell says: for the filter, and for what is saved.
function saidIn(column, row) {
  return column.text ? column.text(row) : column.value(row);
}

// A cell of a spreadsheet must not become a formula. Source: OWASP, CSV injection (the wide forms of
// the signs too). In quotes also where another separator than ours would end the cell.
export function csvCell(value) {
  let text = textOf(value);
  if (typeof value !== "number" && /^[=+\-@\t\r\n＝＋－＠]/.test(text)) text = "'" + text;
  return /[",;\t\r\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
}

// Give a file to the browser. text: a string, or an array of them.
export function save(name, type, text) {
  const url = URL.createObjectURL(new Blob([text].flat(), { type }));
  const anchor = document.createElement("a");
  anchor.href = url;
  anchor.download = name.replaceAll(/[^A-Za-z0-9._-]/g, "-");
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

function exportCsv(spec, rows) {
  const lines = [spec.columns.map((column) => csvCell(column.title)).join(",")];
  for (const row of rows)
    lines.push(spec.columns.map((column) => csvCell(saidIn(column, row))).join(","));
  save(spec.name + ".csv", "text/csv", lines.join("\r\n") + "\r\n");
}

function exportJson(spec, rows) {
  const items = rows.map((row) =>
    Object.fromEntries(spec.columns.map((column) => [column.name, saidIn(column, row) ?? null])),
  );
  save(spec.name + ".json", "application/json", JSON.stringify(items, null, 1));
}

// The direction that a press on a head leads to: numbers from the highest, unless sorted so already.
function nextOf(column, shown) {
  const isNumber = Boolean(column.className && column.className.includes("num"));
  if (shown.by !== column.name) return isNumber ? "desc" : "asc";
  return shown.direction === "desc" ? "asc" : "desc";
}

function headCell(column, shown, change) {
  const isSorted = shown.by === column.name;
  return html`<th
    scope="col"
    class=${column.className || ""}
    aria-sort=${isSorted ? (shown.direction === "desc" ? "descending" : "ascending") : "none"}
  >
    <button
      type="button"
      class="sorter"
      title=${column.hint || nothing}
      @click=${() => change({ by: column.name, direction: nextOf(column, shown) })}
    >
      ${column.title}<span aria-hidden="true" class="arrow"
        >${isSorted ? (shown.direction === "desc" ? "▼" : "▲") : ""}</span
      >
    </button>
  </th>`;
}

function bodyRow(spec, row) {
  return html`<tr>
    ${spec.columns.map((column, i) => {
      const shown = column.cell ? column.cell(row) : textOf(saidIn(column, row)) || "–";
      return i === 0
        ? html`<th scope="row" class=${column.className || ""}>${shown}</th>`
        : html`<td class=${column.className || ""}>${shown}</td>`;
    })}
  </tr>`;
}

// How many rows to ask the tower for: `few` at first, `many` once somebody has asked for more.
export function limitOf(context, name, few, many) {
  return context.params.get(name + ".all") === "1" ? many : few;
}

// What the address says of a table: {by, direction, words, page}, of which page counts from 0.
function shownOf(context, spec) {
  const of = (what) => context.params.get(spec.name + "." + what) || "";
  const sort = of("sort");
  const by = sort.replace(/^-/, "");
  const [first, direction] = spec.sort || ["", "asc"];
  return {
    ...(spec.columns.some((column) => column.name === by)
      ? { by, direction: sort.startsWith("-") ? "desc" : "asc" }
      : { by: first, direction }),
    words: of("filter").slice(0, WORDS_MAX),
    page: /^[1-9]\d{0,6}$/.test(of("page")) ? Number(of("page")) - 1 : 0,
  };
}

// Typing takes the place of what was typed before; each order and each page is a step to go back.
function changeOf(context, spec, shown) {
  return (what) => {
    const { by, direction, words, page } = { ...shown, page: 0, ...what };
    const isFirst = spec.sort && by === spec.sort[0] && direction === spec.sort[1];
    context.put(
      {
        [spec.name + ".sort"]: isFirst ? "" : (direction === "desc" ? "-" : "") + by,
        [spec.name + ".filter"]: words,
        [spec.name + ".page"]: page ? String(page + 1) : "",
      },
      "words" in what ? "replace" : "push",
    );
  };
}

function pager(context, spec, { page, pages, first, shownRows }, change) {
  const step = (to, words) =>
    html`<button
      type="button"
      class="chip"
      aria-disabled=${to < 0 || to >= pages ? "true" : "false"}
      @click=${() => to >= 0 && to < pages && change({ page: to })}
    >
      ${words}
    </button>`;
  return html`<div class="pager" role="group" aria-label="Pages of ${spec.caption}">
    ${pages > 1 ? html`${step(page - 1, "Back")}<span>${count(first + 1)} to ${count(first + shownRows)}</span>${step(page + 1, "Next")}` : nothing}
    ${
      spec.more && spec.more.canLoad
        ? html`<button
            type="button"
            class="chip"
            @click=${() => {
              context.put({ [spec.name + ".all"]: "1" });
              context.reload();
            }}
          >
            Load more
          </button>`
        : nothing
    }
  </div>`;
}

// How many rows; and, where the tower has more, that order and filter know only these.
function told(spec, rows) {
  const some =
    rows.length === spec.rows.length
      ? count(rows.length)
      : count(rows.length) + " of " + count(spec.rows.length);
  if (!spec.more) return some;
  const { total } = spec.more;
  return (
    some +
    " loaded" +
    (typeof total === "number" ? " of " + count(total) : ", there are more") +
    "; order, filter and files are of the loaded ones only"
  );
}

export function table(context, spec) {
  const shown = shownOf(context, spec);
  const change = changeOf(context, spec, shown);
  const words = shown.words.trim().toLowerCase();
  const has = (value) => textOf(value).toLowerCase().includes(words);
  let rows = !words
    ? spec.rows
    : spec.rows.filter((row) =>
        spec.columns.some((one) => has(one.value(row)) || has(saidIn(one, row))),
      );
  const column = spec.columns.find((one) => one.name === shown.by);
  if (column) rows = sorted(rows, column, shown.direction);
  const pages = Math.max(1, Math.ceil(rows.length / PAGE));
  const page = Math.min(shown.page, pages - 1);
  const first = page * PAGE;
  const part = rows.slice(first, first + PAGE);
  return html`<div class="table" data-table=${spec.name}>
    <div class="table-tools">
      <label
        ><span class="hidden">Show only rows with, in ${spec.caption}</span
        ><input
          type="search"
          class="filter"
          maxlength=${WORDS_MAX}
          placeholder="Filter"
          .value=${live(shown.words)}
          @input=${(input) => change({ words: input.target.value })}
      /></label>
      <span class="dim" role="status">${told(spec, rows)}</span>
      <span class="grow"></span>
      <button
        type="button"
        class="chip"
        aria-label="CSV of ${spec.caption}"
        @click=${() => exportCsv(spec, rows)}
      >
        CSV
      </button>
      <button
        type="button"
        class="chip"
        aria-label="JSON of ${spec.caption}"
        @click=${() => exportJson(spec, rows)}
      >
        JSON
      </button>
    </div>
    <div class="scroll" tabindex="0" role="region" aria-label=${spec.caption}>
      <table class=${spec.className || ""}>
        <caption class="hidden">
          ${spec.caption}
        </caption>
        <thead>
          <tr>
            ${spec.columns.map((one) => headCell(one, shown, change))}
          </tr>
        </thead>
        <tbody>
          ${repeat(part, spec.key, (row) => bodyRow(spec, row))}
          ${
            part.length === 0
              ? html`<tr>
                  <td class="dim" colspan=${spec.columns.length}>
                    ${words ? "Nothing here has these words." : spec.empty || "Nothing."}
                  </td>
                </tr>`
              : nothing
          }
        </tbody>
      </table>
    </div>
    ${
      pages > 1 || (spec.more && spec.more.canLoad)
        ? pager(context, spec, { page, pages, first, shownRows: part.length }, change)
        : nothing
    }
  </div>`;
}
