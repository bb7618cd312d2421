// SPDX-License-Identifier: Apache-2.0
// Which page is shown, the search box and the keys. A page is a module that is loaded when it is first
// shown, and exports `page` (page.js).
import { startClock } from "./clock.js";
import * as live from "./live.js";
import { render } from "./lit.js";
import { failed } from "./notes.js";
import { showPage } from "./page.js";
import { rangeOf } from "./range.js";
import { startTheme } from "./theme.js";

const ROUTES = [
  [/^\/$/, "overview"],
  [/^\/search$/, "search"],
  [/^\/journey\/(.+)$/, "journey"],
  [/^\/event\/(.+)$/, "event"],
  [/^\/workflows$/, "workflows"],
  [/^\/workflows\/(.+)$/, "workflow"],
  [/^\/objectives$/, "objectives"],
  [/^\/objectives\/(.+)$/, "objective"],
  [/^\/runs$/, "runs"],
  [/^\/stores$/, "stores"],
  [/^\/stores\/(.+)$/, "store"],
  [/^\/systems$/, "systems"],
  [/^\/dashboards$/, "dashboards"],
  [/^\/dashboards\/(.+)$/, "dashboard"],
  [/^\/taps$/, "taps"],
  [/^\/quarantine$/, "quarantine"],
];
const view = document.getElementById("view");
const box = document.getElementById("q");
let leave = () => {};
let opened = 0;

function markPlace(path) {
  for (const link of document.querySelectorAll(".pages a")) {
    const href = link.getAttribute("href");
    if (href === path || (href !== "/" && path.startsWith(href + "/")))
      link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

async function open() {
  leave();
  const number = ++opened;
  const stop = new AbortController();
  leave = () => stop.abort();
  const path = location.pathname;
  const params = new URLSearchParams(location.search);
  const root = document.createElement("div");
  const context = { rest: "", params, range: rangeOf(params), state: {}, signal: stop.signal, go };
  if (document.activeElement !== box) box.value = params.get("q") || "";
  markPlace(path);
  document.body.classList.toggle("wall", path === "/" && params.has("wall"));
  document.title = "Tillwatch";
  let end = () => {};
  try {
    const route = ROUTES.find(([pattern]) => pattern.test(path));
    if (!route) throw Object.assign(new Error("There is no such page."), { title: "Not found" });
    const rest = path.match(route[0])[1];
    context.rest = rest ? decodeURIComponent(rest) : "";
    const { page } = await import("./pages/" + route[1] + ".js");
    if (number !== opened) return;
    view.replaceChildren(root);
    end = showPage(page, root, context);
  } catch (error) {
    if (number !== opened) return;
    view.replaceChildren(root);
    render(failed(error), root);
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
  if (
    !link ||
    click.defaultPrevented ||
    click.button !== 0 ||
    click.metaKey ||
    click.ctrlKey ||
    click.shiftKey ||
    click.altKey ||
    link.target ||
    !link.getAttribute("href").startsWith("/") ||
    link.getAttribute("href").startsWith("/api/")
  )
    return;
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
  go(
    "/search?q=" + encodeURIComponent(q) + "&go=1",
    location.pathname === "/search" ? "replace" : "push",
  );
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
  } else if (
    (key.key === "ArrowDown" || key.key === "ArrowUp") &&
    (!inField || document.activeElement === box)
  ) {
    if (move(key.key === "ArrowDown" ? 1 : -1)) key.preventDefault();
  }
});

startTheme(document.getElementById("theme"), () => open());
startClock();
live.start();
open();
