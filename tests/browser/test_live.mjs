#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// The pages while things change, in a real Chromium over a real tower: what is renewed in its place, a
// page that is paused, a tower that is slow, refuses, or goes away.
// TAP. Pictures of some moments are left beside those of test_pages.mjs.
import {
  api,
  fill,
  move,
  ok,
  open,
  picture,
  PAGES,
  run,
  same,
  settled,
  sleep,
  startTower,
  stopTower,
  takeFaults,
  textOf,
  until,
  url,
} from "./kit.mjs";

async function liveCounters(page) {
  await page.goto(url("/"));
  await until(page, () =>
    /\d/.test(document.querySelector("[data-key=accepted] .value").textContent),
  );
  const accepted = Number((await textOf(page, "[data-key=accepted] .value")).replace(/\D/g, ""));
  await page.evaluate(() => {
    window.shift = 0;
  });
  fill("more");
  await until(
    page,
    (n) =>
      Number(document.querySelector("[data-key=accepted] .value").textContent.replace(/\D/g, "")) >
      n,
    accepted,
  );
  ok(true, "the counters move while one looks");
  await until(page, () => document.querySelectorAll(".tile").length > 0);
  const shift = await page.evaluate(() => window.shift);
  ok(shift < 0.05, "and nothing jumps", "layout shift " + shift);
}

async function loss(page) {
  await page.goto(url("/journey/order:W-1001"));
  await page.waitForSelector(".timeline .event");
  stopTower();
  await page.waitForSelector("#banner:visible");
  ok(
    /Connection to the tower lost since/.test(await textOf(page, "#banner")),
    "loss of the tower is said",
  );
  ok((await page.locator(".timeline .event").count()) > 0, "what was on the screen stays there");
  const what = takeFaults();
  ok(what === "", "without an error in the page", what);
}

function estate() {
  startTower("estate");
  fill("estate");
}

await run(estate, liveCounters, loss);
