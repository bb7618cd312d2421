// SPDX-License-Identifier: Apache-2.0
// One dashboard: its panels over one range of time. A faulty panel says what is wrong with it.
import { ApiError, get } from "../api.js";
import { html } from "../lit.js";
import { panelTable } from "../paneltable.js";
import { plot } from "../plot.js";
import { rangeBar, rangeQuery } from "../range.js";

function faultView(panel, fault) {
  return html`<h2>${panel.title || panel.name}</h2>
    <p class="error-note" role="alert">${fault}</p>`;
}

function contentView(context, panel) {
  if (panel.fault) return faultView(panel, panel.fault);
  if (panel.kind === "table")
    return panel.table.fault
      ? faultView(panel, "This table cannot be shown: " + panel.table.fault)
      : panelTable(context, panel.table);
  return plot(context, panel.panel, {
    panel: panel.panel,
    title: panel.title,
    width: 760,
    height: 240,
  });
}

function panelView(context, panel) {
  return html`<section class="panel" aria-label=${panel.title || panel.name}>
    ${contentView(context, panel)}
  </section>`;
}

// The rows of a table; what the tower says against one takes no other with it.
async function withRows(panel, { range, signal }) {
  if (panel.kind !== "table" || panel.fault) return panel;
  try {
    const table = await get("/series", { panel: panel.panel, ...rangeQuery(range) }, signal);
    return { ...panel, table };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return { ...panel, table: { fault: error.message } };
  }
}

export const page = {
  what: "the dashboard",
  views: ["events"],
  every: 10000,
  hasRange: true,
  title: (dashboard, { rest }) => (dashboard ? dashboard.title || rest : rest),
  async load(context) {
    const path = "/dashboards/" + encodeURIComponent(context.rest);
    const dashboard = await get(path, null, context.signal);
    const panels = await Promise.all(dashboard.panels.map((panel) => withRows(panel, context)));
    return { ...dashboard, panels };
  },
  view: (dashboard, context) =>
    html`<div class="page-head">
        <h1>${dashboard.title || dashboard.dashboard}</h1>
        <span class="dim">${dashboard.about || ""}</span>
      </div>
      ${rangeBar(context)}
      ${
        dashboard.fault
          ? html`<p class="error-note" role="alert">
              ${dashboard.fault}${dashboard.kept ? " – what is shown is from before." : ""}
            </p>`
          : ""
      }
      <div class="plots">${dashboard.panels.map((panel) => panelView(context, panel))}</div>`,
};
