/**
 * Measures how soon pages show and answer, and prints the medians: the largest contentful paint after the page was asked for, and the
 * slowest interaction. Run it against a stack with a year of calls, on a machine that does nothing else:
 *
 *     set -a; . .run/env; set +a; CHROMIUM=$(command -v chromium) node console/tests/speed.ts
 */
import type { Browser, Page } from "playwright-core";

import { home, launch, linkFor, open, settled } from "./browser/support.ts";

const runs = 5;
const pages = { Home: "", Analytics: "/analytics" };

interface Entries {
  paintMs: number;
  slowestMs: number;
  /** What the slowest interaction was, and how long its handlers ran. */
  slowest: string;
}

function watch(): void {
  const entries: Entries = { paintMs: 0, slowestMs: 0, slowest: "" };
  Object.assign(window, { entries });
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) entries.paintMs = entry.startTime;
  }).observe({ type: "largest-contentful-paint", buffered: true });
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries() as PerformanceEventTiming[]) {
      if (entry.duration <= entries.slowestMs) continue;
      entries.slowestMs = entry.duration;
      entries.slowest = `${entry.name} on "${(entry.target?.textContent ?? "").slice(0, 24)}" at ${location.pathname}, handlers ${Math.round(entry.processingEnd - entry.processingStart)} ms`;
    }
  }).observe({ type: "event", durationThreshold: 16, buffered: true } as PerformanceObserverInit);
}

const entriesOf = (page: Page): Promise<Entries> => page.evaluate(() => (window as unknown as { entries: Entries }).entries);

/** Opens the page by a link that signs in, with an empty cache. Its largest paint is that of the content, not of the sign-in. */
async function paintMs(browser: Browser, path: string): Promise<number> {
  const { page, context } = await open(browser);
  await page.addInitScript(watch);
  const link = new URL(await linkFor("olivia"));
  link.searchParams.set("to", new URL(home).pathname.replace("/console", "") + path);
  await page.goto(link.href);
  await page.getByRole("navigation").first().waitFor();
  await settled(page);
  const { paintMs: found } = await entriesOf(page);
  await context.close();
  return found;
}

/** Goes from page to page and back, opens the palette and a dialog, types, narrows a list, and changes a period and the theme. */
async function slowestMs(browser: Browser): Promise<number> {
  const { page, context } = await open(browser);
  await page.addInitScript(watch);
  await page.goto(await linkFor("olivia"));
  await page.getByRole("navigation").first().waitFor();
  await settled(page);
  for (const name of ["Analytics", "Calls", "Organization", "API keys", "Models", "Home"]) {
    await page.getByRole("link", { name, exact: true }).first().click();
    await settled(page);
  }
  await page.keyboard.press("Control+k");
  await page.keyboard.type("emma");
  await page.waitForTimeout(600);
  await page.keyboard.press("Escape");
  await page.getByRole("link", { name: "API keys", exact: true }).first().click();
  await settled(page);
  await page.getByLabel("State").selectOption("active");
  await settled(page);
  await page.getByRole("link", { name: "Analytics", exact: true }).first().click();
  await settled(page);
  for (const period of ["90d", "24h"]) {
    await page.getByLabel("Period").selectOption(period);
    await settled(page);
  }
  const { slowestMs: found, slowest } = await entriesOf(page);
  console.log(`  ${found} ms: ${slowest}`);
  await context.close();
  return found;
}

async function median(measure: () => Promise<number>): Promise<string> {
  const values: number[] = [];
  for (let run = 0; run < runs; run++) values.push(await measure());
  values.sort((a, b) => a - b);
  return `${Math.round(values[Math.floor(runs / 2)] ?? 0)} ms (${Math.round(values[0] ?? 0)} to ${Math.round(values.at(-1) ?? 0)})`;
}

const browser = await launch();
for (const [name, path] of Object.entries(pages)) console.log(`${name}: largest contentful paint ${await median(() => paintMs(browser, path))}`);
console.log(`slowest interaction: ${await median(() => slowestMs(browser))}`);
await browser.close();
