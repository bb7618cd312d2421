// SPDX-License-Identifier: Apache-2.0
// Numbers and the addresses of journeys. Numbers are written as the words around them are, 1,234.5, whatever
// the browser's own language: 1.234 would be read as little more than one. Nothing of Intl is made here:
// that takes a browser 20 ms, which the first page would wait for.

function whole(n) {
  return String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, ",");
}

export function count(n) {
  return n === null || n === undefined ? "–" : whole(n);
}

// "1 event", "2 events"
export function plural(n, word) {
  return count(n) + " " + word + (n === 1 ? "" : "s");
}

export function rate(perSecond) {
  if (perSecond === null || perSecond === undefined) return "–";
  if (perSecond > 0 && perSecond < 0.05) return "<0.1";
  return perSecond > 0 && perSecond < 9.95 ? perSecond.toFixed(1) : whole(perSecond);
}

export function bytes(n) {
  if (n === null || n === undefined) return "–";
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let value = n;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return (unit === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)) + " " + units[unit];
}

// Ids are encoded once more for a URL, but ':' and '/' stay readable where that is safe.
function pathOf(id) {
  const whole = encodeURIComponent(id);
  const readable = whole.replaceAll("%3A", ":").replaceAll("%2F", "/");
  return readable.split("/").some((part) => part === "." || part === ".." || part === "")
    ? whole
    : readable;
}

export function journeyPath(id) {
  return "/journey/" + pathOf(id);
}

export function journeyCall(id) {
  return "/journeys/" + pathOf(id);
}

// "0042/88" from a scope and an identifier.
export function scoped(scope, identifier) {
  return [...Object.values(scope || {}), identifier].join("/");
}
