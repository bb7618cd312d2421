#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Replays in a real Chromium, over a real tower with the simulator as agent of ERP: from a group of
// failures to what is proven of it; with the keyboard alone; one click, one effect, whatever the network
// does; what has changed is planned again; cancelled items are not sent. TAP.
import {
  api,
  barred,
  fill,
  move,
  ok,
  open,
  picture,
  post,
  run,
  same,
  sleep,
  startAgent,
  startTower,
  takeFaults,
  textOf,
  until,
  untilApi,
} from "./kit.mjs";

let agent = null;

async function groups() {
  return (await api("/failures")).items;
}

async function failures(group) {
  return (await api("/failures/" + group.id + "/items?limit=1000")).items;
}

async function replays() {
  return (await api("/replays?limit=1000")).items;
}

function flat(text) {
  return text.replace(/\s+/g, " ").trim();
}

// The plan of a page, once it is there.
async function openPlan(page, button) {
  await page.click(button);
  await until(page, () => document.querySelector("dialog #plan-start, dialog .note.bad"));
  const fault = page.locator("dialog .note.bad");
  if (await fault.count()) throw new Error("no plan: " + (await fault.first().textContent()));
}

async function numberOf(page) {
  await page.waitForURL("**/replays/*");
  return Number(new URL(page.url()).pathname.split("/").pop());
}

async function begin(page) {
  startTower("replays");
  fill("many");
  await untilApi(
    "/failures?state=all",
    (told) => told.items.reduce((sum, one) => sum + one.count, 0) === 260,
  );
  await open(page, "/replays");
  ok(
    /Nothing was replayed yet/.test(await textOf(page, "main")),
    "without a replay it is said where one begins",
  );
  const [group] = await groups();
  await move(page, "/failures/" + group.id);
  await page.click("#replay-all");
  await page.waitForSelector("dialog[open] .left-out");
  const said = flat(await textOf(page, "dialog"));
  ok(
    /Nothing can be sent again: 11 are left out\./.test(said) && /no agent online/.test(said),
    "without an agent the plan says that nothing can be sent, and why",
    said,
  );
  same(await page.locator("#plan-start").count(), 0, "and there is nothing to press");
  await page.keyboard.press("Escape");
  agent = startAgent("erp");
  await untilApi("/agents", (told) => told.items.some((one) => one.state === "online"));
  await open(page, "/taps");
  ok(
    /mw-1.*online/s.test(await textOf(page, "#agents")),
    "the agent stands on the page of the taps",
    await textOf(page, "#agents"),
  );
}

// Looking costs nothing: nothing is sent, and the focus comes back.
async function look(page) {
  const [group] = await groups();
  await move(page, "/failures/" + group.id);
  await openPlan(page, "#replay-all");
  same(
    flat(await textOf(page, ".plan-sentence")),
    "11 transactions worth " +
      group.amounts[0].amount.replace(/\B(?=(\d{3})+\.)/g, ",") +
      " EUR of 11 stores will be sent to erp again, 5 first.",
    "one sentence says what will happen",
  );
  ok(
    /Nothing is sent yet/.test(await textOf(page, ".plan-buttons")),
    "and that nothing is sent yet",
  );
  same(
    await page.evaluate(() => {
      const dialog = document.querySelector("dialog");
      return [
        document.getElementById(dialog.getAttribute("aria-labelledby")).textContent.trim(),
        dialog.matches(":modal"),
        dialog.contains(document.activeElement),
      ];
    }),
    ["Replay this group", true, true],
    "the dialog is named, modal, and has the focus",
  );
  await page.click("#plan-start");
  await sleep(500);
  same(await replays(), [], "without a reason nothing is started");
  ok(
    /Say why/.test(await textOf(page, "dialog [role=alert]")) &&
      (await page.evaluate(() => document.activeElement.name === "reason")),
    "and it is asked for",
  );
  await page.fill("textarea[name=reason]", "x");
  await page.click(".pace summary");
  await page.fill("input[name=rate]", "0");
  await page.click(".pace summary");
  await page.click("#plan-start");
  ok(
    /from 1 to 1000/.test(await textOf(page, "dialog .note.bad")) &&
      (await page.evaluate(() => document.activeElement.name === "rate")),
    "a pace that is none is said to be, where it stands",
  );
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  await until(page, () => !document.querySelector("dialog"));
  same(
    await page.evaluate(() => document.activeElement.id),
    "replay-all",
    "Esc closes it, and the focus is where it was",
  );
  same(await replays(), [], "and nothing was sent");
}

async function keyboard(page) {
  const [group] = await groups();
  await move(page, "/failures/" + group.id);
  await page.focus("#replay-all");
  await page.keyboard.press("Enter");
  await page.waitForSelector("dialog[open] #plan-start");
  const within = [];
  for (let i = 0; i < 12; i++) {
    await page.keyboard.press("Tab");
    within.push(
      await page.evaluate(
        () =>
          document.activeElement === document.body ||
          document.querySelector("dialog").contains(document.activeElement),
      ),
    );
    if (await page.evaluate(() => document.activeElement.name === "reason")) break;
  }
  ok(
    within.every((one) => one) &&
      (await page.evaluate(() => document.activeElement.name === "reason")),
    "Tab leads to the reason, and never out of the dialog",
  );
  await page.keyboard.type("the articles are there");
  for (let i = 0; i < 6; i++) {
    await page.keyboard.press("Tab");
    if (await page.evaluate(() => document.activeElement.id === "plan-start")) break;
  }
  await page.keyboard.press("Enter");
  await page.keyboard.press("Enter");
  const number = await numberOf(page);
  same((await replays()).length, 1, "Enter twice starts one replay");
  await until(page, () =>
    /^\s*11\s+of\s+11\s+proven/.test(document.querySelector(".replay-total")?.textContent),
  );
  ok(true, "all are seen proven without a reload");
  await until(page, () => /Ended/.test(document.querySelector(".phase").textContent));
  const told = await api("/replays/" + number);
  same([told.counts.proven, told.state], [11, "done"], "and the tower says the same");
  await picture(page, "replays-proven");
  await page.focus(".entry.item");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".detail:not([hidden]) .brief li");
  const lines = await page.locator(".detail:not([hidden]) .brief li b").allTextContents();
  same(
    [lines[0], lines[1], lines.at(-1)],
    ["planned", "sent", "proven"],
    "an item unfolds to its timeline",
  );
  await picture(page, "replays-timeline");
  await move(page, "/failures/" + group.id + "?state=recovered");
  ok(
    (await page.locator("tbody td > .state-link").count()) === 11,
    "failures of the group say that they are proven",
  );
  const link = page.locator("tbody td > .state-link").first();
  await link.click();
  await numberOf(page);
  await page.waitForSelector(".entry.item");
  same(await page.locator(".entry.item").count(), 1, "and lead to their item");
}

// Two of a group, by a double click.
async function twice(page) {
  const [group] = await groups();
  await move(page, "/failures/" + group.id);
  const boxes = page.locator("tbody input[type=checkbox]");
  await boxes.nth(0).check();
  await boxes.nth(1).check();
  same(
    flat(await textOf(page, "#replay-ticked")),
    "Replay the 2 ticked …",
    "it is said how many are ticked",
  );
  await openPlan(page, "#replay-ticked");
  ok(/^2 transactions/.test(flat(await textOf(page, ".plan-sentence"))), "two are planned");
  await page.fill("textarea[name=reason]", "these two first");
  const before = (await replays()).length;
  await page.locator("#plan-start").dblclick();
  const number = await numberOf(page);
  await sleep(500);
  same((await replays()).length, before + 1, "a double click starts one replay");
  const told = await untilApi("/replays/" + number, (one) => one.state === "done");
  same([told.count, told.counts.proven], [2, 2], "of the two, and both are proven");
}

// Somebody else puts one away while the plan is looked at.
async function changed(page) {
  const [group] = await groups();
  const [one] = await failures(group);
  await move(page, "/failures/" + group.id);
  await openPlan(page, "#replay-all");
  await page.fill("textarea[name=reason]", "all of them");
  same(
    (await post("/failures/" + group.id + "/archive", { ids: [one.id], reason: "known" })).status,
    200,
    "meanwhile somebody puts one away",
  );
  const before = (await replays()).length;
  await page.click("#plan-start");
  await page.waitForSelector("#plan-again");
  const said = flat(await textOf(page, "dialog .note.bad"));
  ok(
    /Something has changed.*Nothing was sent/.test(said),
    "a plan that is not true any more is refused in words",
    said,
  );
  same((await replays()).length, before, "and nothing is started");
  await picture(page, "replays-changed");
  await page.click("#plan-again");
  await until(
    page,
    (n) =>
      new RegExp("^\\s*" + n + " ").test(
        document.querySelector(".plan-sentence")?.textContent || "",
      ),
    group.count - 1,
  );
  same(await page.inputValue("textarea[name=reason]"), "all of them", "the reason is kept");
  await page.click("#plan-start");
  const number = await numberOf(page);
  const told = await untilApi("/replays/" + number, (now) => now.state === "done");
  same(told.counts.proven, group.count - 1, "planned again, it is started and proven");
}

// The answer is lost on its way: what is asked again is the same order.
async function lost(page) {
  const [group] = await groups();
  const keys = [];
  let isLost = true;
  await page.route("**/api/v1/replays", async (route) => {
    if (route.request().method() !== "POST") return route.continue();
    keys.push(route.request().headers()["idempotency-key"]);
    if (!isLost) return route.continue();
    isLost = false;
    await route.fetch(); // the tower hears it
    return route.abort();
  });
  await move(page, "/failures/" + group.id);
  await openPlan(page, "#replay-all");
  await page.fill("textarea[name=reason]", "the line is bad");
  const before = (await replays()).length;
  await page.click("#plan-start");
  await page.waitForSelector("dialog .note.bad");
  ok(
    /is not known.*safe/.test(flat(await textOf(page, "dialog .note.bad"))),
    "a lost answer is not taken for a failure",
    await textOf(page, "dialog .note.bad"),
  );
  await page.click("#plan-start");
  const number = await numberOf(page);
  await page.unroute("**/api/v1/replays");
  ok(
    keys.length === 2 && keys[0] === keys[1] && keys[0].length >= 32,
    "the key is the same",
    keys.join(" "),
  );
  same((await replays()).length, before + 1, "one replay was started");
  await untilApi("/replays/" + number, (one) => one.state === "done");
}

// What is shown by a filter, slowly; paused, resumed, cancelled.
async function cancel(page) {
  const all = (await groups()).filter((one) => one.cause === "timeout");
  const count = all.reduce((sum, one) => sum + one.count, 0);
  await move(page, "/failures?cause=timeout");
  await openPlan(page, "#replay-shown");
  ok(
    flat(await textOf(page, ".plan-sentence")).startsWith(count + " items"),
    "what a filter shows is planned: all of it, not the page",
    await textOf(page, ".plan-sentence"),
  );
  await page.click(".pace summary");
  await page.fill("input[name=rate]", "2");
  await page.fill("input[name=canary]", "2");
  await page.fill("textarea[name=reason]", "slowly");
  await picture(page, "replays-pace");
  same(
    await barred(page, "the dialog"),
    [],
    "axe-core finds nothing in the dialog that bars anybody",
  );
  await page.click("#plan-start");
  const number = await numberOf(page);
  await until(page, () => Number(document.querySelector(".replay-total .big")?.textContent) >= 2);
  await picture(page, "replays-running");
  // The first item is unfolded and read while news come.
  await page.locator(".entry.item").first().click();
  await page.waitForSelector(".detail:not([hidden])");
  const top = await page.evaluate(
    () => document.querySelector(".entry.item").getBoundingClientRect().top,
  );
  const shown = Number(await textOf(page, ".replay-total .big"));
  await page.evaluate(() => (window.shift = 0));
  await until(
    page,
    (n) => Number(document.querySelector(".replay-total .big")?.textContent) > n,
    shown,
  );
  const [after, shift] = await page.evaluate(() => [
    document.querySelector(".entry.item").getBoundingClientRect().top,
    window.shift,
  ]);
  ok(Math.abs(after - top) < 1 && shift < 0.01, "news do not push away what is read", [
    top,
    after,
    shift,
  ]);
  ok(await page.locator(".detail:not([hidden])").count(), "and leave it unfolded");
  await page.click("#pause");
  await page.waitForSelector("#resume");
  const paused = await untilApi("/replays/" + number, (one) => one.counts.sent === 0);
  await sleep(1500);
  same((await api("/replays/" + number)).left, paused.left, "nothing leaves while it is paused");
  await page.click("#resume");
  await untilApi("/replays/" + number, (one) => one.left > paused.left);
  ok(true, "it goes on when it is resumed");
  await page.click("#cancel");
  await page.waitForSelector(".ask-form textarea");
  same(
    await page.evaluate(() => document.activeElement.name),
    "reason",
    "cancelling asks for a reason",
  );
  ok(
    /waiting and will not be sent.*cannot be called back/.test(
      flat(await textOf(page, ".ask-form")),
    ),
    "and says what cannot be called back",
    await textOf(page, ".ask-form"),
  );
  await picture(page, "replays-cancel");
  same(await barred(page, "cancelling"), [], "nor on the page of a replay");
  await page.fill(".ask-form textarea", "these <b>are</b> wrong");
  await page.locator(".ask-form button[type=submit]").dblclick();
  await until(page, () =>
    /Cancelled\./.test(
      document.querySelector(".row-form + p, .ask-form + p")?.textContent ||
        document.querySelector("section [role=status].dim")?.textContent ||
        "",
    ),
  );
  const told = await untilApi("/replays/" + number, (one) => one.finished !== null);
  same(told.state, "cancelled", "it is cancelled");
  same(told.counts.cancelled, told.not_left, "all that had not left, and nothing else");
  same(told.left + told.not_left, count, "each item has left or has not");
  same(
    told.history.filter((act) => act.action === "cancel").map((act) => act.reason),
    ["these <b>are</b> wrong"],
    "once, with its reason",
  );
  await page.selectOption("#state", "cancelled");
  await page.waitForSelector(".items .cancelled");
  ok(
    /cancelled by local: these <b>are<\/b> wrong/.test(await textOf(page, ".items .cancelled")),
    "its items say who cancelled them and why",
    await textOf(page, ".items .cancelled"),
  );
}

// From a step of a journey, and back to where it was replayed.
async function journey(page) {
  const [group] = await groups();
  const [one] = await failures(group);
  await move(page, "/journey/" + one.object);
  await page.waitForSelector(".step-failure button");
  ok(
    (await page.locator('.step-failure a[href="/failures/' + group.id + '"]').count()) === 1,
    "the failed step of a journey leads to its group",
  );
  await openPlan(page, ".step-failure button");
  ok(/^1 item/.test(flat(await textOf(page, ".plan-sentence"))), "and can be replayed alone");
  await page.fill("textarea[name=reason]", "this one");
  await page.click("#plan-start");
  const number = await numberOf(page);
  await untilApi("/replays/" + number, (told) => told.state === "done");
  await move(page, "/journey/" + one.object);
  await page.locator(".event", { hasText: "replay" }).first().click();
  await page.waitForSelector('.detail a[href="/replays/' + number + '"]');
  ok(true, "the event that a replay brought leads to it");
}

async function list(page) {
  await open(page, "/replays");
  const told = await replays();
  same(await page.locator("tbody tr").count(), told.length, "all replays are listed");
  const row = flat(await textOf(page, "tbody tr"));
  ok(
    /Replay \d+.*all proven.*1 proven.*local.*this one/.test(row),
    "who, why, and what was proven",
    row,
  );
  await page.selectOption("#state", "cancelled");
  await until(page, () => document.querySelectorAll("tbody tr").length === 1);
  ok(true, "or those of one state");
  await picture(page, "replays-list");
}

// Sent and not proven: it stands out, no plan takes it, until somebody says why it is sent all the same.
async function unproven(page) {
  agent.stop();
  await untilApi("/agents", (told) => told.items.every((one) => one.state === "offline"));
  agent = startAgent("erp", "--misbehave", "drop-proof=1");
  await untilApi("/agents", (told) => told.items.some((one) => one.state === "online"));
  const [group] = await groups();
  const [one] = await failures(group);
  await move(page, "/failures/" + group.id);
  await page.getByLabel("Take " + one.identifier, { exact: true }).check();
  await openPlan(page, "#replay-ticked");
  await page.click(".pace summary");
  await page.fill("input[name=proof_seconds]", "5");
  await page.fill("textarea[name=reason]", "nobody will answer");
  await page.click("#plan-start");
  const first = await numberOf(page);
  await page.waitForSelector(".items .unproven");
  ok(
    /1 item is unproven:.*Look in erp before/s.test(flat(await textOf(page, "main"))),
    "what is not proven in time stands out, and what to do",
  );
  ok(
    /^0 of 1 proven/.test(flat(await textOf(page, ".replay-total"))),
    "and is not counted as done",
  );
  await picture(page, "replays-unproven");
  agent.stop();
  await untilApi("/agents", (told) => told.items.every((now) => now.state === "offline"));
  agent = startAgent("erp");
  await untilApi("/agents", (told) => told.items.some((now) => now.state === "online"));
  await move(page, "/failures/" + group.id);
  await page.waitForSelector('td > a[href="/replays/' + first + "?failure=" + one.id + '"]');
  await openPlan(page, "#replay-all");
  const all = group.count;
  ok(
    flat(await textOf(page, ".plan-sentence")).startsWith(all - 1 + " transactions") &&
      /1 sent before and not proven/.test(flat(await textOf(page, ".left-out"))),
    "a plan leaves it out and says why",
    await textOf(page, "dialog"),
  );
  await page.getByLabel("Send these all the same").click();
  await page.waitForSelector("textarea[name=override_reason]");
  ok(
    flat(await textOf(page, ".plan-sentence")).startsWith(all + " transactions"),
    "it is taken by an override",
  );
  await page.fill("textarea[name=reason]", "all");
  await page.click("#plan-start");
  ok(
    await page.evaluate(() => document.activeElement.name === "override_reason"),
    "which wants a reason of its own",
  );
  await page.fill("textarea[name=override_reason]", "ERP has nothing of it");
  await picture(page, "replays-override");
  await page.click("#plan-start");
  const second = await numberOf(page);
  const told = await untilApi("/replays/" + second, (now) => now.state === "done");
  same(
    [told.counts.proven, told.override_reason],
    [all, "ERP has nothing of it"],
    "then all are proven, and it is kept why",
  );
  const { items } = await api("/replays/" + second + "/items?failure=" + one.id);
  same(items[0].previous.replay, first, "and the item knows the replay before");
}

async function end() {
  if (agent) agent.stop();
  const what = takeFaults();
  ok(what === "", "no script failed, no policy was broken, nothing left the host", what);
}

await run(begin, look, keyboard, twice, changed, lost, cancel, journey, list, unproven, end);
