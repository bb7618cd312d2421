// SPDX-License-Identifier: Apache-2.0
// Which page is shown, the search box and the keys. A page is a module that is loaded when it is first
// shown, and exports `page` (page.js).
import { get, Unreachable } from "./api.js";
import { isPaused, setTitle, startClock, startPause, startTheme } from "./frame.js";
import * as live from "./live.js";
import { render } from "./lit.js";
import { failed } from "./notes.js";
import { showPage } from "./page.js";
import { rangeOf } from "./range.js";

const ROUTES = [
  [/^\/$/, "overview"],
  [/^\/search$/, "search"],
  [/^\/journey\/(.+)$/, "journey"],
  [/^\/event\/(.+)$/, "event"],
  [/^\/alerts$/, "alerts"],
  [/^\/alerts\/(.+)$/, "alert"],
  [/^\/rules$/, "rules"],
  [/^\/rules\/(.+)$/, "rule"],
  [/^\/runbook\/(.+)$/, "runbook"],
  [/^\/silences$/, "silences"],
  [/^\/notifications$/, "notifications"],
  [/^\/workflows$/, "workflows"],
  [/^\/workflows\/(.+)$/, "workflow"],
  [/^\/objectives$/, "objectives"],
  [/^\/objectives\/(.+)$/, "objective"],
  [/^\/runs$/, "runs"],
  [/^\/failures$/, "failures"],
  [/^\/failures\/(.+)$/, "failure"],
  [/^\/replays$/, "replays"],
  [/^\/replays\/(.+)$/, "replay"],
  [/^\/stores$/, "stores"],
  [/^\/stores\/(.+)$/, "store"],
  [/^\/systems$/, "systems"],
  [/^\/dashboards$/, "dashboards"],
  [/^\/dashboards\/(.+)$/, "dashboard"],
  [/^\/taps$/, "taps"],
  [/^\/quarantine$/, "quarantine"],
  [/^\/causes$/, "causes"],
  [/^\/account$/, "account"],
  [/^\/audit$/, "audit"],
];
const RETRY_MS = 5000;
const view = document.getElementById("view");
const box = document.getElementById("q");
let shown = null; // {path, change(), draw(), reload(), end()}: the page
let opened = 0;

function routeOf(path) {
  return ROUTES.find(([pattern]) => pattern.test(path));
}

function moduleOf(route) {
  return import("./pages/" + route[1] + ".js");
}

// Pages that stand behind another one in the list of the frame.
const BEHIND = /^\/(rules|runbook|silences|notifications)(?=\/|$)/;

function markPlace(whole) {
  const path = whole.replace(BEHIND, "/alerts");
  for (const link of document.querySelectorAll(".pages a")) {
    const href = link.getAttribute("href");
    if (href === path || (href !== "/" && path.startsWith(href + "/")))
      link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

// Show what the address says. The page that is shown already stays when only parameters differ.
async function open() {
  const path = location.pathname;
  const params = new URLSearchParams(location.search);
  if (document.activeElement !== box) box.value = params.get("q") || "";
  markPlace(path);
  document.body.classList.toggle("wall", path === "/" && params.has("wall"));
  if (shown && shown.path === path) {
    shown.change(params);
    return;
  }
  if (shown) shown.end();
  shown = null;
  const number = ++opened;
  const root = document.createElement("div");
  const context = { rest: "", params, range: rangeOf(params), state: {}, go, put, onShown: follow };
  setTitle("Tillwatch");
  try {
    const route = routeOf(path);
    if (!route)
      throw Object.assign(new Error("There is no such page."), { title: "Not found", status: 404 });
    const rest = path.match(route[0])[1];
    context.rest = rest ? decodeURIComponent(rest) : "";
    const { page } = await moduleOf(route);
    if (number !== opened) return;
    // The address may have changed while the module came.
    context.params = new URLSearchParams(location.search);
    context.range = rangeOf(context.params);
    view.replaceChildren(root);
    shown = { path, ...showPage(page, root, context) };
  } catch (error) {
    if (number !== opened) return;
    view.replaceChildren(root);
    // A TypeError: the module of the page did not come.
    const isAway = error instanceof TypeError;
    render(isAway ? failed(new Unreachable(), open) : failed(error), root);
    if (isAway) setTimeout(() => number === opened && open(), RETRY_MS);
  }
}

// Go to a place within the tower. `how`: "push", or "replace" while somebody types.
function go(path, how = "push") {
  const before = location.pathname;
  if (path !== location.pathname + location.search) {
    history[how === "push" ? "pushState" : "replaceState"](null, "", path);
  }
  open();
  if (how === "push" && location.pathname !== before) {
    window.scrollTo(0, 0);
    if (document.activeElement !== box) view.focus({ preventScroll: true });
  }
}

// Change parameters of the page that is shown; empty ones are left out.
function put(changes, how = "push") {
  const params = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === undefined || value === "") params.delete(name);
    else params.set(name, value);
  }
  go(location.pathname + (params.size ? "?" + params : ""), how);
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

// The module of a page begins to come when somebody points at a link to it.
function comeCloser({ target }) {
  const link = target instanceof Element && target.closest('a[href^="/"]');
  const route = link && routeOf(link.pathname);
  if (route) moduleOf(route).catch(() => {}); // whoever goes there hears of it
}
document.addEventListener("pointerover", comeCloser);
document.addEventListener("focusin", comeCloser);

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

startTheme(document.getElementById("theme"), () => shown && shown.draw());
startPause(
  document.getElementById("live"),
  document.getElementById("paused"),
  () => shown && (isPaused() ? shown.draw() : shown.reload()),
);
// The badge of alerts comes with the stream; a module that did not come is asked for again.
function comeAlarm() {
  import("./alarm.js").then(
    ({ startAlarm }) => startAlarm(go, () => shown && shown.draw()),
    () => setTimeout(comeAlarm, RETRY_MS),
  );
}

// Whoever signed in finds themselves in the head.
function showWho() {
  get("/session").then(
    (who) => {
      const link = document.getElementById("who");
      link.textContent = who.user;
      link.title = who.user + ", " + who.role + ": sessions, password, sign out";
      link.hidden = who.sign_in === "none";
    },
    () => {}, // the page says it
  );
}

// The stream is begun when the first page stands, which is not to wait for it; or when that takes long.
const FOLLOW_MS = 500;
const late = setTimeout(follow, FOLLOW_MS);
let isFollowing = false;
function follow() {
  clearTimeout(late);
  if (isFollowing) return;
  isFollowing = true;
  live.listen();
  comeAlarm();
  setTimeout(showWho, 0); // after what was drawn
}

startClock();
live.start();
open();
