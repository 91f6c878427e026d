import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { operatorPages, pages, parts } from "./addresses";
import { go, home, launch, openAs, openAsOperator, variable, wrongAmong } from "./support";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
  // So that the list of exports has rows, whose buttons are wide.
  const { page } = await openAs(browser, "olivia");
  await go(page, `${home}/usageExports?format=pdf&period=24h`);
  await page.getByRole("button", { name: "Create the export" }).click();
  await page.getByRole("button", { name: "Share by link" }).first().waitFor({ timeout: 45_000 });
});
afterAll(() => browser.close());

/** What sticks out of the page, of the frame around it, or of a table, whose last column has what people look for. */
async function sticksOut(page: Page): Promise<readonly string[]> {
  return page.evaluate(() => {
    const tables = [...document.querySelectorAll(".table-scroll")].filter((table) => table.scrollWidth > table.clientWidth + 1).map((table) => table.getAttribute("aria-label") ?? "");
    const parts = [...document.querySelectorAll("main .mantine-SegmentedControl-control")].filter((part) => {
      const edge = part.parentElement?.getBoundingClientRect().right ?? 0;
      return part.closest(".tabs") === null && part.getBoundingClientRect().right > edge + 1;
    });
    const squeezed = [...document.querySelectorAll(".table-scroll .mantine-Button-label")].filter((label) => label.scrollWidth > label.clientWidth + 1);
    return [...(document.documentElement.scrollWidth > window.innerWidth ? ["the page"] : []), ...tables, ...[...parts, ...squeezed].map((part) => part.textContent ?? "")];
  });
}

describe.each([
  [1440, "en-US"], [1280, "en-US"], [800, "en-US"], [390, "en-US"], [390, "zh-CN"],
])("at a width of %i pixels, in %s", (width, locale) => {
  const options = { viewport: { width, height: 900 }, locale };

  test.each(parts)("nothing sticks out of the pages from %s on", async (...paths) => {
    const { page } = await openAs(browser, "olivia", options);
    expect(await wrongAmong(page, home, paths, sticksOut)).toEqual({});
  });

  test("nothing sticks out of the pages of operators", async () => {
    const { page } = await openAsOperator(browser, options);
    expect(await wrongAmong(page, variable("MEGAROUTER_CONSOLE_URL"), operatorPages, sticksOut)).toEqual({});
  });
});

test.each(["emma", "liam"])("nothing sticks out of what %s sees on a phone", async (member) => {
  const { page } = await openAs(browser, member, { viewport: { width: 390, height: 900 } });
  expect(await wrongAmong(page, home, pages, sticksOut)).toEqual({});
});

test.each([
  [1024, "/settings"], [390, "/settings"], [390, "/analytics/savings"],
])("at a width of %i pixels, the tab of %s is in sight", async (width, path) => {
  const { page } = await openAs(browser, "olivia", { viewport: { width, height: 900 } });
  await go(page, home + path);
  const tab = page.locator(".area-tabs [aria-current=page], .tabs [aria-selected=true]");
  const edges = await tab.evaluate((one) => {
    const [part, whole] = [one.getBoundingClientRect(), one.parentElement?.getBoundingClientRect()];
    return { left: part.left - (whole?.left ?? 0), right: (whole?.right ?? 0) - part.right };
  });
  expect(edges.left).toBeGreaterThanOrEqual(-1);
  expect(edges.right).toBeGreaterThanOrEqual(-1);
});

test("at a width of 1024 pixels, no figure of the credit breaks within its number", async () => {
  const { page } = await openAs(browser, "olivia", { viewport: { width: 1024, height: 900 } });
  await go(page, `${home}/credit`);
  const lines = await page.locator("main .surface .figures").evaluateAll((figures) => figures.filter((one) => /^[\d,.−]+$/.test(one.textContent ?? "")).map((one) => one.getClientRects().length));
  expect(lines.length).toBeGreaterThan(2);
  expect(lines.every((count) => count === 1)).toBe(true);
});
