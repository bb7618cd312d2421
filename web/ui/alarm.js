// SPDX-License-Identifier: Apache-2.0
// How many alerts fire, on every page: the badge of the frame, a mark in the title and the icon of the tab;
// a notification on the desktop and, on the wall, a sound, if somebody has switched them on here.
import { alertPath } from "./alertwords.js";
import { count, plural } from "./format.js";
import { isOn, markTitle, setOn } from "./frame.js";
import { onAlert, waitForAlerts } from "./live.js";

const TOLD_MAX = 1000;
const SINGLE_MAX = 3; // more at once are one notification
const BADGE_MAX = 999;
const TONES = { critical: [880, 660, 880, 660], other: [520, 520] };
const TONE_S = 0.22;
const told = new Map(); // fingerprint: its state when it was heard last; in the order of hearing

let go = () => {};
let redraw = () => {};
let audio = null;

// --- the badge

function showBadge({ firing = 0, critical = 0 }) {
  const link = document.getElementById("alarm");
  const state = critical > 0 ? "bad" : firing > 0 ? "warn" : "ok";
  const text = firing > BADGE_MAX ? BADGE_MAX + "+" : String(firing);
  const words = plural(firing, "alert") + (firing === 1 ? " fires" : " fire");
  const said =
    firing === 0
      ? ", none fires"
      : ", " + words + (critical ? ", " + count(critical) + " critical" : "");
  link.querySelector(".alarm").textContent = text;
  link.querySelector(".alarm").className = "alarm " + state;
  const spoken = link.querySelector(".hidden");
  if (spoken.textContent !== said) spoken.textContent = said;
  link.title = firing === 0 ? "No alert fires" : words;
  markTitle(firing > 0 ? "(" + text + (critical > 0 ? "!" : "") + ") " : "");
  const icon = document.querySelector('link[rel="icon"]');
  const wanted = critical > 0 ? "/ui/icon-alert.svg" : "/ui/icon.svg";
  if (icon.getAttribute("href") !== wanted) icon.setAttribute("href", wanted);
}

// --- what is new: told once, whatever the stream repeats

function fresh(alerts) {
  const found = [];
  for (const one of alerts) {
    const isNew = one.state === "firing" && told.get(one.fingerprint) !== "firing";
    told.delete(one.fingerprint);
    told.set(one.fingerprint, one.state);
    if (told.size > TOLD_MAX) told.delete(told.keys().next().value);
    if (isNew && !one.quiet && one.severity !== "info") found.push(one);
  }
  return found;
}

// --- on the desktop

// "on", "off", "denied" (by the browser's settings), "none" (it has none here).
export function deskState() {
  if (typeof Notification !== "function" || !window.isSecureContext) return "none";
  if (Notification.permission === "denied") return "denied";
  return Notification.permission === "granted" && isOn("desk") ? "on" : "off";
}

// From a click: browsers ask for nothing else.
export async function switchDesk() {
  const wasOn = deskState() === "on";
  if (!wasOn && Notification.permission === "default") await Notification.requestPermission();
  setOn("desk", !wasOn && Notification.permission === "granted");
}

// The tag makes what two tabs would tell one notification.
function tell(title, body, tag, path) {
  const note = new Notification(title, { body, tag, icon: "/ui/icon-alert.svg" });
  note.addEventListener("click", () => {
    window.focus();
    note.close();
    go(path);
  });
}

function tellDesk(alerts, more) {
  if (alerts.length + more > SINGLE_MAX) {
    const first = alerts.slice(0, SINGLE_MAX).map((one) => one.title || one.alert);
    const tag = "tillwatch-many-" + alerts[0].fingerprint;
    tell(plural(alerts.length + more, "new alert"), first.join("\n"), tag, "/alerts");
    return;
  }
  for (const one of alerts) {
    const word = one.severity ? one.severity[0].toUpperCase() + one.severity.slice(1) + ": " : "";
    const tag = "tillwatch-" + one.fingerprint;
    tell(word + (one.title || one.alert), one.summary || "", tag, alertPath(one));
  }
}

// --- the sound of the wall: made here, no file; only after somebody pressed something, as browsers want

// "on", "off", or "waits": it is on, and the browser lets nothing sound before a key or a click.
export function soundState() {
  if (!isOn("sound")) return "off";
  return audio && audio.state === "running" ? "on" : "waits";
}

async function wakeSound() {
  if (!isOn("sound")) return;
  audio = audio || new AudioContext();
  if (audio.state === "running") return;
  await audio.resume();
  redraw();
}

function sound(tones) {
  if (!audio || audio.state !== "running") return;
  tones.forEach((pitch, i) => {
    const at = audio.currentTime + i * TONE_S;
    const oscillator = audio.createOscillator();
    const gain = audio.createGain();
    oscillator.frequency.value = pitch;
    gain.gain.setValueAtTime(0, at);
    gain.gain.linearRampToValueAtTime(0.4, at + 0.02);
    gain.gain.linearRampToValueAtTime(0, at + TONE_S);
    oscillator.connect(gain).connect(audio.destination);
    oscillator.start(at);
    oscillator.stop(at + TONE_S);
  });
}

// On and heard at once: whoever switches it on knows how it sounds.
export async function switchSound() {
  setOn("sound", !isOn("sound"));
  if (!isOn("sound")) return;
  await wakeSound();
  sound(TONES.other);
}

// --- together

function take(alert) {
  showBadge(alert);
  const news = fresh(alert.new || []);
  if (news.length === 0) return;
  if (alert.isTeller && deskState() === "on") tellDesk(news, alert.more || 0);
  if (document.body.classList.contains("wall") && isOn("sound"))
    sound(news.some((one) => one.severity === "critical") ? TONES.critical : TONES.other);
}

function wait() {
  waitForAlerts(deskState() === "on" || (isOn("sound") && location.search.includes("wall")));
}

// `goTo` leads to a page of the tower; `draw` draws the page anew that is shown.
export function startAlarm(goTo, draw) {
  go = goTo;
  redraw = draw;
  const change = () => {
    wait();
    redraw();
  };
  window.addEventListener("tillwatch-switch", change);
  window.addEventListener("storage", change); // another tab was told
  for (const name of ["pointerdown", "keydown"])
    document.addEventListener(name, () => wakeSound().catch(() => {}), { capture: true });
  wait();
  onAlert(take);
}
