#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Rules in a real Chromium: alerts out of simulated faults, with their plot, runbook and links; every rule
// and how it is; tried on the past as it is and as edited, with the keyboard; receivers and their tests. TAP.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  api,
  barred,
  move,
  ok,
  open,
  picture,
  run,
  same,
  settled,
  simulate,
  SIZES,
  sleep,
  startTower,
  takeFaults,
  textOf,
  until,
  untilApi,
} from "./kit.mjs";

const RULES = `name: own
title: Rules of this test
rules:
  - alert: PostingFails
    title: Postings fail
    about: More sales fail in ERP than a shop can bear.
    when: {metric: failures, where: {workflow: sale-posting}, by: [workflow, step, cause], over: 5min}
    above: 1
    severity: critical
    owner: finance-integration
    summary: "{{value}} sales failed because of {{cause}} (limit {{threshold}})"
    runbook: erp-posting-rejection
  - alert: NeverFires
    title: Never fires
    when: {metric: failures, by: [workflow], over: 5min}
    above: 1000000
    severity: warning
    summary: "{{value}} failures"
  - alert: SwitchedOff
    title: Switched off
    when: {metric: failures, by: [workflow], over: 5min}
    above: 0
    severity: warning
    enabled: false
    summary: "{{value}} failures"
`;
const dir = mkdtempSync(join(tmpdir(), "tw-rules-"));

function flat(text) {
  return text.replace(/\s+/g, " ").trim();
}

async function away(page) {
  writeFileSync(join(dir, "own.yaml"), RULES);
  startTower("rules", { alerts__pack: "false\n  dirs: [" + dir + "]" });
  await open(page, "/alerts");
  simulate(
    ...["--stores", "20", "--rate", "60", "--duration", "14", "--seed", "4"],
    ...["--fault", "erp-outage:from=2"],
  );
  const told = await untilApi("/alerts/groups", (answer) => answer.totals.critical > 0, 90000);
  const [one] = told.items[0].alerts;
  same(
    [one.alert, one.severity, one.workflow],
    ["PostingFails", "critical", "sale-posting"],
    "ERP is away: one alert",
  );
  await until(page, () => document.querySelector(".alarm-card.large"));
  ok(true, "it is on the page without a reload");
  await until(page, () => document.querySelector(".alarm-card .plot img")?.naturalWidth > 0);
  const said = flat(await textOf(page, ".alarm-card"));
  ok(
    /Postings fail/.test(said) &&
      /sales failed because of/.test(said) &&
      /fires above 1/.test(said) &&
      /finance-integration/.test(said),
    "its card has what is wrong, the value against the limit, the owner, and its plot",
    said,
  );
  await picture(page, "rules-alerts");
  await page.click(".alarm-card .alarm-links a:has-text('Failures')");
  await page.waitForURL("**/failures**");
  await settled(page);
  ok((await page.locator("tbody .row-link").count()) > 0, "a link leads to the failures behind it");
}

async function oneAlert(page) {
  const [one] = (await api("/alerts?rule=PostingFails")).items;
  await move(page, "/alerts/" + one.fingerprint);
  await page.waitForSelector(".runbook h2");
  await until(page, () => document.querySelector(".plot img")?.naturalWidth > 0);
  ok(
    (await page.locator(".runbook ol li").count()) >= 3 &&
      (await page.locator(".runbook a").count()) >= 2,
    "the runbook stands beside, with its checks and links",
    await textOf(page, ".runbook"),
  );
  await page.focus(".plot-keys");
  await page.keyboard.press("ArrowLeft");
  await until(page, () => document.querySelector(".readout b"));
  ok(/\d/.test(await textOf(page, ".readout")), "its plot is read with the keys");
  const wide = [];
  const bars = [];
  for (const scheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: scheme });
    for (const [width, height] of SIZES) {
      await page.setViewportSize({ width, height });
      await open(page, "/alerts/" + one.fingerprint);
      await page.waitForSelector(".runbook h2");
      await sleep(500);
      const far = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      if (far > 0) wide.push(width + ": " + far);
      if (width !== 1366) bars.push(...(await barred(page, "alert " + scheme + " " + width)));
      await picture(page, "rules-alert-" + scheme + "-" + width);
    }
  }
  ok(wide.length === 0, "it is not wider than its screen", wide.join("\n"));
  ok(bars.length === 0, "axe-core finds nothing that bars anybody", bars.join("\n"));
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 1366, height: 768 });
}

async function list(page) {
  await open(page, "/rules");
  const rows = (await page.locator("tbody tr").allTextContents()).map(flat);
  ok(
    /Postings fail/.test(rows[0]) && /fire/.test(rows[0]) && rows.length === 3,
    "every rule is there, the one that fires first",
    rows.join("\n"),
  );
  ok(
    rows.some((row) => /Never fires.*quiet.*never/.test(row)) &&
      rows.some((row) => /Switched off.*switched off/.test(row)),
    "with those that are quiet and those that are switched off",
    rows.join("\n"),
  );
  await picture(page, "rules-list");
  await page.click("tbody tr:first-child .row-link");
  await page.waitForURL("**/rules/PostingFails");
  await settled(page);
  ok(
    /above: 1/.test(await page.inputValue("#yaml")) && /own\.yaml/.test(await textOf(page, "main")),
    "one rule stands as it is written, with its file",
  );
}

async function result(page, since) {
  await page.click("[data-since='" + since + "']");
  await until(page, () =>
    document.querySelector(
      "section[aria-label='On the past'][aria-busy=false] #tried, section[aria-label='On the past'][aria-busy=false] .note.bad",
    ),
  );
  const found = page.locator("#tried");
  return (await found.count()) ? flat(await found.textContent()) : "";
}

async function past(page) {
  await page.focus("[data-since='-1d']");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#tried");
  const said = flat(await textOf(page, "#tried"));
  ok(
    /In the last day it would have fired (once|twice|\d+ times), and made about \d+ notification/.test(
      said,
    ),
    "Enter tries it on the last day, and one sentence says what it would have done",
    said,
  );
  const shown = await page.evaluate(() => ({
    lines: document.querySelectorAll(".tried path.line").length,
    limit: document.querySelectorAll(".tried path.limit").length,
    firing: document.querySelectorAll(".tried rect.firing").length,
    rows: document.querySelectorAll("[data-table=spans] tbody .num").length,
  }));
  ok(
    shown.lines > 0 && shown.limit === 1 && shown.firing > 0 && shown.rows > 0,
    "drawn: its value, its limit, and when it would have fired; and as a table",
    JSON.stringify(shown),
  );
  await picture(page, "rules-tried");
  for (const [since, word] of [
    ["-7d", "week"],
    ["-30d", "month"],
  ]) {
    const words = await result(page, since);
    ok(words.includes("In the last " + word), "likewise the last " + word, words);
  }
  const text = await page.inputValue("#yaml");
  await page.fill("#yaml", text.replace("above: 1", "above: 100000"));
  same(
    await result(page, "-1d"),
    "In the last day it would not have fired.",
    "edited, it says what another limit would have done",
  );
  ok(
    /as edited here/.test(await textOf(page, "section[aria-label='On the past'] h2")),
    "and that it is of the edited one",
  );
  same((await api("/rules/PostingFails")).threshold, 1, "the rule in force is as it was");
  await page.fill("#yaml", text.replace("above: 1", "abve: 1"));
  await result(page, "-1d");
  ok(
    /abve/.test(await textOf(page, "section[aria-label='On the past'] .note.bad")),
    "a fault is said with what is wrong",
    await textOf(page, "section[aria-label='On the past']"),
  );
  await page.click("#as-written");
  same(await page.inputValue("#yaml"), text, "and one press brings back the rule as it was");
  const asked = [];
  page.on("request", (request) => /rules\/test/.test(request.url()) && asked.push(1));
  await page.dblclick("[data-since='-1d']");
  await page.waitForSelector("#tried");
  same(asked.length, 1, "a double click asks once");
  const bars = await barred(page, "tried");
  ok(bars.length === 0, "axe-core finds nothing that bars anybody", bars.join("\n"));
  await page.setViewportSize({ width: 390, height: 844 });
  await sleep(200);
  ok(
    (await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    )) <= 0,
    "nor is it too wide for a phone",
  );
  await picture(page, "rules-tried-390");
  await page.setViewportSize({ width: 1366, height: 768 });
  await move(page, "/rules/+new");
  await page.fill(
    "#yaml",
    RULES.slice(RULES.indexOf("alert: Never"), RULES.indexOf("  - alert: Switched")).replaceAll(
      "\n    ",
      "\n",
    ),
  );
  same(
    await result(page, "-1d"),
    "In the last day it would not have fired.",
    "a rule of one's own can be tried as well",
  );
}

// Each receiver can be tested, once a click, and what became of it is told.
async function receivers(page) {
  await open(page, "/notifications");
  await page.waitForSelector("[data-receiver]");
  await picture(page, "rules-notifications");
  const name = await page.locator("[data-receiver]").first().getAttribute("data-receiver");
  const asked = [];
  page.on("request", (request) => /\/test$/.test(request.url()) && asked.push(request.url()));
  await page.locator("[data-receiver] button").first().dblclick();
  const told = await untilApi("/notifications?kind=test", (answer) => answer.items.length > 0);
  await until(
    page,
    (who) =>
      [...document.querySelectorAll("[data-table=notices] tbody tr")].some(
        (row) => row.textContent.includes("test") && row.textContent.includes(who),
      ),
    name,
  );
  ok(
    asked.length === 1 && told.items.every((one) => one.receiver === name),
    "a double click sends one test, and the history has it",
    asked.join(" "),
  );
  await untilApi(
    "/notifications?kind=notify",
    (answer) => answer.items.some((one) => one.state === "sent"),
    90000,
  );
  await page.reload();
  await settled(page);
  ok(
    /PostingFails/.test(await textOf(page, "[data-table=notices]")),
    "what was told of the alert stands there",
  );
  const what = takeFaults();
  ok(what === "", "and nothing failed on any page", what);
  rmSync(dir, { recursive: true, force: true });
}

// A rule may go on for a while after its condition: which alerts are called calm.
async function calm(page) {
  const found = await page.evaluate(async () => {
    const { isCalm } = await import("/ui/alertwords.js");
    const one = { state: "firing", threshold: 10, comparison: "above" };
    return [
      isCalm({ ...one, value: 10 }),
      isCalm({ ...one, value: 10.1 }),
      isCalm({ ...one, value: 10, comparison: "below" }),
      isCalm({ ...one, value: 9.9, comparison: "below" }),
      isCalm({ ...one, value: 1, state: "pending" }),
      isCalm({ ...one, value: null }),
      isCalm({ ...one, value: 1, threshold: null }),
    ];
  });
  same(
    found,
    [true, false, true, false, false, false, false],
    "what fires although its value is within its limit is calm now",
  );
}

await run(away, oneAlert, list, past, calm, receivers);
