// SPDX-License-Identifier: Apache-2.0
// A page while it is shown: it loads, draws, loads anew when the tower says that something changed,
// and keeps what it had when a load fails.
//
// A page module exports `page`:
//   load(context) -> promise of the data    view(data, context) -> template    title(data, context)
//   views   beginnings of names in the stream's tick that concern it ("workflow/"); [] for none
//   every   at most one load in so many ms (1000)
//   hasRange  it shows a range of time, which it takes from context.range
// context: rest (of the path), params (of the query), range, state (of this page, its own to
// change), signal (ends with it), go(path), update() (draw again), reload().
import { failed, loading, stale } from "./notes.js";
import { html, nothing, render } from "./lit.js";
import { isPaused, onTick } from "./live.js";
import { setBusy } from "./busy.js";
import { tellTimes } from "./clock.js";

export function showPage(page, root, context) {
  let data = null;
  let error = null;
  let loadedAt = 0;
  let timer = 0;
  let isLoading = false;
  let isWanted = false;
  let hasEnded = false;

  function draw() {
    if (hasEnded) return;
    const template =
      data !== null
        ? html`${error ? stale(error, loadedAt, load) : nothing}${page.view(data, context)}`
        : error
          ? failed(error, load)
          : loading(page.what || "the page");
    render(template, root);
    tellTimes(root);
    document.title = (page.title ? page.title(data, context) + " – " : "") + "Tillwatch";
  }

  async function load() {
    if (hasEnded || isLoading) {
      isWanted = true;
      return;
    }
    clearTimeout(timer);
    isLoading = true;
    isWanted = false;
    const done = setBusy();
    try {
      data = await page.load(context);
      error = null;
      loadedAt = Date.now();
    } catch (fault) {
      if (fault.name === "AbortError") hasEnded = context.signal.aborted;
      else error = fault;
    }
    done();
    isLoading = false;
    if (hasEnded) return;
    draw();
    if (isWanted) soon();
    else if (error) timer = setTimeout(load, 5000);
  }

  // Not more often than the page wants, and not while nobody looks.
  function soon() {
    clearTimeout(timer);
    const every = (page.every || 1000) * (document.hidden ? 10 : 1);
    timer = setTimeout(load, Math.max(0, loadedAt + every - Date.now()));
  }

  const endTick = onTick((tick) => {
    const concerns =
      tick.isFirst ||
      page.views === undefined ||
      page.views.some((view) => tick.views.some((name) => name === "*" || name.startsWith(view)));
    if (concerns && !isPaused() && loadedAt > 0) soon();
  });
  context.update = draw;
  context.reload = load;
  draw();
  load();
  return () => {
    hasEnded = true;
    clearTimeout(timer);
    endTick();
  };
}
