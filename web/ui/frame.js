// SPDX-License-Identifier: Apache-2.0
// What stands around every page: live or paused, light or dark, the bar while something takes long,
// times that tick.
import { html, render } from "./lit.js";
import { time } from "./parts.js";
import { duration } from "./time.js";

// --- live or paused. Paused: what a page shows stands still, its ages and the ends of its plots too,
// and a line says since when. The strip and the banner go on: they say how the tower itself is.

let heldAt = 0; // ms since 1970; 0: live

export function isPaused() {
  return heldAt > 0;
}

// The time that the pages show: now, or when they were paused.
export function shownNow() {
  return heldAt || Date.now();
}

let drawPause = () => {};

// Somebody asked a paused page for something: what it shows is of now, and stands still again.
export function hold() {
  if (heldAt === 0) return;
  heldAt = Date.now();
  drawPause();
}

// The button of the frame and the line below it; `onChange` hears of each change.
export function startPause(button, line, onChange) {
  const change = () => {
    heldAt = heldAt ? 0 : Date.now();
    drawPause();
    onChange();
  };
  drawPause = () => {
    button.textContent = heldAt ? "▶ Paused" : "● Live";
    button.title = heldAt ? "Paused: go on" : "Live: stop renewing what is shown";
    button.setAttribute("aria-label", button.title);
    document.body.classList.toggle("paused", heldAt > 0);
    line.hidden = heldAt === 0;
    const goOn = () => {
      change();
      button.focus();
    };
    if (heldAt)
      render(
        html`<strong>Paused.</strong>
          <span
            >What is below is as of ${time(new Date(heldAt).toISOString())} and stands still; the
            tower goes on.</span
          >
          <button type="button" @click=${goOn}>Go on</button>`,
        line,
      );
  };
  button.addEventListener("click", change);
  drawPause();
}

// --- light, dark, or as the system has it; kept in the browser

const KEY = "tillwatch.theme";
const NEXT = { auto: "light", light: "dark", dark: "auto" };
const WORDS = { auto: "Theme: as the system", light: "Theme: light", dark: "Theme: dark" };
const SIGNS = { auto: "◐", light: "☀", dark: "☾" };

function chosen() {
  const theme = localStorage.getItem(KEY);
  return Object.hasOwn(NEXT, theme || "") ? theme : "auto";
}

// "light" or "dark": what is shown now.
export function themeNow() {
  const theme = chosen();
  if (theme !== "auto") return theme;
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

export function startTheme(button, onChange) {
  const show = () => {
    const theme = chosen();
    document.documentElement.dataset.theme = theme;
    button.textContent = SIGNS[theme];
    button.title = WORDS[theme];
    button.setAttribute("aria-label", WORDS[theme]);
  };
  button.addEventListener("click", () => {
    localStorage.setItem(KEY, NEXT[chosen()]);
    show();
    onChange();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", onChange);
  show();
}

// --- the title, with how many alerts fire before it

let title = "Tillwatch";
let mark = "";

function showTitle() {
  document.title = mark + title;
}

export function setTitle(words) {
  title = words;
  showTitle();
}

export function markTitle(words) {
  mark = words;
  showTitle();
}

// --- what this browser was told about alerts: desktop notifications, and sound on the wall

const SWITCHES = { desk: "tillwatch.desk", sound: "tillwatch.sound" };

export function isOn(name) {
  return localStorage.getItem(SWITCHES[name]) === "on";
}

export function setOn(name, value) {
  if (value) localStorage.setItem(SWITCHES[name], "on");
  else localStorage.removeItem(SWITCHES[name]);
  window.dispatchEvent(new Event("tillwatch-switch"));
}

// --- the thin bar over the page while something takes longer than 300 ms

const SHOWN_AFTER_MS = 300;
let pending = 0;
let timer = 0;

function showBusy() {
  document.getElementById("busy").hidden = pending === 0;
}

// Something began; call what this returns when it has ended.
export function setBusy() {
  let isOver = false;
  if (pending++ === 0) timer = setTimeout(showBusy, SHOWN_AFTER_MS);
  return () => {
    if (isOver) return;
    isOver = true;
    if (--pending === 0) {
      clearTimeout(timer);
      showBusy();
    }
  };
}

// --- times that tick: elements <time data-since> (how long ago) and <time data-due> (how long until, or
// past). Their text is written here, once a second, so that a page need not be drawn for it.

function tell(element, now) {
  const { since, due } = element.dataset;
  let text = "";
  if (since) text = duration(Math.max(0, (now - Date.parse(since)) / 1000));
  else if (due) {
    const left = (Date.parse(due) - now) / 1000;
    text = left >= 0 ? "in " + duration(left) : duration(-left) + " late";
  }
  if (element.textContent === text) return;
  // The same text node stays, and with it what somebody has selected around it.
  if (element.firstChild instanceof Text) element.firstChild.data = text;
  else element.textContent = text;
}

export function tellTimes(root) {
  const now = shownNow();
  for (const element of root.querySelectorAll("time[data-since], time[data-due]"))
    tell(element, now);
}

export function startClock() {
  setInterval(() => {
    if (!document.hidden) tellTimes(document);
  }, 1000);
}
