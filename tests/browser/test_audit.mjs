#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// The audit in a real Chromium: what was done is shown as text, filters stand in the address and work
// with the keyboard alone, all of it is saved without a cell that a spreadsheet would run, and a
// broken chain is said. TAP.
import { readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import {
  api,
  ok,
  open,
  picture,
  post,
  query,
  run,
  same,
  SIZES,
  startTower,
  stateDirectory,
  takeFaults,
  textOf,
  until,
  untilApi,
} from "./kit.mjs";

const HOSTILE = ['=cmd|"x"!A0', "<img src=x onerror=alert(1)>", "+1", "W".repeat(400), "a,b\nc"];

async function deeds() {
  startTower("audit");
  await untilApi("/audit", (answer) => Array.isArray(answer.items));
  const ends = new Date(Date.now() + 3600000).toISOString();
  const matchers = [{ name: "alertname", value: "StoreSilent" }];
  for (const comment of HOSTILE) await post("/silences", { matchers, comment, ends });
  await untilApi("/audit", (answer) => answer.items.length === HOSTILE.length);
}

async function shown(page) {
  await open(page, "/audit");
  const rows = await page.locator("tbody tr").allTextContents();
  same(rows.length, HOSTILE.length, "every deed is a row");
  ok(
    HOSTILE.every((text, i) => rows[HOSTILE.length - 1 - i].includes(text)),
    "the latest first, with why, as it was typed",
    rows.join("\n"),
  );
  same(await page.locator("main img").count(), 0, "and as text");
  ok(/whole/.test(await textOf(page, "main p[role=status]")), "the chain is whole");
  for (const [width, height] of SIZES) {
    await page.setViewportSize({ width, height });
    const over = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    ok(over <= 0, "nothing is pushed aside at " + width);
    await picture(page, "audit-" + width);
  }
  await page.setViewportSize({ width: SIZES[1][0], height: SIZES[1][1] });
}

async function filtered(page) {
  await open(page, "/audit");
  await page.focus("input[name=actor]");
  await page.keyboard.type("nobody");
  await page.keyboard.press("Enter");
  await until(page, () =>
    /Nothing in the audit fits/.test(document.querySelector("main").textContent),
  );
  same(query(page).actor, "nobody", "what is typed stands in the address");
  await page.goBack();
  await until(page, (n) => document.querySelectorAll("tbody tr").length === n, HOSTILE.length);
  same(await page.inputValue("input[name=actor]"), "", "back leads back");
  await page.focus("input[name=action]");
  await page.keyboard.type("silence");
  await page.keyboard.press("Tab");
  await until(page, () => new URL(location.href).searchParams.get("action") === "silence");
  await page.selectOption("select[name=outcome]", "refused");
  await until(page, () =>
    /Nothing in the audit fits/.test(document.querySelector("main").textContent),
  );
  same(query(page), { action: "silence", outcome: "refused" }, "filters add up");
}

async function saved(page, kind) {
  const [file] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "Save all as " + kind }).click(),
  ]);
  return [file.suggestedFilename(), readFileSync(await file.path(), "utf8")];
}

async function files(page) {
  await open(page, "/audit?since=-1h");
  const wanted = (await api("/audit?limit=1000")).items;
  const [name, text] = await saved(page, "NDJSON");
  same(name, "audit.ndjson", "NDJSON is a file");
  same(text.trimEnd().split("\n").map(JSON.parse), wanted, "with every row as the tower has it");
  const [csvName, csv] = await saved(page, "CSV");
  same(csvName, "audit.csv", "CSV is one, too");
  const cells = csv.split(/,(?=(?:[^"]*"[^"]*")*[^"]*$)|\r\n/);
  const runs = cells.filter((cell) => /^"?[=+\-@\t\r]/.test(cell));
  same(runs, [], "no cell of it is run by a spreadsheet");
  ok(csv.includes('"\'=cmd|""x""!A0"'), "its text is there", csv);
  ok(/5 rows saved/.test(await textOf(page, "section.panel p[role=status]")), "the page says so");
}

async function broken(page) {
  const key = join(stateDirectory(), "audit.key");
  renameSync(key, key + ".aside");
  startTower("audit");
  await api("/audit").catch(() => null); // the connection to the tower that was there before
  await untilApi("/audit", (answer) => answer.chain && answer.chain.state === "broken");
  await open(page, "/audit");
  const said = await textOf(page, "main p[role=status]");
  ok(/unreadable/.test(said) && /audit\.key/.test(said), "what is wrong is said, and where", said);
  await picture(page, "audit-broken");
  renameSync(key + ".aside", key);
}

async function end() {
  same(takeFaults(), "", "nothing was wrong on any page");
}

await run(deeds, shown, filtered, files, broken, end);
