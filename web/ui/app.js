// SPDX-License-Identifier: Apache-2.0
// Which page is shown, the search box and the keys. Pages are modules with
// show(view, context) -> function that ends it; context: {path, params, signal, go}.
import { failed } from "./state.js";
import { h, replace } from "./dom.js";
import * as live from "./live.js";
import * as home from "./pages/home.js";
import * as search from "./pages/search.js";
import * as journey from "./pages/journey.js";
import * as event from "./pages/event.js";
import * as workflows from "./pages/workflows.js";
import * as runs from "./pages/runs.js";
import * as taps from "./pages/taps.js";
import * as quarantine from "./pages/quarantine.js";

const ROUTES = [
  [/^\/$/, home], [/^\/search$/, search], [/^\/journey\/(.+)$/, journey],
  [/^\/event\/(.+)$/, event], [/^\/workflows$/, workflows], [/^\/runs$/, runs], [/^\/taps$/, taps],
  [/^\/quarantine$/, quarantine],
];
const view = document.getElementById("view");
const box = document.getElementById("q");
let leave = () => {};

function open() {
  leave();
  const stop = new AbortController();
  const path = location.pathname;
  const params = new URLSearchParams(location.search);
  const route = ROUTES.find(([pattern]) => pattern.test(path));
  const context = { rest: "", params, signal: stop.signal, go };
  if (document.activeElement !== box) box.value = params.get("q") || "";
  for (const link of document.querySelectorAll(".pages a")) {
    if (link.getAttribute("href") === path) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = "Tillwatch";
  let end = () => {};
  try {
    if (!route) throw Object.assign(new Error("There is no such page."), { title: "Not found" });
    const rest = path.match(route[0])[1];
    context.rest = rest ? decodeURIComponent(rest) : "";
    end = route[1].show(view, context) || end;
  } catch (error) {
    replace(view, failed(error));
  }
  leave = () => {
    stop.abort();
    end();
  };
}

// Go to a place within the tower. `how`: "push", or "replace" while somebody types.
function go(path, how = "push") {
  if (path !== location.pathname + location.search) {
    history[how === "push" ? "pushState" : "replaceState"](null, "", path);
  }
  open();
  if (how === "push") {
    window.scrollTo(0, 0);
    if (document.activeElement !== box) view.focus({ preventScroll: true });
  }
}

document.addEventListener("click", (click) => {
  const link = click.target.closest("a[href]");
  if (!link || click.defaultPrevented || click.button !== 0 || click.metaKey || click.ctrlKey
      || click.shiftKey || click.altKey || link.target || !link.getAttribute("href").startsWith("/")
      || link.getAttribute("href").startsWith("/api/")) return;
  click.preventDefault();
  go(link.getAttribute("href"));
});
window.addEventListener("popstate", open);

// --- the search box: results while one types, the only exact hit at Enter

let typing = 0;
box.addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => {
    const q = box.value.trim();
    const isSearch = location.pathname === "/search";
    if (q) go("/search?q=" + encodeURIComponent(q), isSearch ? "replace" : "push");
    else if (isSearch) go("/", "replace");
  }, 180);
});
document.getElementById("search").addEventListener("submit", (submit) => {
  submit.preventDefault();
  clearTimeout(typing);
  const q = box.value.trim();
  if (!q) return;
  go("/search?q=" + encodeURIComponent(q) + "&go=1",
    location.pathname === "/search" ? "replace" : "push");
});

// --- keys

function move(step) {
  const rows = [...view.querySelectorAll(".row-link")].filter((row) => row.offsetParent !== null);
  if (rows.length === 0) return false;
  const at = rows.indexOf(document.activeElement);
  if (at < 0 && step < 0) return false;
  if (at === 0 && step < 0) box.focus();
  else rows[Math.min(rows.length - 1, at + step)].focus();
  return true;
}

document.addEventListener("keydown", (key) => {
  const inField = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName);
  if (key.ctrlKey || key.metaKey || key.altKey) return;
  if (key.key === "/" && !inField) {
    box.focus();
    box.select();
    key.preventDefault();
  } else if (key.key === "Escape" && inField) {
    document.activeElement.blur();
  } else if ((key.key === "ArrowDown" || key.key === "ArrowUp")
      && (!inField || document.activeElement === box)) {
    if (move(key.key === "ArrowDown" ? 1 : -1)) key.preventDefault();
  }
});

live.start();
open();
if (location.pathname === "/") box.focus();
replace(document.querySelector(".noscript") || h("span"), "");
