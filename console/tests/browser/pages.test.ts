import axe from "axe-core";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { operatorPages, parts } from "./addresses";
import { go, home, launch, openAs, openAsOperator, variable, wrongAmong } from "./support";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

/** How long it may take to look at every page. */
const everyPageMs = 300_000;

/** What axe finds, each with the first place where it is. */
async function violations(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe.source);
  return page.evaluate(async () => {
    const found = await (window as unknown as { axe: typeof axe }).axe.run(document, { resultTypes: ["violations"] });
    return found.violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html ?? ""}`);
  });
}

describe.each([
  ["light", "en-US"],
  ["dark", "en-US"],
  ["light", "zh-CN"],
  ["dark", "zh-CN"],
] as const)("in the %s theme, in %s", (colorScheme, locale) => {
  test.each(parts)("the pages from %s on are accessible, and break no rule of their security policy", async (...paths) => {
    const { page, problems } = await openAs(browser, "olivia", { colorScheme, locale });
    expect(await wrongAmong(page, home, paths, violations)).toEqual({});
    expect(problems).toEqual([]);
  }, everyPageMs);
});

test.each(["light", "dark"] as const)("the pages of operators are accessible in the %s theme", async (colorScheme) => {
  const { page, problems } = await openAsOperator(browser, { colorScheme });
  expect(await wrongAmong(page, variable("MEGAROUTER_CONSOLE_URL"), operatorPages, violations)).toEqual({});
  expect(problems).toEqual([]);
});

test("the sign-in is accessible", async () => {
  const page = await browser.newPage();
  await page.goto(variable("MEGAROUTER_CONSOLE_URL"));
  await page.getByRole("heading", { name: "Sign in to MegaRouter" }).waitFor();
  expect(await violations(page)).toEqual([]);
});

test("a chart can be read bar by bar with the keyboard, and as a table", async () => {
  const { page } = await openAs(browser, "olivia");
  const chart = page.getByRole("group", { name: /Spend in credits/ });
  await chart.getByRole("img").last().focus();
  await page.keyboard.press("ArrowLeft");
  const read = await page.evaluate(() => document.activeElement?.getAttribute("aria-label"));
  expect(read).toMatch(/^\w+, \w+ \d+, \d{4}: [\d.,]+$/);
  await page.getByRole("button", { name: "Show as table" }).click();
  expect(await page.getByRole("region", { name: "Spend in credits" }).getByRole("row").count()).toBe(31);
});

test("an unknown page says so", async () => {
  const { page } = await openAs(browser, "olivia");
  await go(page, `${home}/no-such-page`);
  await page.getByText("There is no such page").waitFor();
});
