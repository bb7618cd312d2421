// SPDX-License-Identifier: Apache-2.0
// The dashboards there are.
import { get } from "../api.js";
import { plural } from "../format.js";
import { html } from "../lit.js";
import { empty } from "../notes.js";
import { badge, link } from "../parts.js";

export const page = {
  what: "the dashboards",
  views: [],
  title: () => "Dashboards",
  load: ({ signal }) => get("/dashboards", null, signal),
  view(answer) {
    const shown = answer.items.filter((one) => one.page);
    return html`<h1 class="small">Dashboards</h1>
      ${
        shown.length === 0
          ? empty("No dashboard is defined")
          : html`<ul class="cards">
              ${shown.map(
                (one) =>
                  html`<li class="panel">
                    <h2>
                      ${link("/dashboards/" + encodeURIComponent(one.dashboard), one.title || one.dashboard, "row-link")}
                    </h2>
                    <p class="dim">${one.about || plural(one.panels, "panel")}</p>
                    ${one.faults ? badge("bad", plural(one.faults, "fault")) : ""}
                  </li>`,
              )}
            </ul>`
      }`;
  },
};
