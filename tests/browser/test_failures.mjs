#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Failures by group, in a real Chromium over a real tower: what is listed, and what operators do with
// a group: one click, one effect. TAP.
import {
  api,
  fill,
  move,
  ok,
  open,
  picture,
  query,
  run,
  same,
  settled,
  startTower,
  stopTower,
  takeFaults,
  textOf,
  until,
} from "./kit.mjs";

async function groups() {
  return (await api("/failures?state=all")).items;
}

async function eventually(condition, name) {
  let last;
  for (let i = 0; i < 100; i++) {
    last = await condition();
    if (last === true) break;
    await new Promise((wake) => setTimeout(wake, 100));
  }
  ok(last === true, name, JSON.stringify(last));
}

async function begin(page) {
  startTower("failures");
  await open(page, "/failures");
  ok(/Nothing fails/.test(await textOf(page, "h1")), "an empty tower has no failures and says so");
  fill("estate");
  await page.waitForSelector("tbody a.row-link");
  ok(
    /Posted in ERP/.test(await textOf(page, "tbody th")),
    "the first failure shows up without a reload",
    await textOf(page, "tbody th"),
  );
}

async function list(page) {
  fill("many");
  await eventually(
    async () => (await groups()).reduce((sum, group) => sum + group.count, 0) >= 261,
    "the desk has all failures",
  );
  await open(page, "/failures");
  const told = await groups();
  const open_count = told.reduce((sum, group) => sum + group.count, 0);
  ok(
    (await textOf(page, "h1")).replace(/\s+/g, " ").trim() ===
      open_count + " failures in " + told.length + " groups",
    "the heading counts failures and groups",
    await textOf(page, "h1"),
  );
  await page.selectOption("#cause", "timeout");
  await settled(page);
  same(query(page).cause, "timeout", "the cause is in the address");
  const shown = await page.locator("tbody tr").count();
  ok(
    shown === told.filter((group) => group.cause === "timeout").length,
    "only groups of that cause are listed",
    shown,
  );
  await page.goBack();
  await settled(page);
  ok((await page.locator("tbody tr").count()) === told.length, "back lists all again");
  await picture(page, "failures-list");
}

async function take(page) {
  const [group] = await groups();
  await move(page, "/failures/" + group.id);
  ok(
    new RegExp("^" + group.count + "\\b").test((await textOf(page, ".lead")).trim()),
    "a group says how many are open",
    await textOf(page, ".lead"),
  );
  await page.fill("textarea", "called the <b>ERP</b> team");
  await page.locator("text=Add note").dblclick();
  await page.waitForSelector(".notes .said");
  ok(
    (await textOf(page, ".notes .said")) === "called the <b>ERP</b> team",
    "a note is shown as it was written",
  );
  const one = await api("/failures/" + group.id);
  same(one.notes.length, 1, "a double click takes one note");
  await page.fill("input[name=assignee]", "kim");
  await page.press("input[name=assignee]", "Enter");
  await page.waitForSelector("text=Assigned to kim.");
  same((await api("/failures/" + group.id)).assignee, "kim", "Enter assigns the group");
  await page.fill("textarea", "half a sentence");
  await page.focus("textarea");
  fill("one");
  await new Promise((wake) => setTimeout(wake, 3000));
  same(
    await page.evaluate(() => [document.activeElement.tagName, document.activeElement.value]),
    ["TEXTAREA", "half a sentence"],
    "news leave what is being written, and the focus, alone",
  );
  await picture(page, "failures-group");
}

async function snooze(page) {
  const [group] = await groups();
  await move(page, "/failures/" + group.id);
  await page.locator("text=1 hour").click();
  await page.waitForSelector("text=Snoozed until");
  await move(page, "/failures");
  await until(page, (id) => !document.querySelector('a[href="/failures/' + id + '"]'), group.id);
  ok(true, "a snoozed group is not listed");
  await page.locator("a.chip", { hasText: "snoozed" }).click();
  await page.waitForSelector('a[href="/failures/' + group.id + '"]');
  ok(true, "the page says that there is one, and leads to it");
  await move(page, "/failures/" + group.id);
  await page.locator("text=List again").click();
  await page.waitForSelector("text=1 hour");
  same((await api("/failures/" + group.id)).state, "open", "it is listed again when asked for");
}

async function putAway(page) {
  const group = (await groups()).find((one) => one.count > 1);
  await move(page, "/failures/" + group.id);
  await page.locator("#put-away").click();
  const asked = (await textOf(page, ".ask")).replace(/\s+/g, " ");
  ok(
    asked.includes(group.count + " failures") && asked.includes("repairs none"),
    "it is said in one sentence what will happen",
    asked,
  );
  await page.locator("text=Keep them").click();
  same((await api("/failures/" + group.id)).states.archived, 0, "who says no changes nothing");
  await page.locator("#put-away").click();
  await page.locator(".ask button", { hasText: "Put away" }).click();
  await page.waitForSelector("text=Put away: " + group.count);
  const after = await api("/failures/" + group.id);
  same([after.states.open, after.states.archived], [0, group.count], "all are put away");
  ok(/Nothing of this group is open/.test(await textOf(page, "tbody")), "and the list is empty");
  await page.selectOption("#state", "archived");
  await page.waitForSelector("tbody a.row-link");
  ok((await page.locator("tbody tr").count()) > 1, "they can be looked at");
  await page.locator(".history summary").click();
  ok(/archive/.test(await textOf(page, ".history .brief")), "the history has it");
}

async function refused(page) {
  const [group] = await groups();
  await move(page, "/failures/" + group.id);
  await page.route("**/api/v1/failures/*/notes", (route) =>
    route.fulfill({
      status: 503,
      contentType: "application/problem+json",
      body: JSON.stringify({ title: "The store cannot be read now", detail: "nothing was done" }),
    }),
  );
  await page.fill("textarea", "kept");
  await page.locator("text=Add note").click();
  await page.waitForSelector(".error-note >> text=nothing was done");
  same(
    await page.inputValue("textarea"),
    "kept",
    "what was refused is said, and can be sent again",
  );
  await page.unroute("**/api/v1/failures/*/notes");
  await open(page, "/failures/99999").catch(() => {});
  ok(/no group of failures/.test(await textOf(page, "main")), "a group that is not there is said");
}

async function noComplaint() {
  const what = takeFaults();
  ok(what === "", "no page complained", what);
  stopTower();
}

await run(begin, list, take, snooze, putAway, refused, noComplaint);
