// SPDX-License-Identifier: Apache-2.0
// Live or paused. Paused: what a page shows stands still, its ages and the ends of its plots too, and
// a line says since when. The strip and the banner go on: they say how the tower itself is.
import { html, render } from "./lit.js";
import { time } from "./parts.js";

let heldAt = 0; // ms since 1970; 0: live

export function isPaused() {
  return heldAt > 0;
}

// The time that the pages show: now, or when they were paused.
export function shownNow() {
  return heldAt || Date.now();
}

let draw = () => {};

// Somebody asked a paused page for something: what it shows is of now, and stands still again.
export function hold() {
  if (heldAt === 0) return;
  heldAt = Date.now();
  draw();
}

// The button of the frame and the line below it; `onChange` hears of each change.
export function startPause(button, line, onChange) {
  const change = () => {
    heldAt = heldAt ? 0 : Date.now();
    draw();
    onChange();
  };
  draw = () => {
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
  draw();
}
