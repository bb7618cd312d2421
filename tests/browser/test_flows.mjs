#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// What the pages do, in a real Chromium over a real tower: finding an order with the keyboard alone,
// following it, and reaching everything on every page with the keyboard.
// TAP. Pictures of some moments are left beside those of test_pages.mjs.
import {
  fill,
  fillEstate,
  ok,
  open,
  PAGES,
  picture,
  query,
  run,
  settled,
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

// --- everything by the keyboard

// The element that has the focus: which one it is, whether its outline is seen, and whether something
// lies over it.
function focused(page) {
  return page.evaluate(() => {
    const one = document.activeElement;
    if (!one || one === document.body) return null;
    one.seenBy ??= ++window.numbered;
    const box = one.getClientRects()[0]; // of its first line
    const style = getComputedStyle(one);
    const x = Math.min(innerWidth - 1, Math.max(0, box.left + Math.min(box.width / 2, 20)));
    const y = Math.min(innerHeight - 1, Math.max(0, box.top + Math.min(box.height / 2, 10)));
    const over = document.elementFromPoint(x, y);
    return {
      number: one.seenBy,
      html: one.outerHTML.slice(0, 120),
      isOutlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
      isInView: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
      isCovered: Boolean(over) && !one.contains(over) && !over.contains(one),
    };
  });
}

// What a keyboard must reach, and is not reached yet.
function unreached(page) {
  return page.evaluate(() =>
    [...document.querySelectorAll("a[href], button, input, select, summary, [tabindex='0']")]
      .filter((one) => one.checkVisibility() && !one.disabled && !one.seenBy)
      .map((one) => one.outerHTML.slice(0, 120)),
  );
}

const KEYED = PAGES.filter(
  ([name]) => !["nothing", "wall", "runs", "taps", "objectives", "systems"].includes(name),
);
const TABS_MAX = 400;

// Tab from the beginning of the page to its end: everything is reached, seen and not covered, and the
// focus leaves the page again.
async function tabThrough(page) {
  const bad = [];
  let reached = 0;
  for (const [name, path] of KEYED) {
    await open(page, path);
    // Paused: what comes in meanwhile would not have been there to be reached.
    await page.locator("#live").click();
    await page.evaluate(() => {
      window.numbered = 0;
      document.activeElement.blur();
      getSelection().removeAllRanges();
      window.scrollTo(0, 0);
    });
    await page.locator("body").evaluate((body) => body.focus());
    await page.keyboard.press("Tab");
    // A press on Live has left the place there: begin at the top.
    await page.evaluate(() => document.querySelector(".skip").focus());
    let last = 0;
    for (let n = 0; ; n++) {
      const at = await focused(page);
      if (at === null || (at.number === 1 && n > 0) || n > TABS_MAX) {
        if (n > TABS_MAX) bad.push(name + ": the focus does not leave");
        break;
      }
      if (at.number === last) {
        bad.push(name + ": trapped in " + at.html);
        break;
      }
      last = at.number;
      reached++;
      if (!at.isOutlined) bad.push(name + ": no outline at " + at.html);
      if (!at.isInView || at.isCovered) bad.push(name + ": not seen " + at.html);
      await page.keyboard.press("Tab");
    }
    for (const one of await unreached(page)) bad.push(name + ": not reached " + one);
  }
  ok(
    bad.length === 0 && reached > 300,
    "Tab reaches everything on every page, seen and not covered, and leaves (" +
      reached +
      " stops)",
    bad.slice(0, 30).join("\n"),
  );
  // Backwards from the end: the head that stays at the top covers nothing.
  await open(page, "/workflows/sale-posting");
  await page.locator("#live").click();
  await page.locator("details.panel summary").focus();
  const hidden = [];
  for (let n = 0; n < 60; n++) {
    await page.keyboard.press("Shift+Tab");
    const at = await focused(page);
    if (at === null) break;
    if (!at.isInView || at.isCovered) hidden.push(at.html);
  }
  ok(hidden.length === 0, "backwards too, under the head that stays", hidden.join("\n"));
}

async function skipLink(page) {
  await open(page, "/workflows");
  await page.keyboard.press("Tab");
  ok(
    (await page.evaluate(() => document.activeElement.matches(".skip"))) &&
      (await page.locator(".skip").boundingBox()).x >= 0,
    "the first Tab shows the way past the head",
  );
  await picture(page, "flow-skip");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  ok(
    await page.evaluate(() => document.querySelector("main").contains(document.activeElement)),
    "which leads to the content",
  );
}

// From the search box to an event and back, by the keys alone.
async function onlyKeys(page) {
  await open(page, "/taps");
  await page.keyboard.press("/");
  await page.keyboard.type("W-1001");
  await page.waitForSelector("a.hit");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowUp");
  ok(
    (await page.evaluate(() => document.activeElement.id)) === "q",
    "up from the first is the box",
  );
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".timeline .event");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".detail .json");
  const link = page.locator(".detail .facts a").first();
  for (let n = 0; n < 20 && !(await link.evaluate((one) => one === document.activeElement)); n++)
    await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/event/*");
  await settled(page);
  ok(/^Event \d+/.test(await page.locator("h1").innerText()), "search, journey, event");
  await page.goBack();
  await page.waitForSelector(".timeline .event");
  await page.goBack();
  await page.waitForSelector("a.hit");
  ok(query(page).q === "W-1001", "and back the same way");
  await page.keyboard.press("/");
  await page.keyboard.press("Escape");
  ok(await page.evaluate(() => document.activeElement === document.body), "Esc leaves a field");
  await page.locator("#theme").focus();
  await page.keyboard.press("Enter");
  ok(
    (await page.evaluate(() => document.documentElement.dataset.theme)) === "light" &&
      (await page.evaluate(() => document.activeElement.id)) === "theme",
    "the theme is changed with the keys",
  );
}

async function estate() {
  startTower("estate");
  await fillEstate();
}

function noComplaint() {
  const what = takeFaults();
  ok(what === "", "no page complained", what);
}

await run(
  estate,
  findByKeyboard,
  readJourney,
  readWorkflows,
  judgeAlone,
  tryAgain,
  skipLink,
  onlyKeys,
  tabThrough,
  noComplaint,
);
