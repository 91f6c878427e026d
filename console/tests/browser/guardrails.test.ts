import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { admin, go, home, launch, openAs, organization, settled } from "./support";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

test("a limit is changed after its effect was shown, and a refusal names it", async () => {
  const { page, problems } = await openAs(browser, "olivia");
  await go(page, `${home}/guardrails/member-noah`);
  await page.getByLabel("Budget in credits").fill("0");
  await page.getByRole("button", { name: "Another rate limit" }).click();
  await page.getByRole("textbox", { name: "Requests", exact: true }).last().fill("1000");
  await page.getByRole("button", { name: "Show the effect" }).click();
  await page.getByText("calls are refused at once").waitFor();
  expect((await admin("GET", `${organization}/guardrails/member-noah`)).budgetNanoCredits).not.toBe("0");
  await page.getByRole("dialog").getByRole("button", { name: "Change" }).click();
  await page.getByText("The guardrail was changed.").waitFor();
  await go(page, `${home}/explain?member=noah&model=gpt-4o`);
  await page.getByText("A call would be refused now").waitFor();
  await page.getByText("budget_exhausted").waitFor();
  await page.getByText("Stops the call").waitFor();
  expect(problems).toEqual([]);
});

test("limits are raised for a while, and end by themselves", async () => {
  const { page } = await openAs(browser, "olivia");
  await go(page, `${home}/guardrails/group-sales`);
  await page.getByRole("button", { name: "Change for a while…" }).click();
  const end = new Date(Date.now() + 24 * 3600_000).toISOString().slice(0, 16);
  await page.getByLabel("Until").fill(end);
  await page.getByRole("dialog").getByLabel("Budget in credits").fill("500");
  await page.getByRole("dialog").getByRole("button", { name: "Change" }).click();
  await page.getByText("The limits were changed for a while.").waitFor();
  await settled(page);
  await page.getByText("Temporary budget").waitFor();
  expect((await admin("GET", `${organization}/guardrails/group-sales`)).temporaryLimit).toMatchObject({ budgetNanoCredits: "500000000000" });
});

test("the limits that apply from above are on the page of a key", async () => {
  const { page } = await openAs(browser, "emma");
  await go(page, `${home}/guardrails/apikey-emma-default`);
  await page.getByRole("heading", { name: "Limits above" }).waitFor();
  for (const name of ["Emma Fischer", "Engineering", "Acme"]) await page.getByRole("link", { name, exact: true }).waitFor();
});

test("a default is saved, and what applying it would change is shown first", async () => {
  const { page } = await openAs(browser, "olivia");
  await go(page, `${home}/guardrailDefaults/group-support`);
  await page.getByRole("group", { name: "New keys" }).getByLabel("Budget in credits").fill("50");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("The default was saved.").waitFor();
  await settled(page);
  await page.getByRole("button", { name: "Apply to those who exist…" }).click();
  await page.getByRole("dialog").getByText("Limits that somebody set stay.").waitFor();
});

test("a member reads why a call was refused, without the figures of others", async () => {
  const { page } = await openAs(browser, "emma");
  await go(page, `${home}/explain?member=emma&model=no-such-model`);
  await page.getByText("A call would be refused now").waitFor();
});

test("a wrong amount is said in the field, before the service is asked", async () => {
  const { page } = await openAs(browser, "olivia");
  await go(page, `${home}/guardrails/group-marketing`);
  await page.getByLabel("Budget in credits").fill("a lot");
  await page.getByText("Write an amount such as 25 or 0.5.").waitFor();
  expect(await page.getByRole("button", { name: "Show the effect" }).isDisabled()).toBe(true);
});
