#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// What the pages do, in a real Chromium over a real tower: finding an order with the keyboard alone,
// following it, plots, tables, ranges of time.
// TAP. Pictures of some moments are left beside those of test_pages.mjs.
import {
  api,
  fill,
  ok,
  open,
  picture,
  query,
  run,
  same,
  settled,
  sleep,
  startTower,
  takeFaults,
  textOf,
  until,
  url,
} from "./kit.mjs";

async function findByKeyboard(page) {
  await page.goto(url("/taps"));
  await page.waitForSelector("tbody tr");
  await page.keyboard.press("/");
  ok((await page.evaluate(() => document.activeElement.id)) === "q", "'/' goes to the search box");
  await page.keyboard.type("W-100");
  await page.waitForSelector(".hit .ident");
  ok((await page.locator("a.hit").count()) === 2, "typing a beginning lists what begins so");
  const row = await page.locator("a.hit").first().innerText();
  ok(
    /order/.test(row) && /W-1001/.test(row) && /\d+ events/.test(row),
    "a result says its kind, its identifier and how many events",
    row,
  );
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".timeline .event");
  ok(
    new URL(page.url()).pathname === "/journey/order:W-1001",
    "arrow and Enter open the journey",
    page.url(),
  );
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".detail .json");
  const detail = await textOf(page, ".detail .json");
  ok(detail.includes('"***"') && !detail.includes("jane@"), "Enter shows an event, masked", detail);
  await page.keyboard.press("Tab");
  for (
    let i = 0;
    i < 8 && !(await page.evaluate(() => document.activeElement.matches(".reveal input")));
    i++
  ) {
    await page.keyboard.press("Tab");
  }
  await page.keyboard.type("a test asks");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".badge.warn >> text=unmasked");
  ok(
    (await textOf(page, ".detail .json")).includes("jane@example.com"),
    "with a reason it is shown",
  );
  await page.goBack();
  await page.waitForSelector("a.hit");
  ok(new URL(page.url()).searchParams.get("q") === "W-100", "Back leads to the results");
  await page.keyboard.press("/");
  await page.keyboard.type("PARCEL-9");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/journey/shipment:PARCEL-9");
  ok(true, "Enter on the only exact hit opens it at once");
}

async function readJourney(page) {
  await page.goto(url("/journey/order:W-1001"));
  await page.waitForSelector(".timeline .event");
  const text = await page.locator("main").innerText();
  ok(
    /conflict/.test(text) && /double effect/.test(text) && /came 2 times/.test(text),
    "duplicates, conflicts and double effects are named",
    text,
  );
  ok(/Too many requests/.test(text) && /failed/.test(text), "a failure says why");
  ok(
    /another order/.test(text) && /W-1002/.test(text) && /PARCEL-9/.test(text),
    "linked objects are links, another order is called so",
  );
  const order = await page.locator(".e-type").allInnerTexts();
  ok(order[0].endsWith("order.created"), "the first event is first", order);
  const before = await page.locator(".timeline .event").count();
  await page.locator(".timeline .event").nth(1).focus();
  fill("more");
  await until(page, (n) => document.querySelectorAll(".timeline .event").length === n, before + 3);
  ok(true, "events that arrive appear by themselves");
  ok(await page.evaluate(() => document.activeElement.matches(".event")), "and the focus stays");
  await page.locator(".objects a", { hasText: "PARCEL-9" }).click();
  await until(page, () => document.querySelector("h1 .ident")?.textContent === "PARCEL-9");
  ok(true, "a linked object leads to its journey");
}

async function readWorkflows(page) {
  await page.goto(url("/"));
  await page.locator(".pages a", { hasText: "Workflows" }).focus();
  await page.keyboard.press("Enter");
  await page.waitForSelector("[data-table=workflows] tbody tr");
  const rows = await page.locator("[data-table=workflows] tbody tr").allInnerTexts();
  ok(
    /Sale posting/.test(rows[0]) && /1 failed/.test(rows[0]),
    "what is in trouble stands first",
    rows.join("\n"),
  );
  ok(
    rows.some((row) => /Settlement/.test(row) && !/well|keeps up/.test(row)),
    "what has no traffic is not called well",
    rows.join("\n"),
  );
  await page.locator("[data-table=workflows] tbody a", { hasText: "Sale posting" }).first().focus();
  await page.keyboard.press("Enter");
  // The collector says it once a second.
  await until(page, () =>
    /2 open runs/.test(document.querySelector(".run-counts")?.innerText || ""),
  );
  const text = await page.locator("main").innerText();
  ok(
    /Posted in ERP/.test(text) &&
      /5 m 0 s/.test(text) &&
      (await page.locator(".graph-node").count()) === 6,
    "a workflow shows its steps as a graph, and the time they may take",
    text,
  );
  ok(/Sales posted in ERP within 60 s/.test(text), "and its objectives", text);
  const failed = page.locator(".run-counts a.count.bad");
  await failed.focus();
  await page.waitForResponse((answer) => answer.url().includes("/api/v1/objectives"));
  ok(
    await page.evaluate(() => document.activeElement.matches("a.count.bad")),
    "the focus stays while it is renewed",
  );
  await page.keyboard.press("Enter");
  await page.waitForSelector(".runs tbody tr");
  const list = await page.locator(".runs tbody").innerText();
  ok(
    (await page.locator(".runs tbody tr").count()) === 1 &&
      /0042\/S9002/.test(list) &&
      /master-data · VP-112/.test(list),
    "the number of failed runs leads to just these",
    list,
  );
  await page.locator("[name=cause]").selectOption("throttled");
  await page.waitForSelector("text=No run fits this filter");
  ok(new URL(page.url()).searchParams.get("cause") === "throttled", "a filter is in the address");
  await page.locator("[name=cause]").selectOption("");
  await page.waitForSelector(".runs tbody .row-link");
  await page.keyboard.press("Tab");
  await page.locator(".runs .row-link").first().focus();
  await page.keyboard.press("Enter");
  await page.waitForSelector(".run .run-step");
  const steps = await page.locator(".run-step").allInnerTexts();
  ok(
    steps.length === 6 &&
      /done/.test(steps[0]) &&
      /failed/.test(steps[2]) &&
      /destination/.test(steps[2]) &&
      /waiting/.test(steps[4]) &&
      /due in \d/.test(steps[4]) &&
      /skipped/.test(steps[5]),
    "a run is a row of steps with their states",
    steps.join("\n"),
  );
  ok(
    /Posted in ERP/.test(await page.locator(".ends").innerText()),
    "and says how its destinations are",
  );
  await page.goto(url("/runs?state=late"));
  await page.waitForSelector(".note.bad");
  ok(
    /running, completed, failed/.test(await page.locator("main").innerText()),
    "a filter that is no word is answered with the words",
  );
}

async function judgeAlone(page) {
  await page.goto(url("/"));
  const states = await page.evaluate(async () => {
    const { judge } = await import("/ui/trouble.js");
    const runs = { open: 2, failed: 0, overdue: 0 };
    const budget = (left) => [{ budget_remaining: left, total: 9 }];
    return [
      judge({ verdict: "ok", runs }, []),
      judge({ verdict: "unknown", runs }, []),
      judge({ verdict: "idle", runs: null }, []),
      judge({ verdict: "ok", runs: { ...runs, overdue: 1 } }, []),
      judge({ verdict: "ok", runs: { ...runs, failed: 1 } }, []),
      judge({ verdict: "stop", runs }, []),
      judge({ verdict: "ok", runs }, budget(0)),
      judge({ verdict: "ok", runs }, budget(0.2)),
      judge({ verdict: "ok", runs }, budget(0.25)),
    ]
      .map((one) => one.state)
      .join(" ");
  });
  ok(
    states === "ok unknown unknown warn bad bad bad warn ok",
    "a workflow is called well only when it was seen to keep up",
    states,
  );
  const cells = await page.evaluate(async () => {
    const { csvCell } = await import("/ui/table.js");
    return ["=1+1", "+1", "-1", "@x", "\t=1", "＝1", -1, "a,b", "a;=b", 'say "x"', null]
      .map(csvCell)
      .join("|");
  });
  ok(
    cells === '\'=1+1|\'+1|\'-1|\'@x|"\'\t=1"|\'＝1|-1|"a,b"|"a;=b"|"say ""x"""|',
    "no text becomes a formula in a saved table",
    cells,
  );
}

async function tryAgain(page) {
  await page.goto(url("/quarantine"));
  await page.waitForSelector(".entry");
  const text = await page.locator(".entries").innerText();
  ok(/json/.test(text), "the quarantine says why", text);
  await page.locator(".entry").last().focus();
  await page.keyboard.press("Enter");
  await page.waitForSelector(".detail .json");
  for (
    let i = 0;
    i < 6 && (await page.evaluate(() => document.activeElement.textContent)) !== "Try again";
    i++
  ) {
    await page.keyboard.press("Tab");
  }
  await page.keyboard.press("Enter");
  await page.waitForSelector("text=Tried again.");
  ok(true, "an entry is tried again with the keyboard, and the page says what came of it");
}

function estate() {
  startTower("estate");
  fill("estate");
}

function noComplaint() {
  const what = takeFaults();
  ok(what === "", "no page complained", what);
}

await run(estate, findByKeyboard, readJourney, readWorkflows, judgeAlone, tryAgain, noComplaint);
