import { readFile } from "node:fs/promises";

import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { admin, go, home, launch, openAs, organization, settled } from "./support";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

const search = (page: Page): Record<string, string> => Object.fromEntries(new URL(page.url()).searchParams);

/** The text of the file that a click downloads. */
async function downloaded(page: Page, click: () => Promise<void>): Promise<string> {
  const [download] = await Promise.all([page.waitForEvent("download"), click()]);
  return readFile(await download.path(), "utf8");
}

test("a filter is chosen by keyboard, is in the address, and stays from tab to tab", async () => {
  const { page } = await openAs(browser, "olivia");
  await go(page, `${home}/analytics/explore`);
  await page.getByRole("button", { name: "Filter" }).click();
  await page.getByRole("button", { name: "Model", exact: true }).click();
  await page.getByRole("textbox", { name: "Search: Model" }).fill("gpt-4o-mini");
  await page.getByRole("option", { name: "gpt-4o-mini" }).waitFor();
  await page.keyboard.press("Enter");
  await page.getByText("Model: gpt-4o-mini").waitFor();
  await page.getByRole("tab", { name: "Top 20" }).click();
  await settled(page);
  expect(search(page)).toEqual({ model: "gpt-4o-mini" });
  await page.getByRole("button", { name: "Remove gpt-4o-mini" }).click();
  await settled(page);
  expect(search(page)).toEqual({});
});

test.each(["analytics", "usageExports"])("both days of a range are typed without a pause in %s", async (pageName) => {
  const { page } = await openAs(browser, "olivia");
  await go(page, `${home}/${pageName}?from=2026-10-01&to=2026-10-31`);
  const last = page.getByLabel("Last day");
  await page.getByLabel("First day").fill("2026-09-01");
  await last.focus();
  await settled(page);
  await page.keyboard.type("09302026");
  await page.keyboard.press("Enter");
  await settled(page);
  expect(await last.evaluate((field) => field === document.activeElement)).toBe(true);
  expect(search(page)).toMatchObject({ from: "2026-09-01", to: "2026-09-30" });
});

test.each(["analytics", "usageExports", "calls", "auditLogEntries"])("the months of people who write invoices are offered in %s", async (pageName) => {
  const { page } = await openAs(browser, "olivia");
  await go(page, `${home}/${pageName}`);
  await page.getByLabel("Period", { exact: true }).selectOption({ label: "Last month" });
  await settled(page);
  expect(search(page)).toEqual({ period: "lastMonth" });
  expect(await page.getByRole("alert").count()).toBe(0);
});

test("a bar of Explore leads to the calls of its day, with the same filters", async () => {
  const { page } = await openAs(browser, "olivia");
  await go(page, `${home}/analytics/explore?by=member&metric=calls&group=engineering&period=7d`);
  const chart = page.getByRole("group", { name: /Over time/ });
  await chart.getByRole("link").last().focus();
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Calls" }).waitFor();
  const { from, to, ...rest } = search(page);
  expect(from).toMatch(/^\d{4}-\d{2}-\d{2}$/);
  expect([to, rest]).toEqual([from, { group: "engineering" }]);
});

test("the list of Explore leads to the calls of a row, and its sum is that of the ledger", async () => {
  const { page } = await openAs(browser, "olivia");
  await go(page, `${home}/analytics/explore?by=model&then=status&period=7d`);
  const csv = await downloaded(page, () => page.getByRole("button", { name: "Download as CSV" }).click());
  const [header, ...rows] = csv.replace("\uFEFF", "").trim().split("\r\n").map((line) => line.split(","));
  expect(header?.slice(0, 4)).toEqual(["model_id", "model_name", "status_id", "status_name"]);
  expect(rows.length).toBeGreaterThan(2);
  await page.getByRole("region", { name: "As a list" }).getByRole("link").first().click();
  await page.getByRole("heading", { name: "Calls" }).waitFor();
  expect(Object.keys(search(page)).sort()).toEqual(["model", "period", "status"]);
});

test("days are chosen by their dates, and the address has them", async () => {
  const { page } = await openAs(browser, "olivia");
  await go(page, `${home}/analytics`);
  await page.getByRole("combobox", { name: "Period" }).selectOption("custom");
  await page.getByLabel("First day").fill("2026-01-01");
  await page.getByLabel("First day").press("Enter");
  await settled(page);
  expect(search(page).from).toBe("2026-01-01");
  await page.getByLabel("First day").fill("2020-01-01");
  await page.getByText("Choose 1 to 400 days.").waitFor();
});

/** Returns the newest open anomalies. The service judges the spend once a minute, so they may not be there when the data is. */
async function openAnomalies(): Promise<readonly { scopeDisplayName: string }[]> {
  const newest = `pageSize=3&filter=${encodeURIComponent("state = STATE_OPEN")}&orderBy=${encodeURIComponent("start_time desc")}`;
  return (await admin("GET", `${organization}/anomalies?${newest}`)).anomalies as readonly { scopeDisplayName: string }[];
}

test("Home shows unusual spend that no one has explained", { timeout: 240_000 }, async () => {
  await expect.poll(async () => (await openAnomalies()).length, { timeout: 150_000, interval: 1_000 }).toBeGreaterThan(0);
  const open = await openAnomalies();
  const { page } = await openAs(browser, "olivia");
  const card = page.locator("section", { has: page.getByRole("heading", { name: "Needs attention" }) });
  expect(await card.getByText("Unusual spend", { exact: true }).count()).toBe(open.length);
  await card.getByRole("link", { name: open[0]?.scopeDisplayName ?? "" }).first().click();
  await page.getByRole("heading", { name: "What was it?" }).waitFor();
});

test("an anomaly gets an answer, which another one replaces", async () => {
  const { page, problems } = await openAs(browser, "olivia");
  await go(page, `${home}/analytics/anomalies?show=all`);
  await page.getByRole("region", { name: "Unusual spend" }).getByRole("link").first().click();
  await page.getByRole("heading", { name: "What was it?" }).waitFor();
  for (const [answer, verdict] of [["A false alarm", "False alarm"], ["Planned", "Planned"]] as const) {
    await page.getByRole("radio", { name: answer }).check();
    await page.getByLabel("Note for others").fill(`月末 ${answer}`);
    await page.getByRole("button", { name: "Save the answer" }).click();
    await page.getByText(/answered/).waitFor();
    await settled(page);
    await page.getByText(verdict, { exact: true }).first().waitFor();
    expect(await page.getByLabel("Note for others").inputValue()).toBe(`月末 ${answer}`);
  }
  expect(problems).toEqual([]);
});

test("calls are downloaded as the ledger has them", async () => {
  const { page } = await openAs(browser, "emma");
  await go(page, `${home}/calls?period=30d`);
  const csv = await downloaded(page, () => page.getByRole("button", { name: "Download as CSV" }).click());
  expect(csv.slice(0, 17)).toBe("\uFEFFsequence,call_id");
  const lines = csv.trim().split("\r\n");
  const member = lines[0]?.split(",").indexOf("member_id") ?? -1;
  expect(new Set(lines.slice(1, 50).map((line) => line.split(",")[member]))).toEqual(new Set(["emma"]));
});

test("a member has no filter for others, and no analysis that the organization pays for", async () => {
  const { page } = await openAs(browser, "emma");
  await go(page, `${home}/analytics/explore`);
  expect(await page.getByRole("tab", { name: "Written analysis" }).count()).toBe(0);
  expect(await page.getByRole("combobox", { name: "Divide by" }).getByRole("option", { name: "Member" }).count()).toBe(0);
  await go(page, `${home}/analytics/explore?member=olivia`);
  await page.getByText("No calls in this period").or(page.getByText("You may not see or do this.")).first().waitFor();
});

test("an analysis without a key says what to do", async () => {
  const { page } = await openAs(browser, "olivia");
  await go(page, `${home}/analytics/analysis`);
  await page.getByRole("button", { name: "Write", exact: true }).click();
  await page.getByRole("alert").waitFor();
  await page.getByRole("textbox", { name: "Key of a service account" }).waitFor();
});
