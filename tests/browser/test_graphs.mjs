#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// What pages draw of an estate of twelve systems, in a real Chromium over a real tower: labels that can be
// read at every size of screen, tables of dashboards. TAP.
import { api, ok, open, picture, run, same, simulate, SIZES, startTower, until } from "./kit.mjs";

async function beginning() {
  startTower("graphs");
  simulate(
    ..."--stores 12 --rate 300 --duration 20 --seed 7 --share customer-sync=3000".split(" "),
    "--fault",
    "step-failed:p=0.4",
  );
}

// Boxes and labels that lie over one another, as words.
function overlapping() {
  const shown = [...document.querySelectorAll(".graph-node, .edge-label")].map((element) => ({
    words: element.textContent.trim().replace(/\s+/g, " "),
    box: element.getBoundingClientRect(),
  }));
  const pairs = [];
  shown.forEach((a, i) =>
    shown.slice(i + 1).forEach((b) => {
      const isApart =
        a.box.right <= b.box.left ||
        b.box.right <= a.box.left ||
        a.box.bottom <= b.box.top ||
        b.box.bottom <= a.box.top;
      if (!isApart) pairs.push(a.words + " / " + b.words);
    }),
  );
  return pairs;
}

async function systems(page) {
  for (const [width, height] of SIZES) {
    const size = width + " x " + height;
    await page.setViewportSize({ width, height });
    await open(page, "/systems");
    await until(page, () => document.querySelectorAll("[data-table=between] tbody tr").length > 10);
    const isDrawn = await page.locator(".panel.picture").isVisible();
    same(isDrawn, width > 1000, "who talks to whom is drawn where there is room: " + size);
    if (isDrawn) {
      const labels = await page.locator(".edge-label").count();
      ok(labels >= 8, "lines have numbers: " + size, labels);
      const pairs = await page.evaluate(overlapping);
      ok(pairs.length === 0, "no number lies over another or over a system: " + size, pairs);
      const bodies = await page.locator(".graph").evaluate((n) => n.scrollWidth - n.clientWidth);
      ok(bodies <= 0, "the picture fits: " + size, bodies);
    }
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    ok(wide <= 0, "the page is not wider than the screen: " + size, wide);
    await picture(page, "systems-busy-" + width);
  }
}

async function tables(page) {
  await page.setViewportSize({ width: 1366, height: 768 });
  await open(page, "/dashboards/executive");
  const of = "[data-table='executive.regions']";
  await page.waitForSelector(of + " tbody th a");
  const rows = await page.locator(of + " tbody tr").count();
  const told = await api("/series?panel=executive.regions&since=-1h");
  ok(rows > 3 && rows === told.rows.length, "a table of a dashboard has its rows", rows);
  const href = await page
    .locator(of + " tbody th a")
    .first()
    .getAttribute("href");
  ok(/workflow=customer-sync/.test(href) && /region=/.test(href), "they lead to their runs", href);
  await page
    .locator(of + " thead button")
    .first()
    .click();
  await until(
    page,
    (selector) => {
      const names = [...document.querySelectorAll(selector)].map((n) => n.textContent.trim());
      return names.length > 3 && names.join() === [...names].sort().join();
    },
    of + " tbody th",
  );
  ok(true, "it sorts as all tables do");
  const download = page.waitForEvent("download");
  await page.locator(of + " .table-tools button", { hasText: "CSV" }).click();
  ok(/executive.regions.csv/.test((await download).suggestedFilename()), "and is saved");
  await picture(page, "dashboard-executive");
}

await run(beginning, systems, tables);
