// SPDX-License-Identifier: Apache-2.0
// A panel of kind table: the newest values as rows, the worst first, as the tower ranks them.
import { count } from "./format.js";
import { html, nothing } from "./lit.js";
import { badge, link, percent, runsPath } from "./parts.js";
import { table } from "./table.js";
import { clockText, dayText, duration } from "./time.js";

// Labels of series that GET /runs filters by.
const FILTERS = ["workflow", "step", "system", "store", "region"];

function valueText(value, unit) {
  if (value === null) return "no data";
  if (unit === "seconds") return duration(value);
  if (unit === "share") return percent(value);
  if (unit === "count") return count(value);
  const number = Number(value).toLocaleString(undefined, { maximumSignificantDigits: 4 });
  return number + (unit === "burn" ? "x" : unit.startsWith("per-") ? " a " + unit.slice(4) : "");
}

// The runs behind a row; what stands for several values, or for none, is no filter.
function pathOf(column, row) {
  const filter = { ...column.where, [column.by]: row.title };
  const isOne = !row.title.startsWith("every ") && !["none", "(other)"].includes(row.title);
  return column.by && isOne && Object.keys(filter).every((name) => FILTERS.includes(name))
    ? runsPath(filter)
    : "";
}

function cell(value, column, panel) {
  const text = valueText(value, panel.unit);
  const isBad = value !== null && value > 0 && ["bad", "warn"].includes(column.tone);
  return isBad ? badge(column.tone, text) : text;
}

function newest(row) {
  return row.at.reduce(
    (last, at) => (at !== null && (last === null || at > last) ? at : last),
    null,
  );
}

function columnsOf(panel) {
  const [first] = panel.columns;
  return [
    {
      name: "title",
      title: first.by || "Series",
      value: (row) => row.title,
      cell: (row) => (pathOf(first, row) ? link(pathOf(first, row), row.title) : row.title),
    },
    ...panel.columns.map((column, i) => ({
      name: "v" + i,
      title: column.title,
      className: "num",
      value: (row) => row.v[i],
      cell: (row) => cell(row.v[i], column, panel),
    })),
    {
      name: "at",
      title: "As of",
      value: newest,
      cell: (row) => {
        const at = newest(row);
        return at === null
          ? "–"
          : html`<span title=${dayText(at)}>${clockText(at).slice(0, 8)}</span>`;
      },
    },
  ];
}

// panel: as GET /series?panel= gives one of kind table.
export function panelTable(context, panel) {
  return html`<h2>${panel.title || panel.name}</h2>
    ${table(context, {
      name: panel.panel,
      caption: panel.title || panel.name,
      columns: columnsOf(panel),
      rows: panel.rows,
      key: (row) => row.title,
      empty: "Nothing is known of this time.",
    })}
    ${panel.left_out > 0 ? html`<p class="dim">${count(panel.left_out)} more, in which it is better.</p>` : nothing}`;
}
