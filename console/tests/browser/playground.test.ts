import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { go, home, launch, openAs } from "./support";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

test("a call is answered, costs something, and is the person's own", async () => {
  const { page, problems } = await openAs(browser, "emma");
  await go(page, `${home}/playground?model=gpt-4o-mini`);
  await page.getByRole("textbox", { name: "Prompt" }).fill("Say hello.");
  await page.keyboard.press("Control+Enter");
  await page.getByRole("link", { name: "All about it" }).click({ timeout: 30_000 });
  await page.getByRole("heading", { name: "gpt-4o-mini" }).waitFor();
  await page.getByText("Charged").waitFor();
  await page.getByRole("link", { name: "Playground" }).last().waitFor();
  expect(problems).toEqual([]);
});

test("the next session takes the same key, with another secret", async () => {
  const { page } = await openAs(browser, "emma");
  await go(page, `${home}/playground?model=gpt-4o-mini`);
  await page.getByRole("textbox", { name: "Prompt" }).fill("Say hello again.");
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByRole("link", { name: "All about it" }).waitFor({ timeout: 30_000 });
  await go(page, `${home}/apiKeys?q=Playground`);
  expect(await page.getByRole("region", { name: "API keys" }).getByRole("link", { name: "Playground" }).count()).toBe(1);
});

test("a refusal says why", async () => {
  const { page } = await openAs(browser, "emma");
  await go(page, `${home}/playground?model=no-such-model`);
  await page.getByRole("textbox", { name: "Prompt" }).fill("Hello");
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByText("The call was refused").waitFor();
  await page.getByText(/404/).waitFor();
  await page.getByText("There is no such model").first().waitFor();
});
