#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// What is done with tables, ranges of time and plots, in a real Chromium over a real tower, compared
// with what the API says.
// TAP. Pictures of some moments are left beside those of test_pages.mjs.
import { readFileSync } from "node:fs";
import {
  api,
  fill,
  fillEstate,
  ok,
  open,
  picture,
  query,
  run,
  same,
  settled,
  startTower,
  takeFaults,
  textOf,
  until,
  untilApi,
  url,
} from "./kit.mjs";

// --- tables

// The text of a column of a table, by the title of its head.
function columnOf(page, name, title) {
  return page.evaluate(
    ([table, head]) => {
      const root = document.querySelector("[data-table=" + table + "]");
      const i = [...root.querySelectorAll("thead th")].findIndex(
        (th) =>
          [...th.querySelector(".sorter").childNodes]
            .map((node) => (node.nodeType === Node.TEXT_NODE ? node.data : ""))
            .join("")
            .trim() === head,
      );
      return [...root.querySelectorAll("tbody tr")].map((row) => row.children[i]?.innerText.trim());
    },
    [name, title],
  );
}

function rowsOf(page, name) {
  return page.evaluate(
    (table) =>
      [...document.querySelectorAll("[data-table=" + table + "] tbody tr")].map((row) =>
        row.innerText.replaceAll(/\s+/g, " "),
      ),
    name,
  );
}

const table = (page, name) => page.locator("[data-table=" + name + "]");

// Whether rows stand in the order that `value` gives, nothing last.
function inOrder(values, isDown) {
  const known = values.filter((one) => one !== null);
  const firstNothing = values.indexOf(null);
  if (firstNothing >= 0 && values.slice(firstNothing).some((one) => one !== null)) return false;
  return known.every((one, i) => i === 0 || (isDown ? known[i - 1] >= one : known[i - 1] <= one));
}

async function manyRuns() {
  fill("many");
  await untilApi("/runs?limit=1", (runs) => runs.total >= 261);
}

// Every column in both directions, against the rows that the API gives.
async function sortTables(page) {
  await manyRuns();
  await open(page, "/runs?runs.all=1");
  const heads = page.locator("[data-table=runs] .sorter");
  const titles = (await heads.allInnerTexts()).map((text) => text.replaceAll(/[▲▼\s]+$/g, ""));
  const bad = [];
  for (const [i, title] of titles.entries()) {
    for (let turn = 0; turn < 2; turn++) {
      await heads.nth(i).click();
      const sort = await page
        .locator("[data-table=runs] thead th")
        .nth(i)
        .getAttribute("aria-sort");
      const isDown = sort === "descending";
      const texts = await columnOf(page, "runs", title);
      const isTimed = title === "For" || title === "Due"; // ticking, or in words of the day
      const isNumber = title === "Amount" || title === "Last event";
      const values = texts.map((text) =>
        text === "–" ? null : isNumber ? Number(text.replaceAll(/[^\d.]/g, "")) : text,
      );
      const isText = !isNumber && !isTimed;
      if (isNumber && !inOrder(values, isDown))
        bad.push(title + " " + sort + ": " + texts.join(" "));
      if (isText && new Set(values).size > 1) {
        const compare = new Intl.Collator(undefined, { numeric: true }).compare;
        const wanted = values.filter((one) => one !== null).sort(compare);
        if (isDown) wanted.reverse();
        const got = values.filter((one) => one !== null);
        if (
          got.some((one, k) => compare(one, wanted[k]) !== 0) ||
          !inOrder(
            values.map((v) => (v === null ? null : 0)),
            isDown,
          )
        )
          bad.push(title + " " + sort + ": " + texts.slice(0, 12).join(" | "));
      }
      if (sort !== "ascending" && sort !== "descending") bad.push(title + " says " + sort);
    }
  }
  ok(
    bad.length === 0 && titles.length === 11,
    "a table is sorted by each column, both ways, numbers as numbers",
    bad.join("\n"),
  );
  // By the rows of the API: the amounts of all 261, and last those without one.
  await open(page, "/runs?runs.all=1&runs.sort=-amount");
  const runs = (await api("/runs?limit=1000")).items;
  const wanted = runs.map((run) => run.amount_minor).filter((one) => one !== null);
  wanted.sort((a, b) => b - a);
  const text = (minor) => (minor / 100).toFixed(2) + " EUR";
  same(
    (await columnOf(page, "runs", "Amount")).slice(0, 50),
    wanted.slice(0, 50).map(text),
    "the highest amounts of all runs stand first",
  );
  await open(page, "/runs?runs.all=1&runs.sort=amount&runs.page=6");
  const last = await columnOf(page, "runs", "Amount");
  // On a slow machine a sale may have become late since the rows above were asked for.
  const now = (await api("/runs?limit=1000")).items.length;
  ok(
    last.length === now - 250 && last.every((one) => one === "–"),
    "those without one stand last, in this direction too",
    last,
  );
}

async function filterTables(page) {
  await open(page, "/runs");
  const filter = page.locator("[data-table=runs] .filter");
  const said = () => table(page, "runs").locator("[role=status]").innerText();
  const { total } = await api("/runs?limit=1");
  ok(
    new RegExp("^200 loaded of " + total + "; .*loaded ones only").test(await said()),
    "where the tower has more rows the table says what its order is of",
    await said(),
  );
  await filter.fill("timeout");
  const length = await page.evaluate(() => history.length);
  await filter.pressSequentially(" ");
  await page.waitForURL("**/runs?*filter=timeout*");
  ok(
    (await rowsOf(page, "runs")).every((row) => /timeout/.test(row)) &&
      /^\d+ of 200 loaded of/.test(await said()),
    "words leave the rows that have them",
    await said(),
  );
  ok(
    (await page.evaluate(() => history.length)) === length,
    "typing makes no steps to go back through",
  );
  await filter.fill("no such words");
  ok(
    /Nothing here has these words/.test(await table(page, "runs").innerText()),
    "or none: it says so",
  );
  await filter.fill("");
  ok(!query(page)["runs.filter"], "nothing typed: nothing in the address");
  // What a cell says is found, not only what it is sorted by.
  await open(page, "/workflows?workflows.filter=failed");
  const rows = await rowsOf(page, "workflows");
  ok(
    rows.length >= 1 && rows.length < 5 && rows.every((row) => /failed/.test(row)),
    "words are found in what a cell says",
    rows.join("\n"),
  );
}

async function pageTables(page) {
  await open(page, "/runs");
  const pager = table(page, "runs").locator(".pager");
  const first = await rowsOf(page, "runs");
  await pager.locator("text=Next").click();
  const second = await rowsOf(page, "runs");
  ok(
    first.length === 50 &&
      second.length === 50 &&
      !second.includes(first[0]) &&
      query(page)["runs.page"] === "2" &&
      /51 to 100/.test(await pager.innerText()),
    "pages of fifty rows, in the address",
    page.url(),
  );
  await pager.locator("text=Next").focus();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Enter");
  ok(
    query(page)["runs.page"] === "4" &&
      (await page.evaluate(() => document.activeElement.textContent.trim())) === "Next",
    "the last page is the last, and the focus stays on the button",
    page.url(),
  );
  await pager.locator("text=Load more").click();
  await until(page, () =>
    /^26\d$/.test(document.querySelector("[data-table=runs] [role=status]").textContent.trim()),
  );
  ok(
    (await pager.locator("text=Load more").count()) === 0 && query(page)["runs.all"] === "1",
    "Load more loads the others, and is gone",
    page.url(),
  );
  await pager.locator("text=Next").click();
  await page.waitForURL(/runs\.page=5/);
  ok(true, "and leads to pages that were not there");
}

// What the address says is what is shown, in another tab and when going back.
async function linkTables(page) {
  await open(page, "/workflows/sale-posting?steps.sort=-step&runs.filter=VP&since=-6h");
  ok(
    (await table(page, "steps").locator("[aria-sort=descending]").innerText()).startsWith("Step") &&
      (await table(page, "runs").locator("[aria-sort=descending]").innerText()).startsWith("For") &&
      (await table(page, "steps").locator(".filter").inputValue()) === "" &&
      (await table(page, "runs").locator(".filter").inputValue()) === "VP",
    "two tables of a page do not get into each other's way",
  );
  await table(page, "runs").locator(".sorter", { hasText: "State" }).click();
  await table(page, "steps").locator(".sorter", { hasText: "Waiting" }).click();
  await page.locator(".range button", { hasText: "24 hours" }).click();
  const link = page.url();
  same(
    query(page),
    { "steps.sort": "-waiting", "runs.filter": "VP", since: "-24h", "runs.sort": "state" },
    "all of it stands in the address, and other steps leave it there",
  );
  const shown = async (tab) => [
    await columnOf(tab, "steps", "Step"),
    await columnOf(tab, "runs", "Object"),
    await tab.locator(".range [aria-pressed=true]").innerText(),
  ];
  const other = await page.context().newPage();
  await other.goto(link);
  await settled(other);
  same(await shown(other), await shown(page), "a link shows the same to somebody else");
  await other.close();
  await page.goBack();
  await page.goBack();
  same(
    [
      await table(page, "steps").locator("[aria-sort=descending]").innerText(),
      await table(page, "runs").locator("[aria-sort=ascending]").innerText(),
    ].map((text) => text.replaceAll(/[▲▼\s]+$/g, "")),
    ["Step", "State"],
    "back leads through the steps",
  );
  await page.goForward();
  await page.goForward();
  ok(page.url() === link && (await shown(page))[2] === "24 hours", "and forward again");
  await page.reload();
  await settled(page);
  ok(page.url() === link && (await shown(page))[2] === "24 hours", "a reload keeps it");
}

// CSV as RFC 4180 has it.
function parseCsv(text) {
  const rows = [[]];
  let cell = "";
  let isQuoted = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (isQuoted && c === '"' && text[i + 1] === '"') cell += text[++i];
    else if (c === '"') isQuoted = !isQuoted;
    else if (!isQuoted && c === ",") {
      rows.at(-1).push(cell);
      cell = "";
    } else if (!isQuoted && c === "\r" && text[i + 1] === "\n") {
      rows.at(-1).push(cell);
      cell = "";
      rows.push([]);
      i++;
    } else cell += c;
  }
  rows.pop();
  return rows;
}

async function download(page, name, kind) {
  const [file] = await Promise.all([
    page.waitForEvent("download"),
    table(page, name)
      .getByRole("button", { name: new RegExp("^" + kind) })
      .click(),
  ]);
  return [file.suggestedFilename(), readFileSync(await file.path(), "utf8")];
}

async function saveTables(page) {
  await open(page, "/runs?runs.all=1&runs.sort=-amount&runs.filter=rejected");
  const [name, text] = await download(page, "runs", "CSV");
  const [head, ...rows] = parseCsv(text);
  const runs = (await api("/runs?limit=1000&cause=rejected")).items;
  const value = (column) => rows.map((row) => row[head.indexOf(column)]);
  ok(
    name === "runs.csv" &&
      rows.length === runs.length &&
      rows.every((row) => row.length === head.length),
    "CSV has every row of the filter, not only those of the page",
    rows.length + " of " + runs.length,
  );
  same(value("Object").sort(), runs.map((run) => run.object).sort(), "with what the API says");
  const amounts = value("Amount").filter(Boolean);
  same(
    amounts,
    runs
      .filter((run) => run.amount_minor !== null)
      .map((run) => run.amount_minor)
      .sort((a, b) => b - a)
      .map((minor) => (minor / 100).toFixed(2) + " EUR"),
    "in the order of the table, amounts in their currency and not in cents",
  );
  ok(
    /rejected · =1\+1/.test(value("Why").join("\n")),
    "and codes as they are where no formula can begin",
    value("Why").slice(0, 9).join("\n"),
  );
  const [jsonName, json] = await download(page, "runs", "JSON");
  const items = JSON.parse(json);
  ok(
    jsonName === "runs.json" &&
      items.length === runs.length &&
      typeof items[0].since === "number" &&
      items[0].object === value("Object")[0],
    "JSON has the same, numbers as numbers",
    json.slice(0, 300),
  );
}

// Store names are the first cell of their row as they are: formulae there are text.
async function saveHostile(page) {
  fill("hostile");
  await untilApi("/stores?limit=1000", (list) => list.items.some((one) => one.store === "+1+1"));
  await open(page, "/stores");
  const [, text] = await download(page, "stores", "CSV");
  const [head, ...rows] = parseCsv(text);
  const names = rows.map((row) => row[0]);
  const wanted = ["'=HYPERLINK", "'+1+1", "'-2+3", "'@SUM", "'＝1+1"];
  ok(
    wanted.every((begin) => names.some((one) => one.startsWith(begin))) &&
      !names.some((one) => /^[=+\-@＝]/.test(one)) &&
      rows.every((row) => row.length === head.length),
    "hostile names are text in a spreadsheet, each in its cell",
    names.filter((one) => !/^\d/.test(one)).join("\n"),
  );
}

// --- ranges of time

const spans = (page) =>
  page.evaluate(() => [
    ...new Set(
      [...document.querySelectorAll(".plot img")].map((img) => {
        const query = new URL(img.src).searchParams;
        return (Date.parse(query.get("until")) - Date.parse(query.get("since"))) / 1000;
      }),
    ),
  ]);

async function untilSpan(page, seconds) {
  await until(
    page,
    ([wanted, n]) => {
      const images = [...document.querySelectorAll(".plot img")];
      return (
        images.length === n &&
        images.every((img) => {
          const query = new URL(img.src).searchParams;
          const span = Date.parse(query.get("until")) - Date.parse(query.get("since"));
          return span === 1000 * wanted;
        })
      );
    },
    [seconds, await page.locator(".plot").count()],
  );
}

async function ranges(page) {
  await open(page, "/dashboards/order-flow");
  await untilSpan(page, 3600);
  const presets = { "15 min": 900, "6 hours": 21600, "7 days": 604800, "1 hour": 3600 };
  for (const [words, seconds] of Object.entries(presets)) {
    await page.locator(".range button", { hasText: words }).click();
    await untilSpan(page, seconds);
  }
  ok(query(page).since === "-1h", "each preset is the range of every panel, and in the address");
  ok(
    (await page.evaluate(() => document.activeElement.textContent.trim())) === "1 hour",
    "the focus stays on it",
  );
  await page.goBack();
  await untilSpan(page, 604800);
  ok(
    (await page.locator(".range [aria-pressed=true]").innerText()) === "7 days",
    "back shows the range before",
  );
  await page.locator("details.custom summary").click();
  await page.locator("[name=from]").fill("2026-03-02T10:00");
  await page.locator("[name=to]").fill("2026-03-02T09:00");
  await page.locator(".custom-form button").click();
  ok(
    /beginning must be before the end/.test(await textOf(page, ".custom-form [role=alert]")) &&
      (await page.locator("[name=from]").inputValue()) === "2026-03-02T10:00",
    "a range that ends before it begins is explained, and what was typed stays",
  );
  await picture(page, "flow-range-fault");
  await page.locator("[name=to]").fill("");
  await page.locator(".custom-form button").click();
  ok(
    /Both ends are needed/.test(await textOf(page, ".custom-form [role=alert]")),
    "so is half of one",
  );
  await page.locator("[name=from]").fill("2020-01-01T00:00");
  await page.locator("[name=to]").fill("2026-01-01T00:00");
  await page.locator(".custom-form button").click();
  ok(
    /At most 400 days/.test(await textOf(page, ".custom-form [role=alert]")),
    "and one that is too long",
  );
  await page.locator("[name=from]").fill("2026-03-02T10:00");
  await page.locator("[name=to]").fill("2026-03-02T12:30");
  await page.locator("[name=to]").press("Enter");
  await untilSpan(page, 9000);
  same(
    query(page),
    { since: "2026-03-02T09:00:00.000Z", until: "2026-03-02T11:30:00.000Z" },
    "a range of one's own, in one's own time",
  );
  ok(
    /Mar 02, 2026 10:00 – Mar 02, 2026 12:30/.test(await textOf(page, "details.custom summary")) &&
      !(await page.locator("details.custom").evaluate((one) => one.open)),
    "is shown in its place",
    await textOf(page, "details.custom summary"),
  );
  await page.reload();
  await untilSpan(page, 9000);
  ok(true, "a reload keeps it");
  for (const [address, words] of [
    ["since=yesterday", "yesterday.*is no time"],
    ["since=-1h&until=%3Cb%3E", "<b>.*is no time"],
    ["since=2026-03-02T12:00Z&until=2026-03-02T11:00Z", "ends before it begins"],
    ["since=-999d", "longer than 400 days"],
  ]) {
    await open(page, "/dashboards/order-flow?" + address);
    await untilSpan(page, 3600);
    const said = await textOf(page, ".range [role=alert]");
    ok(
      new RegExp(words).test(said) && /last hour is shown/.test(said),
      "what is no range in an address is explained: " + address,
      said,
    );
  }
  await open(page, "/dashboards/order-flow?since=-90m");
  await untilSpan(page, 5400);
  ok(
    /the last 1 h 30 m/.test(await textOf(page, "details.custom summary")),
    "any length of time that ends now",
    await textOf(page, "details.custom summary"),
  );
}

// --- plots

const PANEL = "workflow.waiting";
const figure = (page) => page.locator(".plot[data-panel='" + PANEL + "']");

// What the API says of the picture that is shown.
async function valuesOf(page) {
  const src = await figure(page).locator("img").getAttribute("src");
  const params = new URL(src, url("/")).searchParams;
  for (const name of ["theme", "tz"]) params.delete(name);
  params.set("panel", PANEL);
  const answer = await api("/series?" + params);
  const from = Date.parse(params.get("since"));
  return { ...answer, src, from, to: Date.parse(params.get("until")) };
}

// Of the readout: the clock, and the numbers by their names.
async function readoutOf(page) {
  const lines = (await figure(page).locator(".readout").innerText()).split("\n");
  return [lines[0].match(/\d\d:\d\d:\d\d$/)[0], ...lines.slice(1)];
}

function wantedReadout(values, i) {
  const clock = new Date(values.t[i]).toLocaleTimeString("en-GB", { timeZone: "Europe/Berlin" });
  const text = (v) => (v === null ? "no data" : Number(v).toLocaleString("en-US"));
  return [clock, ...values.series.map((one) => one.title + " " + text(one.v[i]))];
}

// Where on the screen a time is, in the plot's own area.
async function xOf(page, values, time) {
  const box = await figure(page).locator(".plot-body").boundingBox();
  const { left, right } = values.plot;
  const share = (time - values.from) / (values.to - values.from);
  return [box.x + box.width * (left + share * (right - left)), box.y + box.height / 2];
}

// A picture of a time that is over, so that it stays the same while it is looked at.
async function plotPage(page) {
  const knows = (one) => one.series.some((s) => s.v.filter((v) => v > 0).length >= 2);
  const call = "/series?panel=" + PANEL + "&workflow=sale-posting&since=-3m&width=760&height=220";
  await untilApi(call, knows, 60000);
  const until = Math.floor(Date.now() / 1000) * 1000;
  const at = (ms) => new Date(ms).toISOString();
  await open(page, "/workflows/sale-posting?since=" + at(until - 180000) + "&until=" + at(until));
  await figure(page).scrollIntoViewIfNeeded();
  await figure(page).locator("img").waitFor();
  return valuesOf(page);
}

async function readPlot(page) {
  const values = await plotPage(page);
  const known = values.t.map((_, i) => i).filter((i) => values.series.some((s) => s.v[i] > 0));
  const bad = [];
  const half = values.t.length > 1 ? (Date.parse(values.t[1]) - Date.parse(values.t[0])) / 2 : 0;
  for (const i of [0, known[0], known[0] + 1, known.at(-1), values.t.length - 1]) {
    // A little to both sides of where the point is drawn: it is the nearest one still.
    for (const aside of [-0.8, 0, 0.8]) {
      const time = Date.parse(values.t[i]) + 1000 * (values.offset || 0) + aside * half;
      if (time < values.from || time > values.to) continue;
      await page.mouse.move(...(await xOf(page, values, time)));
      await figure(page).locator(".readout").waitFor();
      const [got, wanted] = [await readoutOf(page), wantedReadout(values, i)];
      if (JSON.stringify(got) !== JSON.stringify(wanted)) bad.push(got + " not " + wanted);
    }
  }
  ok(
    bad.length === 0 && known.length > 0,
    "the crosshair says the values of the nearest point",
    bad.join("\n"),
  );
  await picture(page, "flow-crosshair");
  await page.mouse.move(5, 5);
  ok((await page.locator(".readout, .cross").count()) === 0, "and is gone when the pointer is");
}

async function zoomPlot(page) {
  const values = await plotPage(page);
  const [a, y] = await xOf(page, values, values.from + 40000);
  const [b] = await xOf(page, values, values.to - 30000);
  await page.mouse.move(a, y);
  await page.mouse.down();
  await page.mouse.move((a + b) / 2, y);
  ok((await figure(page).locator(".zoom").count()) === 1, "dragging marks the time");
  await picture(page, "flow-drag");
  await page.mouse.move(b, y);
  await page.mouse.up();
  await page.waitForURL((at) => Date.parse(at.searchParams.get("since")) > values.from);
  const since = Date.parse(query(page).since);
  const to = Date.parse(query(page).until);
  ok(
    Math.abs(since - values.from - 40000) < 1500 && Math.abs(to - values.to + 30000) < 1500,
    "and shows it when the button is let go",
    since - values.from + " " + (to - values.to),
  );
  await untilSpan(page, (to - since) / 1000);
  ok((await spans(page)).length === 1, "in every panel");
  await page.goBack();
  await untilSpan(page, 180);
  ok(true, "back shows the time before");
  await page.mouse.move(a, y);
  await page.mouse.click(a, y, { button: "right" });
  ok(new URL(page.url()).pathname === "/workflows/sale-posting", "another button leads nowhere");
  const x = await xOf(page, values, values.to - 60000);
  await page.mouse.click(...x);
  await page.waitForURL("**/runs?*");
  await behind(page, values.to - 60000, "a click shows the runs behind the point");
}

// The list of runs is that of this time.
async function behind(page, time, name) {
  await page.waitForSelector(".filters");
  await settled(page);
  const { workflow, since, until: to } = query(page);
  const off = Math.max(
    Math.abs(Date.parse(since) + 60000 - time),
    Math.abs(Date.parse(to) - 60000 - time),
  );
  const wanted = (
    await api("/runs?workflow=sale-posting&limit=200&since=" + since + "&until=" + to)
  ).items;
  const shown = await columnOf(page, "runs", "Object");
  ok(
    workflow === "sale-posting" &&
      off < 6000 &&
      shown.length === Math.min(50, wanted.length) &&
      wanted.length > 0 &&
      /\d\d:\d\d:\d\d – \d\d:\d\d:\d\d/.test(await page.locator(".filters").innerText()),
    name,
    off + " " + shown.length + " " + wanted.length + " " + page.url(),
  );
}

// The focus on the plot, with the values of what it shows.
async function focusPlot(page, slider) {
  await slider.evaluate((one) => one.blur());
  await slider.focus();
  await until(
    page,
    (panel) => {
      const one = document.querySelector(".plot[data-panel='" + panel + "'] [role=slider]");
      return /\d\d:\d\d:\d\d/.test(one.getAttribute("aria-valuetext"));
    },
    PANEL,
  );
}

async function plotByKeys(page) {
  const values = await plotPage(page);
  const slider = figure(page).getByRole("slider");
  await focusPlot(page, slider);
  const last = values.t.length - 1;
  const spoken = async () =>
    (await slider.getAttribute("aria-valuetext")).replaceAll(/^.*?(?=\d\d:)/g, "");
  const wanted = (i) => {
    const [clock, ...lines] = wantedReadout(values, i);
    return clock + ": " + lines.join(", ");
  };
  const bad = [];
  let i = last;
  for (const [key, to] of [
    ["End", last],
    ["ArrowLeft", last - 1],
    ["PageUp", last - 11],
    ["ArrowRight", last - 10],
    ["PageDown", last],
    ["ArrowRight", last],
    ["Home", 0],
    ["ArrowLeft", 0],
    ["End", last],
  ]) {
    await page.keyboard.press(key);
    i = Math.max(0, to);
    if ((await spoken()) !== wanted(i))
      bad.push(key + ": " + (await spoken()) + " not " + wanted(i));
    const seen = await readoutOf(page);
    if (JSON.stringify(seen) !== JSON.stringify(wantedReadout(values, i)))
      bad.push(key + " shows " + seen);
  }
  ok(
    bad.length === 0,
    "arrows, Home, End and pages read the values, for eyes and for ears",
    bad.join("\n"),
  );
  await page.keyboard.press("ArrowLeft");
  await picture(page, "flow-plot-keys");
  for (let n = 0; n < 7; n++) await page.keyboard.press("Shift+ArrowLeft");
  ok((await figure(page).locator(".zoom").count()) === 1, "Shift marks a time");
  await page.keyboard.press("Escape");
  ok((await figure(page).locator(".zoom").count()) === 0, "Esc leaves it");
  for (let n = 0; n < 7; n++) await page.keyboard.press("Shift+ArrowLeft");
  const [from, to] = [last - 15, last - 8].map(
    (k) => Date.parse(values.t[k]) + 1000 * (values.offset || 0),
  );
  await page.keyboard.press("Enter");
  await page.waitForURL(
    (at) => at.searchParams.get("since") !== new Date(values.from).toISOString(),
  );
  same(
    [Date.parse(query(page).since), Date.parse(query(page).until)],
    [from, to],
    "Enter zooms into it",
  );
  await untilSpan(page, (to - from) / 1000);
  ok(
    await slider.evaluate((one) => one === document.activeElement),
    "and the focus stays on the plot",
  );
  await page.keyboard.press("-");
  await untilSpan(page, (2 * (to - from)) / 1000);
  ok(true, "minus shows twice as much");
  await page.keyboard.press("+");
  await untilSpan(page, (to - from) / 1000);
  ok(true, "plus half of it");
  await page.goBack();
  await page.goBack();
  await page.goBack();
  await untilSpan(page, 180);
  await focusPlot(page, slider);
  await page.keyboard.press("End");
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/runs?*");
  await behind(
    page,
    Date.parse(values.t[last - 1]) + 1000 * (values.offset || 0),
    "Enter shows the runs behind the point",
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
  sortTables,
  filterTables,
  pageTables,
  linkTables,
  saveTables,
  ranges,
  readPlot,
  zoomPlot,
  plotByKeys,
  saveHostile,
  noComplaint,
);
