// SPDX-License-Identifier: Apache-2.0
// Light, dark, or as the system has it; kept in the browser.
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
