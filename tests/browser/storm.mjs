#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// How long pages of a running tower take to be shown in a real Chromium, for a while:
//   storm.mjs URL SECONDS PATH...   prints {"/alerts": [milliseconds, ...], ...}
// From the request until what is shown is whole. tests/system/test_storm.py runs it during a storm of alerts.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const WAIT_MS = 60000;
const [base, seconds, ...paths] = process.argv.slice(2);
const profile = mkdtempSync(join(tmpdir(), "tw-storm-"));

function isShown() {
  const about = document.querySelector("#about");
  return (
    document.querySelector("main > *") !== null &&
    about !== null &&
    about.textContent !== "" &&
    document.querySelector("main > .old, main > [aria-busy=true]") === null &&
    ![...document.querySelectorAll("main [role=status]")].some((node) =>
      node.textContent.startsWith("Loading"),
    )
  );
}

async function show(page, path) {
  const begun = Date.now();
  await page.goto(base + path, { timeout: WAIT_MS });
  while (!(await page.evaluate(isShown))) {
    if (Date.now() - begun > WAIT_MS) throw new Error(path + " is not shown");
    await new Promise((wake) => setTimeout(wake, 20));
  }
  return Date.now() - begun;
}

const context = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.TW_CHROMIUM || "/usr/bin/chromium",
  headless: true,
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
});
try {
  const page = await context.newPage();
  const took = Object.fromEntries(paths.map((path) => [path, []]));
  await show(page, paths[0]); // the program itself is loaded
  for (const end = Date.now() + 1000 * Number(seconds); Date.now() < end;) {
    for (const path of paths) {
      took[path].push(await show(page, path));
      await new Promise((wake) => setTimeout(wake, 500));
    }
  }
  console.log(JSON.stringify(took));
} finally {
  await context.close();
  rmSync(profile, { recursive: true, force: true });
}
