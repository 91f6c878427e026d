import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { admin, go, home, launch, openAs, organization } from "./support";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

test("times are those of the organization's time zone, which the page names once, wherever the browser is", async () => {
  const { timeZone } = (await admin("GET", organization)) as { timeZone: string };
  const { page } = await openAs(browser, "olivia", { timezoneId: "Pacific/Kiritimati" });
  for (const path of ["/calls", "/auditLogEntries"]) {
    await go(page, home + path);
    const time = page.locator("main time").first();
    const moment = new Date((await time.getAttribute("datetime")) ?? "");
    expect(await time.textContent()).toBe(new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "medium", timeZone }).format(moment));
    expect(await page.getByText(`Times and days in ${timeZone}`).filter({ visible: true }).count()).toBe(1);
  }
  await go(page, `${home}/new/invite`);
  expect(await page.getByText("Times and days in").filter({ visible: true }).count()).toBe(0);
});

test.each(["", "/credit"])("the page%s says what a credit is", async (path) => {
  const { page } = await openAs(browser, "olivia");
  await go(page, home + path);
  await page.getByText("Credits are the unit in which this deployment charges calls.").waitFor();
});
