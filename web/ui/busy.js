// SPDX-License-Identifier: Apache-2.0
// The thin bar over the page while something takes longer than 300 ms.
const SHOWN_AFTER_MS = 300;
let pending = 0;
let timer = 0;

function show() {
  document.getElementById("busy").hidden = pending === 0;
}

// Something began; call what this returns when it has ended.
export function setBusy() {
  let isOver = false;
  if (pending++ === 0) timer = setTimeout(show, SHOWN_AFTER_MS);
  return () => {
    if (isOver) return;
    isOver = true;
    if (--pending === 0) {
      clearTimeout(timer);
      show();
    }
  };
}
