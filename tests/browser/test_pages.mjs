#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// The pages in a real Chromium, over a real tower: finding an order with the keyboard alone, its
// journey while it goes on, hostile text that stays text, loss of the tower, three sizes of screen.
// TAP. Pictures of every page are left in the build directory, under test-results/pages.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));
const BUILD = process.env.TW_BUILD_DIR || resolve(HERE, "../../build");
const PICTURES = join(BUILD, "test-results", "pages");
const CHROMIUM = process.env.TW_CHROMIUM || "/usr/bin/chromium";
const SIZES = [
  [1920, 1080],
  [1366, 768],
  [390, 844],
];
const PAGES = [
  ["overview", "/"],
  ["search", "/search?q=W-"],
  ["nothing", "/search?q=never-seen"],
  ["journey", "/journey/order:W-1001"],
  ["run", "/journey/transaction:0042/S9002"],
  ["workflows", "/workflows"],
  ["workflow", "/workflows/sale-posting"],
  ["objectives", "/objectives"],
  ["objective", "/objectives/sale-posted-in-time"],
  ["runs", "/runs"],
  ["stores", "/stores"],
  ["store", "/stores/0042"],
  ["systems", "/systems"],
  ["dashboards", "/dashboards"],
  ["dashboard", "/dashboards/order-flow"],
  ["wall", "/?wall"],
  ["event", "/event/1"],
  ["taps", "/taps"],
  ["quarantine", "/quarantine"],
];
const WAIT_MS = 30000;

// --- TAP

let count = 0;
let failures = 0;

function ok(good, name, detail) {
  count++;
  if (!good) failures++;
  console.log((good ? "ok " : "not ok ") + count + " - " + name.replaceAll("#", ""));
  if (!good && detail !== undefined) console.log("# " + String(detail).replaceAll("\n", "\n# "));
}

function end() {
  console.log("1.." + count);
  process.exit(failures ? 1 : 0);
}

function skipAll(why) {
  console.log("ok 1 - pages in a browser # SKIP " + why);
  console.log("1..1");
  process.exit(0);
}

// --- the tower

const state = mkdtempSync(join(tmpdir(), "tw-browser-"));
let environment = {};
let isRunning = false;

function tower(verb) {
  return execFileSync(join(HERE, "../system/tower.py"), [verb, "--state", state], {
    encoding: "utf8",
  });
}

function startTower() {
  const lines = tower("start").trim().split("\n");
  environment = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
  isRunning = true;
}

function stopTower() {
  if (isRunning) tower("stop");
  isRunning = false;
}

function fill(what) {
  execFileSync(join(HERE, "fill.py"), [what], {
    env: { ...process.env, ...environment },
    stdio: "inherit",
  });
}

// --- the browser

const faults = []; // of pages: scripts that ran, policies that were broken, errors, dialogs

async function openBrowser(chromium) {
  const profile = join(state, "profile");
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: CHROMIUM,
    headless: true,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  context.setDefaultTimeout(WAIT_MS);
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (e) =>
      console.error("CSP: " + e.violatedDirective + " " + e.blockedURI),
    );
    window.shift = 0;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
    }).observe({ type: "layout-shift", buffered: true });
  });
  const page = await context.newPage();
  page.on("dialog", (dialog) => {
    faults.push("dialog: " + dialog.message());
    dialog.dismiss();
  });
  page.on("pageerror", (error) => faults.push("error: " + error.message));
  page.on("console", (message) => {
    // A request that the tower refuses is logged by the browser; those are looked at by status.
    if (message.type() === "error" && !/Failed to load resource/.test(message.text())) {
      faults.push("console: " + message.text());
    }
  });
  return [context, page];
}

function takeFaults() {
  return faults.splice(0).join("\n");
}

// Poll until `condition` holds in the page. (waitForFunction compiles text in the page, which our
// policy forbids, as it should.)
async function until(page, condition, argument) {
  const deadline = Date.now() + WAIT_MS;
  while (!(await page.evaluate(condition, argument))) {
    if (Date.now() > deadline) throw new Error("waited in vain for " + condition);
    await new Promise((wake) => setTimeout(wake, 50));
  }
}

async function textOf(page, selector) {
  return (await page.locator(selector).first().textContent()) || "";
}

// --- cases

async function findByKeyboard(page) {
  await page.goto(environment.TOWER_URL + "/taps");
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
  await page.goto(environment.TOWER_URL + "/journey/order:W-1001");
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
  await page.goto(environment.TOWER_URL + "/");
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
  await page.goto(environment.TOWER_URL + "/runs?state=late");
  await page.waitForSelector(".note.bad");
  ok(
    /running, completed, failed/.test(await page.locator("main").innerText()),
    "a filter that is no word is answered with the words",
  );
}

// What is decided in the pages themselves, on facts that the estate here does not have.
async function judgeAlone(page) {
  await page.goto(environment.TOWER_URL + "/");
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
    return ["=1+1", "+1", "-1", "@x", "\t=1", -1, "a,b", 'say "x"', null].map(csvCell).join("|");
  });
  ok(
    cells === '\'=1+1|\'+1|\'-1|\'@x|\'\t=1|-1|"a,b"|"say ""x"""|',
    "no text becomes a formula in a saved table",
    cells,
  );
}

async function readEmptiness(page) {
  await page.goto(environment.TOWER_URL + "/search?q=never-seen");
  await page.waitForSelector(".note");
  const text = await page.locator("main").innerText();
  ok(
    /Nothing found for/.test(text) && /because/.test(text) && /quarantine/.test(text),
    "nothing found says why",
    text,
  );
  await page.goto(environment.TOWER_URL + "/journey/order:never-seen");
  await page.waitForSelector(".note.bad");
  ok(
    /nothing here/i.test(await page.locator("main").innerText()),
    "a journey that is not there says so",
  );
  await page.goto(environment.TOWER_URL + "/event/999999");
  await page.waitForSelector(".note.bad");
  ok(true, "an event that is not there says so");
}

async function liveCounters(page) {
  await page.goto(environment.TOWER_URL + "/");
  await until(page, () =>
    /\d/.test(document.querySelector("[data-key=accepted] .value").textContent),
  );
  const accepted = Number((await textOf(page, "[data-key=accepted] .value")).replace(/\D/g, ""));
  await page.evaluate(() => {
    window.shift = 0;
  });
  fill("hostile");
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

async function hostileText(page) {
  takeFaults();
  const answer = await (
    await page.request.get(environment.TOWER_URL + "/api/v1/search?q=X-&limit=100")
  ).json();
  const places = [
    "/",
    "/taps",
    "/quarantine",
    "/search?q=X-",
    "/search?q=" + encodeURIComponent("<script>alert(1)</script>"),
    "/search?q=" + encodeURIComponent("<img src=x onerror=alert(1)>") + "&go=1",
    "/journey/<img src=x onerror=alert(1)>",
    "/event/<svg onload=alert(1)>",
    "/taps?q=<script>alert(1)</script>",
    "/workflows",
    "/runs",
    "/stores",
    "/systems",
    "/objectives",
    "/stores/" + encodeURIComponent("<img src=x onerror=alert(1)>"),
    "/workflows/" + encodeURIComponent("<script>alert(1)</script>"),
    "/runs?workflow=<script>alert(1)</script>",
    "/runs?store=" + encodeURIComponent('"><img src=x onerror=alert(1)>'),
  ];
  const ids = new Set();
  for (const hit of answer.items) {
    const journey = await (
      await page.request.get(
        environment.TOWER_URL + "/api/v1/journeys/" + encodeURIComponent(hit.journey),
      )
    ).json();
    ids.add(hit.journey);
    for (const object of journey.related) ids.add(object.id);
    for (const event of journey.events) places.push("/event/" + event.n);
  }
  for (const id of ids) places.push("/journey/" + encodeURIComponent(id));
  let seen = 0;
  for (const place of places) {
    await page.goto(environment.TOWER_URL + place);
    await page.waitForSelector("main > *");
    await until(
      page,
      () => !document.querySelector("main [role=status]")?.textContent.startsWith("Loading"),
    );
    for (const button of await page.locator(".event, .entry").all()) {
      if (await button.isVisible()) await button.click();
    }
    await until(
      page,
      () =>
        ![...document.querySelectorAll("main .note[role=status]")].some((note) =>
          note.textContent.startsWith("Loading"),
        ),
    );
    const found = await page.evaluate(() => ({
      title: document.title,
      alien: document.querySelectorAll(
        "main img:not(.plot img), main svg:not(.graph svg), main script, main iframe, main [onerror], main [onload], main a[href^='javascript']",
      ).length,
      text: document.querySelector("main").textContent,
    }));
    if (found.title === "owned" || found.alien)
      faults.push(place + ": " + found.title + " " + found.alien);
    if (found.text.includes("onerror=") || found.text.includes("<script>")) seen++;
  }
  ok(
    ids.size >= 10 && seen > 10,
    "hostile text is shown as text (" + places.length + " pages)",
    seen,
  );
  const what = takeFaults();
  ok(what === "", "no script ran, no policy was broken, no error", what);
}

async function tryAgain(page) {
  await page.goto(environment.TOWER_URL + "/quarantine");
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

async function pictures(page) {
  mkdirSync(PICTURES, { recursive: true });
  const wide = [];
  const barred = [];
  const axe = readFileSync(join(HERE, "node_modules/axe-core/axe.min.js"), "utf8");
  for (const scheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: scheme });
    for (const [width, height] of SIZES) {
      await page.setViewportSize({ width, height });
      for (const [name, path] of PAGES) {
        await page.goto(environment.TOWER_URL + path);
        await page.waitForSelector("main > *");
        await until(
          page,
          () =>
            document.querySelector("#about").textContent !== "" &&
            ![...document.querySelectorAll("main [role=status]")].some((n) =>
              n.textContent.startsWith("Loading"),
            ),
        );
        const over = await page.evaluate(
          () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
        );
        if (over > 0) wide.push(name + " at " + width + ": " + over);
        // One width is enough for what does not depend on it; the phone has a layout of its own.
        if (width !== 1366) {
          await page.evaluate(axe);
          const found = await page.evaluate(() =>
            window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"] }),
          );
          for (const one of found.violations)
            barred.push(
              name +
                " " +
                scheme +
                " " +
                width +
                ": " +
                one.id +
                " " +
                one.nodes[0].html.slice(0, 160),
            );
        }
        await page.screenshot({ path: join(PICTURES, name + "-" + scheme + "-" + width + ".png") });
      }
    }
  }
  ok(
    wide.length === 0,
    "no page is wider than its screen (" + SIZES.map((s) => s[0]).join(", ") + ")",
    wide.join("\n"),
  );
  ok(
    barred.length === 0,
    "axe-core finds nothing that bars anybody (WCAG 2.2 AA)",
    barred.join("\n"),
  );
  await page.setViewportSize({ width: 1366, height: 768 });
}

async function loss(page) {
  await page.goto(environment.TOWER_URL + "/journey/order:W-1001");
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

// --- all of it

let chromium;
try {
  ({ chromium } = await import("playwright-core"));
} catch {
  skipAll("playwright-core is not installed (npm ci in tests/browser)");
}
try {
  execFileSync("/usr/bin/python3", ["-c", "import zmq"], { stdio: "ignore" });
} catch {
  skipAll("python3-zmq is not installed");
}
if (!existsSync(CHROMIUM)) skipAll(CHROMIUM + " is not installed");
let context;
try {
  startTower();
  fill("estate");
  let page;
  [context, page] = await openBrowser(chromium);
  await findByKeyboard(page);
  await readJourney(page);
  await readWorkflows(page);
  await judgeAlone(page);
  await readEmptiness(page);
  await pictures(page);
  await liveCounters(page);
  await hostileText(page);
  await tryAgain(page);
  await loss(page);
} catch (error) {
  ok(false, "ended by an error", error.stack);
} finally {
  if (context) await context.close();
  try {
    stopTower();
  } catch (error) {
    ok(false, "the tower stops", error.message);
  }
  rmSync(state, { recursive: true, force: true });
}
end();
