// SPDX-License-Identifier: Apache-2.0
// The runbook of an alert, beside it: loaded once, with what reads Markdown, when it is first shown.
import { html, nothing } from "./lit.js";
import { link } from "./parts.js";

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

export function runbookPath(name) {
  return "/runbook/" + encodeURIComponent(name);
}

async function load(context, name) {
  const own = { name, fault: "", drawn: null };
  context.state.runbook = own;
  try {
    const [{ markdown }, answer] = await Promise.all([
      import("./markdown.js"),
      fetch("/runbooks/" + encodeURIComponent(name) + ".md", { cache: "no-cache" }),
    ]);
    if (answer.status === 404) own.fault = "The tower has no runbook of this name.";
    else if (!answer.ok) own.fault = "The tower answered with status " + answer.status + ".";
    else own.drawn = markdown(await answer.text());
  } catch {
    own.fault = "It did not come.";
  }
  context.update();
}

function again(context, name) {
  return html`<button type="button" @click=${() => load(context, name)}>Try again</button>`;
}

export function runbook(context, name) {
  const shown = (inner) =>
    html`<section class="panel" id="runbook" aria-label="Runbook">
      <h2>
        Runbook${NAME.test(name || "") ? html` ${link(runbookPath(name), html`<code>${name}</code>`)}` : nothing}
      </h2>
      ${inner}
    </section>`;
  if (!name) return shown(html`<p class="dim">None is named for it.</p>`);
  // One may be an address of somebody's own pages.
  if (/^https?:\/\//.test(name))
    return shown(
      html`<p><a href=${name} target="_blank" rel="noopener noreferrer">${name}</a></p>`,
    );
  if (!NAME.test(name)) return shown(html`<p class="dim">No runbook can be called so.</p>`);
  const own = context.state.runbook;
  if (!own || own.name !== name) {
    load(context, name);
    return shown(html`<p class="dim">Loading it …</p>`);
  }
  if (own.fault) return shown(html`<p class="dim">${own.fault} ${again(context, name)}</p>`);
  return shown(own.drawn || html`<p class="dim">Loading it …</p>`);
}
