// SPDX-License-Identifier: Apache-2.0
// Times as people read them: local, with the exact UTC behind; durations in two units. What needs Intl is
// made when it is needed: that takes a browser long.

const DAY = { year: "numeric", month: "short", day: "2-digit" };
let day = null;

function sameDay(a, b) {
  return (
    a.getFullYear() === b.getFullYear() &&
    a.getMonth() === b.getMonth() &&
    a.getDate() === b.getDate()
  );
}

// "18:03:12.345"; the API gives microseconds, of which three digits are shown.
export function clockText(text) {
  const at = new Date(text);
  const two = [at.getHours(), at.getMinutes(), at.getSeconds()].map((n) => (n < 10 ? "0" : "") + n);
  return two.join(":") + (text.match(/\.\d{3}/) || [".000"])[0];
}

export function dayText(text) {
  const at = new Date(text);
  if (sameDay(at, new Date())) return "today";
  day = day || new Intl.DateTimeFormat(undefined, DAY);
  return day.format(at);
}

// Seconds as "0.4 s", "3 m 20 s", "2 h 5 m", "4 d 3 h".
export function duration(seconds) {
  if (seconds === null || seconds === undefined || Number.isNaN(seconds)) return "–";
  const sign = seconds < 0 ? "-" : "";
  const s = Math.abs(seconds);
  if (s < 0.0995) return sign + Math.round(s * 1000) + " ms";
  if (s < 9.995) return sign + s.toFixed(1) + " s";
  if (s < 60) return sign + Math.round(s) + " s";
  const whole = Math.round(s);
  if (whole < 3600) return sign + Math.floor(whole / 60) + " m " + (whole % 60) + " s";
  if (whole < 86400)
    return sign + Math.floor(whole / 3600) + " h " + Math.floor((whole % 3600) / 60) + " m";
  return sign + Math.floor(whole / 86400) + " d " + Math.floor((whole % 86400) / 3600) + " h";
}

export function secondsBetween(a, b) {
  return (Date.parse(b) - Date.parse(a)) / 1000;
}
