#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// The night at which ERP is away, end to end in a real Chromium: the simulated estate, postings that fail
// since ERP does not answer and since master data is wrong; what the overview says of it; the groups; the
// plan; the canary; the replay when ERP is back; what is proven; and that nothing is left. TAP.
import {
  api,
  ok,
  open,
  picture,
  run,
  same,
  simulate,
  startAgent,
  startTower,
  takeFaults,
  textOf,
  until,
  untilApi,
} from "./kit.mjs";

let agent = null;
let before = null; // the objective while ERP is away

function flat(text) {
  return text.replace(/\s+/g, " ").trim();
}

async function groups() {
  return (await api("/failures?state=all")).items;
}

// How many are open: of ERP, of all.
async function open_counts() {
  const all = await groups();
  const sum = (list) => list.reduce((total, one) => total + one.count, 0);
  return [sum(all.filter((one) => one.system === "erp")), sum(all)];
}

async function away(page) {
  startTower("outage");
  simulate(
    ...["--stores", "60", "--rate", "150", "--duration", "16", "--seed", "4"],
    ...["--fault", "erp-outage:from=6", "--fault", "bad-master-data:p=0.05"],
  );
  let last = -1;
  for (let i = 0; i < 50; i++) {
    const [, all] = await open_counts();
    if (all === last && all > 0) break;
    last = all;
    await new Promise((wake) => setTimeout(wake, 600)); // until the desk has all
  }
  const found = await groups();
  const causes = new Set(found.filter((one) => one.system === "erp").map((one) => one.cause));
  ok(causes.has("unavailable") && causes.has("master-data"), "both causes are there", [...causes]);
  ok(last > 60, "there is enough of it to look like a night", last);
  before = await api("/objectives/sales-complete");
  await open(page, "/");
  const tile = flat(await textOf(page, "li[data-workflow=sale-posting]"));
  const failed = (await api("/runs?workflow=sale-posting&state=failed")).total;
  ok(tile.includes(failed + " failed"), "the overview says how many sales fail", [tile, failed]);
  await picture(page, "outage-overview");
}

async function grouped(page) {
  agent = startAgent("erp");
  await untilApi("/agents", (told) => told.items.some((one) => one.state === "online"));
  await open(page, "/failures");
  const rows = (await page.locator("tbody tr").allTextContents()).map(flat);
  const [largest] = (await groups()).sort((a, b) => b.count - a.count);
  ok(
    /Posted in ERP/.test(rows[0]) && /unavailable/.test(rows[0]) && rows[0].includes(largest.count),
    "the first group is the outage, with its number",
    rows[0],
  );
  ok(
    rows.some((row) => /master.data/i.test(row)) && rows.length >= 4,
    "wrong master data stands apart",
    rows,
  );
  await picture(page, "outage-failures");
}

// From one event, and from a run of which several steps are in trouble: the same plan; nothing is sent.
async function single(page) {
  const [largest] = (await groups()).sort((a, b) => b.count - a.count);
  const [one] = (await api("/failures/" + largest.id + "/items")).items;
  await open(page, "/event/" + one.failed_event);
  await page.click("#replay-event");
  await page.waitForSelector("dialog #plan-start");
  ok(
    /^1 step .*will be sent to erp again\.$/.test(flat(await textOf(page, ".plan-sentence"))),
    "from the event that failed its replay is planned",
    flat(await textOf(page, ".plan-sentence")),
  );
  await page.keyboard.press("Escape");
  await open(page, "/event/" + (await api("/journeys/" + one.object)).events[0].n);
  await page.click("#replay-event");
  await page.waitForSelector("dialog .plan-sentence");
  ok(
    /^Nothing can be sent again\.$/.test(flat(await textOf(page, ".plan-sentence"))),
    "of an event that nobody waits for the plan says that there is nothing",
    flat(await textOf(page, ".plan-sentence")),
  );
  await page.keyboard.press("Escape");
}

async function planned(page) {
  const [largest] = (await groups()).sort((a, b) => b.count - a.count);
  await open(page, "/failures");
  await page.click("tbody a.row-link");
  await page.waitForSelector("#replay-all");
  await page.click("#replay-all");
  await page.waitForSelector("dialog #plan-start");
  const sentence = flat(await textOf(page, ".plan-sentence"));
  ok(
    sentence.startsWith(largest.count + " transactions worth ") &&
      sentence.endsWith("will be sent to erp again, 5 first."),
    "one sentence says what will happen, and that five go first",
    sentence,
  );
  await picture(page, "outage-plan");
  await page.fill("textarea[name=reason]", "ERP is back since 03:20");
  await page.click("#plan-start");
  await page.waitForURL("**/replays/*");
  const number = Number(new URL(page.url()).pathname.split("/").pop());
  await until(page, () => /Ended/.test(document.querySelector(".phase")?.textContent));
  const told = await api("/replays/" + number);
  same(
    [told.state, told.counts.proven, told.count],
    ["done", largest.count, largest.count],
    "every one of them is proven",
  );
  ok(
    new RegExp("^" + largest.count + " of " + largest.count + " proven").test(
      flat(await textOf(page, ".replay-total")),
    ),
    "and the page says so",
    flat(await textOf(page, ".replay-total")),
  );
  const items = (await api("/replays/" + number + "/items?limit=1000")).items;
  const sent = items.map((one) => one.sent).sort();
  const proven = items
    .filter((one) => sent.indexOf(one.sent) < 5)
    .map((one) => one.ended)
    .sort();
  ok(sent[5] > proven[4], "the canary was proven before the sixth left", [sent[5], proven[4]]);
  await picture(page, "outage-proven");
}

// The rest of ERP, as it is shown: by a filter.
async function rest(page) {
  await open(page, "/failures?system=erp");
  await page.click("#replay-shown");
  await page.waitForSelector("dialog #plan-start");
  await page.fill("textarea[name=reason]", "the articles are maintained");
  await page.click("#plan-start");
  await page.waitForURL("**/replays/*");
  await until(page, () => /Ended/.test(document.querySelector(".phase")?.textContent));
  const [of_erp] = await open_counts();
  same(of_erp, 0, "nothing of ERP fails any more");
  await open(page, "/failures?system=erp");
  await picture(page, "outage-over");
  // The estate ended in the middle: sales of its last seconds never came to the middleware. ERP has
  // cost nothing.
  const after = await untilApi(
    "/objectives/sales-complete",
    (told) => told.undecided < before.undecided && told.good > before.good,
    30000,
  );
  same(
    after.spend.system.filter((one) => one.what === "erp"),
    [],
    "sales that were open are good, and ERP has cost nothing of the budget",
  );
  await open(page, "/replays");
  same(await page.locator("tbody tr").count(), 2, "the history has both replays, and why");
  ok(/ERP is back since 03:20/.test(await textOf(page, "table")), "with the reasons");
}

async function end() {
  agent.stop();
  same(takeFaults(), "", "nothing was wrong on any page");
}

await run(away, grouped, single, planned, rest, end);
