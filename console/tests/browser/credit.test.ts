import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { admin, go, home, launch, open, openAs, openAsOperator, variable } from "./support";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

/** Makes reasons that an earlier run has not used. */
const stamp = Date.now().toString(36);
const operators = `${variable("MEGAROUTER_CONSOLE_URL")}operators`;

test("a top-up says its effect first, is posted once, and is the first in the ledger", async () => {
  const reason = `发票 ${stamp}`;
  const { page, problems } = await openAs(browser, "olivia");
  await go(page, `${home}/credit`);
  await page.getByRole("link", { name: "Top up" }).click();
  await page.getByLabel("Amount in credits").fill("12.5");
  await page.getByLabel("Reason").fill(reason);
  await page.getByText(/The balance changes from [\d,.]+ to [\d,.]+ credits/).waitFor();
  await page.getByRole("button", { name: "Add 12.50 credits" }).click();
  await page.getByRole("heading", { level: 1, name: /^Top-up, ledger no\./ }).waitFor();
  await page.getByText(reason).waitFor();
  const postings = page.getByRole("region", { name: "Postings" });
  await postings.getByRole("row", { name: "Credit pool +12.500000000" }).waitFor();
  await postings.getByRole("row", { name: "Top-ups −12.500000000" }).waitFor();

  await go(page, `${home}/credit`);
  const first = page.getByRole("region", { name: "Ledger" }).getByRole("row").nth(1);
  expect(await first.textContent()).toContain(reason);
  expect(problems).toEqual([]);
});

test("the ledger is read page by page, newest and oldest first", async () => {
  const { page } = await openAs(browser, "olivia");
  const numbers = async (): Promise<readonly number[]> => (await page.getByRole("region", { name: "Ledger" }).getByRole("row").getByRole("link").allTextContents()).map((text) => Number(text.replaceAll(",", "")));
  await go(page, `${home}/credit`);
  const newest = await numbers();
  await page.getByRole("button", { name: "Next" }).click();
  await expect.poll(async () => (await numbers())[0]).toBe((newest.at(-1) ?? 0) - 1);
  await go(page, `${home}/credit?order=oldest`);
  await expect.poll(async () => (await numbers()).slice(0, 3)).toEqual([1, 2, 3]);
});

test("a top-up beyond the credit line becomes a request, which an operator rejects with a reason", async () => {
  const reason = `beyond ${stamp}`;
  const { page } = await openAs(browser, "olivia");
  await go(page, `${home}/new/topUp`);
  await page.getByLabel("Amount in credits").fill("20000000");
  await page.getByLabel("Reason").fill(reason);
  await page.getByText("This is beyond the credit line").waitFor();
  await page.getByRole("button", { name: "Add 20,000,000.00 credits" }).click();
  await page.getByRole("heading", { level: 1, name: "Top-up of 20,000,000.00" }).waitFor();

  const { page: operator } = await openAsOperator(browser);
  await go(operator, `${operators}/topUpRequests`);
  await operator.getByRole("row", { name: new RegExp(reason) }).getByRole("button", { name: "Reject" }).click();
  const dialog = operator.getByRole("dialog");
  expect(await dialog.getByRole("button", { name: "Reject" }).isDisabled()).toBe(true);
  await dialog.getByLabel("Reason").fill("too much at once");
  await dialog.getByRole("button", { name: "Reject" }).click();
  await operator.getByText("The request is rejected.").waitFor();

  await page.getByText("too much at once").waitFor();
});

/** Another line than that of an earlier run. */
const line = 10_000_000 + (Date.now() % 1_000_000);

test("an operator grants credit and raises the credit line, and the audit log has both", async () => {
  const reason = `goodwill ${stamp}`;
  const { page, problems } = await openAsOperator(browser);
  await go(page, `${operators}/organizations/acme`);
  await page.getByRole("button", { name: "Grant credit" }).click();
  await page.getByRole("dialog").getByLabel("Amount in credits").fill("5");
  await page.getByRole("dialog").getByLabel("Reason").fill(reason);
  await page.getByRole("dialog").getByRole("button", { name: "Grant" }).click();
  await page.getByText("The credit is granted.").waitFor();
  await page.getByRole("button", { name: "Set the credit line" }).click();
  await page.getByLabel("Line in credits").fill("1");
  await page.getByText(/It cannot be below what is used/).waitFor();
  await page.getByLabel("Line in credits").fill(String(line));
  await page.getByRole("dialog").getByRole("button", { name: "Set the credit line" }).click();
  await page.getByText("The credit line is set.").waitFor();
  await page.getByText(line.toLocaleString("en-US"), { exact: true }).first().waitFor();
  await go(page, `${operators}/auditLog?organization=acme`);
  const entries = page.getByRole("region", { name: "Audit log of the operators" });
  await entries.getByRole("row", { name: /GrantCredit/ }).first().waitFor();
  await entries.getByRole("row", { name: /SetCreditLine/ }).first().getByRole("button", { name: "Show" }).click();
  await page.getByRole("dialog").getByText("creditLine.lineNanoCredits").waitFor();
  expect(problems).toEqual([]);
});

test("an operator suspends an account, restores it, and makes a link that signs a member in", async () => {
  const id = `suspended-${stamp}`;
  await admin("POST", `organizations?organizationId=${id}`, { displayName: `停用 ${stamp}` });
  const { page, problems } = await openAsOperator(browser);
  await go(page, `${operators}/organizations/${id}`);
  await page.getByRole("button", { name: "Suspend" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Suspend" }).click();
  await page.getByText("The account is suspended.").waitFor();
  expect((await admin("GET", `organizations/${id}`)).state).toBe("STATE_SUSPENDED");
  await page.getByRole("button", { name: "Restore" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Restore" }).click();
  await page.getByText("The account is restored.").waitFor();
  await page.getByRole("button", { name: "Suspend" }).waitFor();

  await go(page, `${operators}/organizations/acme`);
  await page.getByRole("button", { name: "Sign-in link" }).click();
  await page.getByLabel("Id of the member").fill("lucas");
  await page.getByLabel("How long it can be used").selectOption({ label: "10 minutes" });
  await page.getByRole("dialog").getByRole("button", { name: "Create the link" }).click();
  const link = (await page.getByRole("dialog").getByText(/#mrl-/).textContent()) ?? "";
  const { page: member } = await open(browser);
  await member.goto(link);
  await member.getByRole("button", { name: /Lucas/ }).waitFor();
  expect(problems).toEqual([]);
});

test("an operator links an identity to a member", async () => {
  const { page, problems } = await openAsOperator(browser);
  await go(page, `${operators}/organizations/acme`);
  await page.getByRole("button", { name: "Link an identity" }).click();
  await page.getByLabel("Id of the member").fill("lucas");
  await page.getByLabel("Subject").fill(`lucas-at-staff-${stamp}`);
  await page.getByRole("dialog").getByRole("button", { name: "Link", exact: true }).click();
  await page.getByText("The identity is linked.").waitFor();
  expect(problems).toEqual([]);
});

test("a statement adds up, and is divided by group or member", async () => {
  const { page } = await openAs(browser, "olivia");
  await go(page, `${home}/creditStatement`);
  await page.getByRole("heading", { name: "What moved" }).waitFor();
  await page.getByText("By member", { exact: true }).click();
  await page.getByRole("heading", { name: "Charges of calls" }).waitFor();
  await expect.poll(() => page.url()).toContain("by=member");
  await page.getByRole("button", { name: "The month before" }).click();
  await expect.poll(() => page.url()).toMatch(/month=\d{4}-\d{2}/);
});
