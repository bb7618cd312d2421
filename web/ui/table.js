// SPDX-License-Identifier: Apache-2.0
// A table that sorts, filters, pages and is exported. What is shown of it (order, words, page) is kept
// in context.state under its name, so that a new load leaves it as it is.
//
// table(context, {name, caption, columns, rows, key, more, sort, empty})
//   columns: {name, title, hint, value(row) (sorts, filters and exports), cell(row) (shows it; the
//            value as text without it), className ("num", "wide")}
//   key(row) -> what makes a row the same one after a load    more: {next(), isPartial}: the server
//            has more than it gave    sort: [column, "asc" or "desc"] at first
import { count } from "./format.js";
import { html, live, nothing, repeat } from "./lit.js";

const PAGE = 50;

function compare(a, b) {
  const isNothing = (value) => value === null || value === undefined || value === "";
  if (isNothing(a) || isNothing(b)) return isNothing(a) - isNothing(b); // last, either way
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), undefined, { numeric: true });
}

function sorted(rows, column, direction) {
  const sign = direction === "desc" ? -1 : 1;
  return [...rows].sort((a, b) => {
    const x = column.value(a);
    const y = column.value(b);
    const isNothing = (value) => value === null || value === undefined || value === "";
    return isNothing(x) || isNothing(y) ? compare(x, y) : sign * compare(x, y);
  });
}

function textOf(value) {
  return value === null || value === undefined ? "" : String(value);
}

// A cell of a spreadsheet must not become a formula. Source: OWASP, CSV injection.
export function csvCell(value) {
  let text = textOf(value);
  if (typeof value !== "number" && /^[=+\-@\t\r\n]/.test(text)) text = "'" + text;
  return /[",\r\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
}

function save(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const anchor = document.createElement("a");
  anchor.href = url;
  anchor.download = name.replaceAll(/[^A-Za-z0-9._-]/g, "-");
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

function exportCsv(spec, rows) {
  const lines = [spec.columns.map((column) => csvCell(column.title)).join(",")];
  for (const row of rows)
    lines.push(spec.columns.map((column) => csvCell(column.value(row))).join(","));
  save(spec.name + ".csv", "text/csv", lines.join("\r\n") + "\r\n");
}

function exportJson(spec, rows) {
  const items = rows.map((row) =>
    Object.fromEntries(spec.columns.map((column) => [column.name, column.value(row) ?? null])),
  );
  save(spec.name + ".json", "application/json", JSON.stringify(items, null, 1));
}

function headCell(column, shown, change) {
  const isSorted = shown.by === column.name;
  const next =
    isSorted && shown.direction === "desc"
      ? "asc"
      : isSorted
        ? "desc"
        : column.className && column.className.includes("num")
          ? "desc"
          : "asc";
  return html`<th
    scope="col"
    class=${column.className || ""}
    aria-sort=${isSorted ? (shown.direction === "desc" ? "descending" : "ascending") : "none"}
  >
    <button
      type="button"
      class="sorter"
      title=${column.hint || nothing}
      @click=${() => change({ by: column.name, direction: next })}
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
      const shown = column.cell ? column.cell(row) : textOf(column.value(row)) || "–";
      return i === 0
        ? html`<th scope="row" class=${column.className || ""}>${shown}</th>`
        : html`<td class=${column.className || ""}>${shown}</td>`;
    })}
  </tr>`;
}

export function table(context, spec) {
  const tables = context.state.tables || (context.state.tables = {});
  const [by, direction] = spec.sort || ["", ""];
  const shown = tables[spec.name] || (tables[spec.name] = { by, direction, words: "", page: 0 });
  const change = (what) => {
    Object.assign(shown, { page: 0 }, what);
    context.update();
  };
  const words = shown.words.toLowerCase();
  let rows = !words
    ? spec.rows
    : spec.rows.filter((row) =>
        spec.columns.some((column) => textOf(column.value(row)).toLowerCase().includes(words)),
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
        ><span class="hidden">Show only rows with</span
        ><input
          type="search"
          class="filter"
          maxlength="200"
          placeholder="Filter"
          .value=${live(shown.words)}
          @input=${(input) => change({ words: input.target.value })}
      /></label>
      <span class="dim" role="status"
        >${
          rows.length === spec.rows.length
            ? count(rows.length)
            : count(rows.length) + " of " + count(spec.rows.length)
        }${spec.more && spec.more.isPartial ? "+" : ""}</span
      >
      <span class="grow"></span>
      <button type="button" class="chip" @click=${() => exportCsv(spec, rows)}>CSV</button>
      <button type="button" class="chip" @click=${() => exportJson(spec, rows)}>JSON</button>
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
      pages > 1 || (spec.more && spec.more.isPartial)
        ? html`<div class="pager">
            <button
              type="button"
              class="chip"
              ?disabled=${page === 0}
              @click=${() => change({ page: page - 1 })}
            >
              Back
            </button>
            <span>${count(first + 1)} to ${count(first + part.length)}</span>
            <button
              type="button"
              class="chip"
              ?disabled=${page + 1 >= pages}
              @click=${() => change({ page: page + 1 })}
            >
              Next
            </button>
            ${spec.more && spec.more.isPartial ? html`<button type="button" class="chip" @click=${spec.more.next}>Load more</button>` : nothing}
          </div>`
        : nothing
    }
  </div>`;
}
