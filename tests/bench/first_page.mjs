#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// The overview in a browser that has seen nothing before: how long until it can be used, and what it took from
// the network. Usage: first_page.mjs URL TIMES   prints "usable_ms bytes requests" of each time.
// Status 77: there is no browser here.
import { existsSync } from "node:fs";
import { createRequire } from "node:module";

const CHROMIUM = process.env.TW_CHROMIUM || "/usr/bin/chromium";
const [, , url, times] = process.argv;
let chromium;
try {
  const require = createRequire(new URL("../browser/package.json", import.meta.url));
  ({ chromium } = require("playwright-core"));
} catch {
  process.exit(77);
}
if (!existsSync(CHROMIUM)) process.exit(77);

const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic"],
});
// The first one only warms the browser up.
for (let i = 0; i <= Number(times); i++) {
  const context = await browser.newContext();
  const page = await context.newPage();
  // Usable: the headline stands, which is drawn with all that was asked for.
  await page.addInitScript(() => {
    new MutationObserver((_, observer) => {
      if (!document.querySelector(".overview-head")) return;
      window.usableAt = performance.now();
      observer.disconnect();
    }).observe(document, { childList: true, subtree: true });
  });
  await page.goto(url);
  await page.waitForSelector(".overview-head", { state: "attached" }); // which lays out nothing
  const [usable, bytes, requests] = await page.evaluate(() => {
    const all = performance
      .getEntriesByType("resource")
      .concat(performance.getEntriesByType("navigation"))
      .filter((entry) => entry.responseEnd > 0 && entry.responseEnd <= window.usableAt);
    return [window.usableAt, all.reduce((sum, one) => sum + one.transferSize, 0), all.length];
  });
  if (i > 0) console.log(usable.toFixed(1), bytes, requests);
  await context.close();
}
await browser.close();
