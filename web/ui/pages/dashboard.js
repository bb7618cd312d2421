// SPDX-License-Identifier: Apache-2.0
// One dashboard: its panels over one range of time. A faulty panel says what is wrong with it.
import { get } from "../api.js";
import { html } from "../lit.js";
import { plot } from "../plot.js";
import { rangeBar } from "../range.js";

function panelView(context, panel) {
  return html`<section class="panel" aria-label=${panel.title || panel.name}>
    ${
      panel.fault
        ? html`<h2>${panel.title || panel.name}</h2>
            <p class="error-note" role="alert">${panel.fault}</p>`
        : plot(context, panel.panel, {
            panel: panel.panel,
            title: panel.title,
            width: 760,
            height: 240,
          })
    }
  </section>`;
}

export const page = {
  what: "the dashboard",
  views: ["events"],
  every: 10000,
  hasRange: true,
  title: (dashboard, { rest }) => (dashboard ? dashboard.title || rest : rest),
  load: ({ rest, signal }) => get("/dashboards/" + encodeURIComponent(rest), null, signal),
  view: (dashboard, context) =>
    html`<div class="page-head">
        <h1>${dashboard.title || dashboard.dashboard}</h1>
        <span class="dim">${dashboard.about || ""}</span>
      </div>
      ${rangeBar(context)}
      ${dashboard.fault ? html`<p class="error-note" role="alert">${dashboard.fault}</p>` : ""}
      <div class="plots">${dashboard.panels.map((panel) => panelView(context, panel))}</div>`,
};
