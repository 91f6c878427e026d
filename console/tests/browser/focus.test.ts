import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { go, home, launch, openAs, settled } from "./support";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

/** What has the focus, once no dialog is there. */
async function focused(page: Page): Promise<string> {
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.waitForTimeout(100);
  return page.evaluate(() => document.activeElement?.id || document.activeElement?.textContent || document.activeElement?.tagName || "");
}

test("the focus is back on the page when the command palette closes, the first time too", async () => {
  const { page } = await openAs(browser, "olivia");
  for (let time = 0; time < 2; time++) {
    await page.getByRole("button", { name: /^Go to…/ }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("combobox").waitFor();
    await page.keyboard.press("Escape");
    expect(await focused(page)).toMatch(/^Go to…/);
  }
  await page.evaluate(() => (document.activeElement as HTMLElement).blur());
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox").fill("Calls");
  await page.keyboard.press("Enter");
  await settled(page);
  expect(await focused(page)).toBe("main");
});

test.each(["Delete", "Rotate"])("the focus is back on the button when its dialog closes: %s", async (name) => {
  const { page } = await openAs(browser, "olivia");
  await go(page, `${home}/apiKeys/emma-default`);
  await page.getByRole("button", { name, exact: true }).click();
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  expect(await focused(page)).toBe(name);
});

test("a separator is only between two steps of the way to a page", async () => {
  const { page } = await openAs(browser, "olivia");
  await go(page, `${home}/notificationRules/budgets`);
  const way = page.getByRole("navigation", { name: "Alerts / Rules" });
  expect(await way.getByRole("link").count()).toBe(2);
  expect(await way.locator("svg").count()).toBe(1);
});
