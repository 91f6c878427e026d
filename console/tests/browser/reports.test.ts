import { readFile } from "node:fs/promises";

import axe from "axe-core";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { go, home, launch, linkFor, open, openAs, settled, variable } from "./support";

let browser: Browser;
let pdf: Buffer;
let link: string;
beforeAll(async () => {
  browser = await launch();
  const { page } = await openAs(browser, "olivia");
  await go(page, `${home}/usageExports?period=7d`);
  await page.getByRole("button", { name: "Create the export" }).click();
  await page.getByRole("button", { name: "Download" }).first().waitFor({ timeout: 60_000 });
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Download" }).first().click()]);
  pdf = await readFile(await download.path());
  await page.getByRole("button", { name: "Share by link" }).first().click();
  await page.getByRole("button", { name: "Create the link" }).click();
  const secret = page.getByText(/\/console\/report#mrr-/);
  await secret.waitFor();
  link = (await secret.textContent()) ?? "";
}, 120_000);
afterAll(() => browser.close());

async function check(page: Page, content: Buffer): Promise<void> {
  await page.goto(`${variable("MEGAROUTER_CONSOLE_URL")}verify`);
  await page.getByText("Drop the PDF here").waitFor();
  await page.locator("input[type=file]").setInputFiles({ name: "usage.pdf", mimeType: "application/pdf", buffer: content });
}

test("a report that the deployment signed is genuine, without a sign-in, and says what it says", async () => {
  const { page, problems } = await open(browser);
  await check(page, pdf);
  await page.getByText("Genuine", { exact: true }).waitFor();
  await page.getByRole("region", { name: "Groups" }).waitFor();
  await page.evaluate(axe.source);
  const found = await page.evaluate(async () => (await (window as unknown as { axe: typeof axe }).axe.run(document)).violations.map(({ id }) => id));
  expect([found, problems]).toEqual([[], []]);
});

test.each([
  ["a byte of its pages", (content: Buffer) => { content[2000] = (content[2000] ?? 0) ^ 1; return content; }],
  ["something appended", (content: Buffer) => Buffer.concat([content, Buffer.from("\n% more\n")])],
])("a report with %s changed is not genuine", async (_, change) => {
  const { page } = await open(browser);
  await check(page, change(Buffer.from(pdf)));
  await page.getByText("Altered", { exact: true }).or(page.getByText(/was altered or damaged/)).waitFor();
  expect(await page.getByText("Genuine", { exact: true }).count()).toBe(0);
});

/** The file without its signature, as a deployment makes it that does not sign. */
function unsigned(content: Buffer): Buffer {
  const end = content.indexOf("%%EOF", content.indexOf("\nstartxref\n")) + "%%EOF\n".length;
  return Buffer.from(content.subarray(0, end));
}

async function withoutCertificates(page: Page): Promise<void> {
  await page.route("**/.well-known/megarouter", async (route) => {
    const { report_certificates: _, ...rest } = (await (await route.fetch()).json()) as Record<string, unknown>;
    await route.fulfill({ json: rest });
  });
}

test.each([
  ["is as it was made", (content: Buffer) => content],
  ["has changed pages", (content: Buffer) => { content[content.indexOf("/Type/Page/") + 1] = 0x58; return content; }],
])("a report without a signature that %s proves nothing, and the page says so before and after", async (_, change) => {
  const { page, problems } = await open(browser);
  await withoutCertificates(page);
  await check(page, change(unsigned(pdf)));
  await page.getByText("This deployment does not sign its reports").waitFor();
  await page.getByText("Not signed: the file proves nothing").waitFor();
  await page.getByText("What it claims").waitFor();
  const hash = (await page.locator("code").filter({ hasText: /^[0-9a-f]{64}$/ }).first().textContent()) ?? "";
  await page.getByLabel("Hash in the footer", { exact: true }).fill(hash.slice(0, 12));
  await page.getByText("The page has the same hash. That proves nothing").waitFor();
  expect(await page.getByText("Genuine", { exact: true }).count()).toBe(0);
  await page.getByRole("link", { name: "Go to the console" }).click();
  await page.getByRole("heading", { name: "Sign in to MegaRouter" }).waitFor();
  expect(problems).toEqual([]);
});

test("the form of an export promises only what reports of the deployment can prove", async () => {
  const { page } = await openAs(browser, "olivia");
  await go(page, `${home}/usageExports`);
  await page.getByText("so everyone can check that it is genuine").or(page.getByText("It is not signed")).waitFor();
  const { page: other } = await open(browser);
  await withoutCertificates(other);
  await other.goto(await linkFor("olivia"));
  await other.getByRole("navigation").first().waitFor();
  await go(other, `${home}/usageExports`);
  await other.getByText("It is not signed, so only members").waitFor();
});

test("what is no report is refused", async () => {
  const { page } = await open(browser);
  await check(page, Buffer.from("%PDF-1.7\nnothing"));
  await page.getByText(/this is no usage report/).waitFor();
});

test("a link opens the report without a sign-in, leaves no secret in the address, and signs nobody in", async () => {
  const { page, problems } = await open(browser);
  await page.goto(link);
  await page.getByText("Genuine", { exact: true }).waitFor();
  expect(page.url()).not.toContain("mrr-");
  // The link's end is by the clocks of the report.
  await page.getByText(/The link works until .* \(Europe\/Berlin\)\./).waitFor();
  expect(await page.evaluate(() => [window.localStorage.length, window.sessionStorage.length])).toEqual([0, 0]);
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Download the PDF" }).click()]);
  expect((await readFile(await download.path())).equals(pdf)).toBe(true);
  await go(page, `${home}/analytics`);
  await page.getByRole("heading", { name: "Sign in to MegaRouter" }).waitFor();
  expect(problems).toEqual([]);
});

test("a link that was changed opens nothing, and says so", async () => {
  const { page } = await open(browser);
  await page.goto(`${link.slice(0, -1)}${link.endsWith("0") ? "1" : "0"}`);
  await page.getByText("This link has ended").waitFor();
});

test("someone else's exports are not listed", async () => {
  const { page } = await openAs(browser, "emma");
  await go(page, `${home}/usageExports`);
  await page.getByText("No exports").waitFor();
});

test("a signed-in member compares a report with the ledger", async () => {
  const { page } = await openAs(browser, "olivia");
  await go(page, `${variable("MEGAROUTER_CONSOLE_URL")}verify`);
  await page.locator("input[type=file]").setInputFiles({ name: "usage.pdf", mimeType: "application/pdf", buffer: pdf });
  await page.getByRole("button", { name: "Compare with the ledger" }).click();
  await page.getByText(/Its figures are what the ledger has|It was right/).waitFor({ timeout: 60_000 });
  await settled(page);
});
