import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { admin, go, home, launch, openAs, openAsOperator, organization, settled, variable } from "./support";

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
  await page.getByText("calls are refused immediately").waitFor();
  expect((await admin("GET", `${organization}/guardrails/member-noah`)).budgetNanoCredits).not.toBe("0");
  await page.getByRole("dialog").getByRole("button", { name: "Change" }).click();
  await page.getByText("The guardrail was changed.").waitFor();
  await go(page, `${home}/explain?member=noah&model=gpt-4o`);
  await page.getByText("A call would be refused now").waitFor();
  await page.getByText("budget_exhausted").waitFor();
  await page.getByText("A budget is spent").first().waitFor();
  await page.getByText("credits are left, too little for this call.").waitFor();
  await page.getByText("Stops the call").waitFor();
  expect(problems).toEqual([]);
});

test("refused calls are found by their reason, and lead to the limits of their key", async () => {
  const { secret, apiKey } = await admin("POST", `${organization}/apiKeys?budgetNanoCredits=1`, { displayName: "refused" }) as { secret: string; apiKey: { name: string } };
  const answer = await fetch(`${variable("MEGAROUTER_BASE_URL")}/v1/chat/completions`, {
    method: "POST", headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" }, body: JSON.stringify({ model: "gpt-4o-mini", messages: [{ role: "user", content: "Hello!" }] }),
  });
  expect(answer.status).toBe(402);
  const { page, problems } = await openAsOperator(browser);
  const refused = page.getByRole("region", { name: "Refused calls" });
  await expect.poll(async () => {
    await go(page, `${home}/guardrails`);
    await page.waitForTimeout(15_000);
    await go(page, `${home}/explain?key=${apiKey.name.split("/").at(-1) ?? ""}`);
    return refused.getByRole("row", { name: /A budget is spent/ }).count();
  }, { timeout: 80_000, interval: 1_000 }).toBe(1);
  // By the name of the key, not by the id of its guardrail.
  await refused.getByRole("link", { name: "refused", exact: true }).waitFor();
  await go(page, `${home}/explain`);
  await refused.getByRole("link", { name: "refused" }).first().click();
  await page.waitForURL(/explain\?key=/);
  expect(problems).toEqual([]);
});

test("a budget with a cycle counts only what was spent in that cycle, and its effect says so", async () => {
  const { page } = await openAs(browser, "olivia");
  const counted = async (cycle: string): Promise<string> => {
    await page.getByLabel("The budget starts again").selectOption({ label: cycle });
    await page.getByRole("button", { name: "Show the effect" }).click();
    const text = (await page.getByRole("dialog").getByText(/Counted toward this budget|so all that was ever spent counts/).textContent()) ?? "";
    await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    return text;
  };
  await go(page, `${home}/guardrails/group-web`);
  await page.getByLabel("Budget in credits").fill("1000000");
  expect(await counted("Never")).toMatch(/all that was ever spent counts: [1-9]/);
  expect(await counted("Daily")).toMatch(/Counted toward this budget: [\d.,]+ of 1,000,000.00, spent since /);
  const amount = (text: string): number => Number(/: ([\d.,]+) of/.exec(text)?.[1]?.replaceAll(",", ""));
  expect(amount(await counted("Daily"))).toBeLessThan(amount(await counted("Never")));
});

test("a budget for some models has its own period and warns from an amount on", async () => {
  const { page, problems } = await openAs(browser, "olivia");
  await go(page, `${home}/guardrails/member-lena`);
  await page.getByLabel("Budget in credits").fill("50");
  await page.getByLabel("Warn from", { exact: true }).fill("40");
  await page.getByLabel("Warn from: unit").selectOption("credits");
  await page.getByRole("button", { name: "Another budget for some models" }).click();
  await page.getByRole("textbox", { name: "Models" }).last().fill("gpt-4o");
  await page.getByLabel("Budget in credits").last().fill("5");
  await page.getByLabel("Starts again", { exact: true }).selectOption({ label: "daily" });
  await page.getByLabel("Warn from", { exact: true }).last().fill("80");
  await page.getByRole("checkbox", { name: "Only report", exact: true }).check();
  await page.getByRole("button", { name: "Show the effect" }).click();
  await page.getByRole("dialog").getByText("5.00, daily, warns from 80% on, refuses nothing").waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Change" }).click();
  await page.getByText("The guardrail was changed.").waitFor();
  const changed = await admin("GET", `${organization}/guardrails/member-lena`);
  expect(changed).toMatchObject({ softBudget: { amountNanoCredits: "40000000000" }, modelBudgets: [{ models: "gpt-4o", cycle: "CYCLE_DAILY", softBudget: { percent: 80, softOnly: true } }] });
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
  await page.getByText("The temporary limits are set.").waitFor();
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
  await page.getByRole("button", { name: "Apply to existing ones…" }).click();
  await page.getByRole("dialog").getByText("Limits that someone set stay.").waitFor();
});

test("a member reads why a call was refused, without the figures of others", async () => {
  const { page } = await openAs(browser, "emma");
  await go(page, `${home}/explain?member=emma&model=no-such-model`);
  await page.getByText("A call would be refused now").waitFor();
});

test("a member reads their limits, without buttons that only admins may press", async () => {
  const { page } = await openAs(browser, "emma");
  await go(page, `${home}/guardrails/member-emma`);
  await page.getByText("Only admins above change them.").waitFor();
  await page.getByRole("link", { name: "Why was a call refused?" }).waitFor();
  expect(await page.locator("main").getByRole("button").count()).toBe(0);
});

test("a wrong amount is said in the field, before the service is asked", async () => {
  const { page } = await openAs(browser, "olivia");
  await go(page, `${home}/guardrails/group-marketing`);
  await page.getByLabel("Budget in credits").fill("a lot");
  await page.getByText("Enter an amount such as 25 or 0.5.").waitFor();
  expect(await page.getByRole("button", { name: "Show the effect" }).isDisabled()).toBe(true);
});
