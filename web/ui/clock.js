// SPDX-License-Identifier: Apache-2.0
// Times that tick: elements <time data-since> (how long ago) and <time data-due> (how long until, or
// past). Their text is written here, once a second, so that a page need not be drawn for it.
import { shownNow } from "./pause.js";
import { duration } from "./time.js";

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
