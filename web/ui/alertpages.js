// SPDX-License-Identifier: Apache-2.0
// The pages about alerts, one beside the other, and the switches that this browser remembers.
import { deskState, switchDesk } from "./alarm.js";
import { html } from "./lit.js";

const PAGES = [
  ["/alerts", "Alerts"],
  ["/rules", "Rules"],
  ["/silences", "Silences"],
  ["/notifications", "Notifications"],
];

export function alertPages(shown) {
  return html`<nav class="tabs" aria-label="Pages about alerts">
    ${PAGES.map(([path, words]) => html`<a href=${path} aria-current=${path === shown ? "page" : "false"}>${words}</a>`)}
  </nav>`;
}

const DESK = {
  on: ["Desktop notifications: on", "A new alert is told on this desktop, once"],
  off: [
    "Desktop notifications: off",
    "Tell new alerts on this desktop, also when no page is looked at",
  ],
  denied: [
    "Desktop notifications: refused",
    "This browser refuses them: its settings for this address say so",
  ],
  none: ["No desktop notifications", "This browser has none for pages that came without TLS"],
};

export function deskButton() {
  const state = deskState();
  const [words, title] = DESK[state];
  const canSwitch = state === "on" || state === "off";
  return html`<button
    type="button"
    class="chip"
    id="desk"
    title=${title}
    aria-pressed=${state === "on" ? "true" : "false"}
    aria-disabled=${canSwitch ? "false" : "true"}
    @click=${() => canSwitch && switchDesk()}
  >
    ${words}
  </button>`;
}
