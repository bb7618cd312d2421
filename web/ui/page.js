// SPDX-License-Identifier: Apache-2.0
// A page while it is shown: it loads, draws, loads anew when the tower says that something changed,
// and keeps what it had when a load fails.
//
// A page module exports `page`:
//   load(context) -> promise of the data    view(data, context) -> template    title(data, context)
//   views   beginnings of names in the stream's tick that concern it ("workflow/"); [] for none
//   every   at most one load in so many ms (1000)
//   hasRange  it shows a range of time, which it takes from context.range
// context: onShown() (called when it has drawn what it loaded, or that it could not), rest (of the path), params (of the query), range, state (of this page, its own to
// change), signal (ends with it, and when params change), go(path), put(params, how), update() (draw
// again), reload(), hasChanged(name): may what ticks call so, or begin so, have changed since the last load
// that was shown?
import { failed, loading, stale } from "./notes.js";
import { html, nothing, render } from "./lit.js";
import { onTick } from "./live.js";
import { hold, isPaused, setBusy, setTitle, tellTimes } from "./frame.js";
import { rangeOf } from "./range.js";

const RETRY_MS = 5000;
const WAITING_MS = 300; // what comes sooner is not announced

// Parameters with a dot in their name are about how a table is shown (table.js): the page is drawn
// anew when they change, and all others ask the tower anew.
function asked(params) {
  return JSON.stringify([...params].filter(([name]) => !name.includes(".")));
}

// Draw, and keep the focus where it was though elements moved or went: on the element, else on what it
// stood in.
function drawWithFocus(root, template) {
  const focused = root.contains(document.activeElement) ? document.activeElement : null;
  const around = [];
  for (let one = focused; one && one !== root; one = one.parentElement) around.push(one);
  render(template, root);
  if (focused === null || document.activeElement === focused) return;
  const left = around.find(
    (one) => root.contains(one) && (one === focused || one.hasAttribute("tabindex")),
  );
  (left || root.parentElement).focus({ preventScroll: true });
}

// Returns {change(params), draw(), reload(), end()}.
export function showPage(page, root, context) {
  let data = null;
  let dataOf = ""; // what was asked for when it came
  let error = null;
  let loadedAt = 0;
  let timer = 0;
  let number = 0; // of the load under way
  let isLoading = false;
  let isWanted = false; // once more, after the load under way
  let isAsked = false; // by somebody, not by news
  let stop = null;
  let changed = new Set(["*"]); // names of ticks since the load under way began, or the last one
  let unseen = new Set(); // those before it, until it is shown

  function draw() {
    if (stop === null) return;
    const isOld = data !== null && dataOf !== asked(context.params);
    root.classList.toggle("old", isOld);
    root.setAttribute("aria-busy", data === null && error === null);
    drawWithFocus(
      root,
      data !== null && !(error && isOld)
        ? html`${error ? stale(error, loadedAt, context.reload) : nothing}${page.view(data, context)}`
        : error
          ? failed(error, context.reload)
          : loading(page.what || "the page"),
    );
    tellTimes(root);
    setTitle((page.title ? page.title(data, context) + " – " : "") + "Tillwatch");
  }

  // `isNews`: nobody asked for it; a page that was paused meanwhile stays as it is.
  async function load(isNews) {
    if (stop === null || isLoading) {
      isWanted = true;
      isAsked = isAsked || !isNews;
      return;
    }
    clearTimeout(timer);
    if (isNews && isPaused()) return;
    isLoading = true;
    isWanted = false;
    isAsked = false;
    const own = ++number;
    const wanted = asked(context.params);
    const done = setBusy();
    unseen = new Set([...unseen, ...changed]);
    changed = new Set();
    const news = [...unseen];
    context.hasChanged = (view) => news.some((name) => name === "*" || name.startsWith(view));
    try {
      const fresh = await page.load(context);
      if (own === number && !(isNews && isPaused())) {
        data = fresh;
        unseen = new Set();
        dataOf = wanted;
        error = null;
        loadedAt = Date.now();
        hold();
      }
    } catch (fault) {
      if (own === number && fault.name !== "AbortError") error = fault;
    }
    done();
    if (own !== number || stop === null) return;
    isLoading = false;
    draw();
    context.onShown();
    if (isWanted) soon(!isAsked);
    else if (error) timer = setTimeout(context.reload, RETRY_MS);
  }

  // Not more often than the page wants, and not while nobody looks.
  function soon(isNews) {
    clearTimeout(timer);
    const every = (page.every || 1000) * (document.hidden ? 10 : 1);
    timer = setTimeout(() => load(isNews), Math.max(0, loadedAt + every - Date.now()));
  }

  // What is asked for has changed: what is under way is of no use, and is not waited for.
  function loadAnew() {
    if (stop) stop.abort();
    stop = new AbortController();
    context.signal = stop.signal;
    number++;
    isLoading = false;
    error = null;
    load(false);
  }

  const endTick = onTick((tick) => {
    tick.views.forEach((name) => changed.add(name));
    if (tick.isFirst) changed.add("*"); // what came before it was missed
    const concerns =
      tick.isFirst ||
      page.views === undefined ||
      page.views.some((view) => tick.views.some((name) => name === "*" || name.startsWith(view)));
    if (concerns && !isPaused() && loadedAt > 0) soon(true);
  });
  context.update = draw;
  const reload = () => load(false);
  context.reload = reload;
  loadAnew();
  root.setAttribute("aria-busy", "true"); // nothing is drawn yet
  const waiting = setTimeout(draw, WAITING_MS);
  return {
    // The address has other parameters now; the page is the same.
    change(params) {
      const before = asked(context.params);
      context.params = params;
      if (asked(params) !== before) {
        context.range = rangeOf(params);
        loadAnew();
      }
      draw();
    },
    draw,
    reload,
    end() {
      stop.abort();
      stop = null;
      number++;
      clearTimeout(timer);
      clearTimeout(waiting);
      endTick();
    },
  };
}
