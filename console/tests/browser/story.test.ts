/** One story by role: an operator, an admin, a member and a finance person, each in a browser of their own. Its steps follow each other. */
import { readFile } from "node:fs/promises";

import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { admin, go, launch, open, openAsOperator, settled, variable } from "./support";

const console_ = variable("MEGAROUTER_CONSOLE_URL");
/** Makes names that an earlier run has not used. */
const stamp = Date.now().toString(36);
const company = `Harbor 港口 ${stamp}`;
/** Enough for a few calls of the mock provider. */
const smallBudget = "0.0002";
const mostCalls = 100;

let browser: Browser;
let home: string;
let superAdmin: Page;
let member: Page;
let key: string;
let report: Buffer;
let link: string;

beforeAll(async () => {
  browser = await launch();
  const { name } = await admin("POST", "organizations", { displayName: company });
  home = `${console_}${String(name)}`;
  superAdmin = (await openAsOperator(browser)).page;
  await go(superAdmin, home);
});
afterAll(() => browser.close());

async function call(): Promise<number> {
  const answer = await fetch(`${variable("MEGAROUTER_BASE_URL")}/v1/chat/completions`, {
    method: "POST", headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "gpt-4o-mini", max_tokens: 10, messages: [{ role: "user", content: "Hello!" }] }),
  });
  return answer.status;
}

test("an operator raises the credit line, and the admin tops up within it", async () => {
  const { page: operator } = await openAsOperator(browser);
  await go(operator, `${console_}operators?q=${encodeURIComponent(stamp)}`);
  await operator.getByRole("link", { name: company }).click();
  await operator.getByRole("button", { name: "Set the credit line" }).click();
  await operator.getByLabel("Line in credits").fill("100");
  await operator.getByRole("dialog").getByRole("button", { name: "Set the credit line" }).click();
  await operator.getByText("The credit line is set.").waitFor();

  await go(superAdmin, `${home}/new/topUp`);
  await superAdmin.getByLabel("Amount in credits").fill("25");
  await superAdmin.getByText(/Of the credit line, 75.00 credits are left/).waitFor();
  await superAdmin.getByRole("button", { name: "Add 25.00 credits" }).click();
  await superAdmin.getByRole("heading", { level: 1, name: /^Top-up, ledger no\. 1$/ }).waitFor();
});

test("the admin invites a person with a small budget, who signs in, joins with one button and gets a key", async () => {
  await go(superAdmin, `${home}/new/invite`);
  await superAdmin.getByLabel("E-mail addresses").fill("emma@acme.example");
  await superAdmin.getByLabel("Budget in credits").fill(smallBudget);
  await superAdmin.getByRole("button", { name: "Create invites" }).click();
  const invite = (await superAdmin.getByText(/#mri-/).textContent()) ?? "";

  const opened = await open(browser, { proxy: { server: variable("SIGN_IN_PROXY"), bypass: "127.0.0.1" }, ignoreHTTPSErrors: true });
  member = opened.page;
  await member.goto(invite);
  await member.getByRole("button", { name: "Sign in with staff" }).click();
  await member.getByText(company).waitFor();
  expect(member.url()).not.toContain("mri-");
  await member.getByRole("button", { name: "Join and get a key" }).click();
  await member.getByText("Copy the key now").waitFor();
  key = (await member.getByText(/^mr-/).textContent()) ?? "";
  expect(opened.problems).toEqual([]);
});

test("the member calls until the budget is used up, and understands why", async () => {
  expect(await call()).toBe(200);
  let status = 200;
  for (let count = 0; count < mostCalls && status === 200; count++) status = await call();
  expect(status).toBe(402);
  await member.getByRole("link", { name: "Go to home page" }).click();
  await settled(member);
  // Small figures do not read as 0.00.
  await member.getByText("of 0.000200").first().waitFor();
  expect(await member.locator("main").getByText("0.00", { exact: true }).count()).toBe(0);
  await member.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Calls" }).click();
  await member.getByRole("link", { name: "Why was a call refused?" }).click();
  await member.getByLabel("Model").fill("gpt-4o-mini");
  await member.getByRole("button", { name: "Explain" }).click();
  await member.getByText("A call would be refused now").waitFor();
  await member.getByRole("alert").getByText("A budget is spent").waitFor();
});

test("the admin sees the alert and raises the limit, and the member calls again", async () => {
  await expect.poll(async () => {
    await go(superAdmin, `${home}/notificationRules`);
    await go(superAdmin, `${home}/notifications`);
    return superAdmin.getByText(/budget/i).count();
  }, { timeout: 60_000, interval: 3_000 }).toBeGreaterThan(0);

  await go(superAdmin, `${home}/people`);
  await superAdmin.getByRole("region", { name: "Members" }).getByRole("link", { name: /emma/i }).first().click();
  await superAdmin.getByRole("heading", { level: 1, name: /emma/i }).waitFor();
  const id = new URL(superAdmin.url()).pathname.split("/").at(-1) ?? "";
  await go(superAdmin, `${home}/guardrails/member-${id}`);
  await superAdmin.getByLabel("Budget in credits").fill("5");
  await superAdmin.getByRole("button", { name: "Show the effect" }).click();
  await superAdmin.getByRole("dialog").getByRole("button", { name: "Change" }).click();
  await expect.poll(call, { timeout: 10_000 }).toBe(200);
});

test("the admin exports a report as PDF, and shares it by a link that ends", async () => {
  await go(superAdmin, `${home}/usageExports?period=7d`);
  await superAdmin.getByRole("button", { name: "Create the export" }).click();
  await superAdmin.getByRole("button", { name: "Download" }).waitFor({ timeout: 60_000 });
  const [download] = await Promise.all([superAdmin.waitForEvent("download"), superAdmin.getByRole("button", { name: "Download" }).first().click()]);
  report = await readFile(await download.path());
  await superAdmin.getByRole("button", { name: "Share" }).first().click();
  await superAdmin.getByRole("button", { name: "Create the link" }).click();
  const secret = superAdmin.getByText(/\/console\/report#mrr-/);
  await secret.waitFor();
  link = (await secret.textContent()) ?? "";
});

test("a finance person opens the link, finds the cost by group, and verifies the PDF, all without signing in", async () => {
  const { page, problems } = await open(browser);
  await page.goto(link);
  await page.getByText("Genuine", { exact: true }).waitFor();
  await page.getByRole("region", { name: "Groups" }).getByText("Without a group").waitFor();
  await page.goto(`${console_}verify`);
  await page.getByText("Drop the PDF here").waitFor();
  await page.locator("input[type=file]").setInputFiles({ name: "usage.pdf", mimeType: "application/pdf", buffer: report });
  await page.getByText("Genuine", { exact: true }).waitFor();
  await page.getByText(company).waitFor();
  const hash = (await page.locator("code").filter({ hasText: /^[0-9a-f]{64}$/ }).first().textContent()) ?? "";
  await page.getByLabel("Hash in the footer", { exact: true }).fill(hash.slice(0, 12).toUpperCase());
  await page.getByText("The page belongs to this file.").waitFor();
  expect(problems).toEqual([]);
});
