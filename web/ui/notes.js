// SPDX-License-Identifier: Apache-2.0
// What a page shows while it has nothing else to show: loading, an error, emptiness, old facts.
import { Unreachable } from "./api.js";
import { html, nothing } from "./lit.js";
import { ago, link } from "./parts.js";

// What went wrong with something that was sent, as a sentence. 400: the fault is in what somebody wrote,
// and the detail says it; the title speaks of the call.
export function faultWords(error) {
  const detail = error.detail || error.message;
  const hasTitle = error.title && error.title !== detail && error.status !== 400;
  const words = (hasTitle ? error.title + ": " : "") + detail;
  return words[0].toUpperCase() + words.slice(1) + (/[.!?…”]$/.test(words) ? "" : ".");
}

// Say at a field of a form what it lacks, until something is written there.
export function wants(field, words) {
  field.setCustomValidity(words);
  field.addEventListener("input", () => field.setCustomValidity(""), { once: true });
  field.reportValidity();
}

export function loading(what) {
  return html`<p class="note dim loading" role="status">Loading ${what} …</p>`;
}

export function failed(error, retry) {
  const isAway = error instanceof Unreachable;
  const title = isAway ? "The tower does not answer" : error.title || "Error";
  return html`<div class="note bad" role="alert">
    <strong>${title}</strong>
    <p>
      ${isAway ? "It is asked again every few seconds. If it stays away: does the program run, and does this computer reach it?" : error.detail || error.message}
    </p>
    ${
      error.status === 404
        ? html`<p>
            The address may be mistyped, or what it names is past retention. Type an identifier in
            the search box above, or go to ${link("/", "the overview")}.
          </p>`
        : nothing
    }
    ${error.status === 400 && location.search ? html`<p>${link(location.pathname, "Show the page without what its address asks for")}</p>` : nothing}
    ${retry ? html`<button type="button" @click=${() => retry()}>Try again</button>` : nothing}
  </div>`;
}

// The last facts stay where they are; this says how old they are.
export function stale(error, at, retry) {
  return html`<div class="note warn" role="status">
    <strong>As of ${ago(new Date(at).toISOString())} ago.</strong>
    What follows may have changed: ${error.detail || error.message}. It is asked again every few
    seconds.
    <button type="button" @click=${() => retry()}>Try now</button>
  </div>`;
}

export function empty(title, words) {
  return html`<div class="note">
    <strong>${title}</strong>${words ? html`<p>${words}</p>` : nothing}
  </div>`;
}
