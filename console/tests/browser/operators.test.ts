import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { go, home, launch, openAs, openAsOperator, settled } from "./support";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

test("an operator finds the pages of operators, creates an organization, and sees which one a confirmation is about", async () => {
  const id = `created-${Date.now()}`;
  const { page, problems } = await openAsOperator(browser);
  await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Pages of operators" }).click();
  await settled(page);
  await page.getByRole("button", { name: "Create an organization" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("Globex");
  await dialog.getByLabel("Id", { exact: true }).fill(id);
  await dialog.getByRole("button", { name: "Create" }).click();
  await page.getByRole("heading", { name: "Globex", level: 1 }).waitFor();
  expect(new URL(page.url()).pathname).toMatch(new RegExp(`/operators/organizations/${id}$`));
  for (const name of ["Suspend", "Grant credit", "Set the credit line", "Sign-in link"]) {
    await page.getByRole("button", { name, exact: true }).click();
    await page.getByRole("dialog").getByText(`Globex (${id})`).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "hidden" });
  }
  expect(problems).toEqual([]);
});

test("who signed in with a link is not asked whether they operate", async () => {
  const { page, problems } = await openAs(browser, "olivia");
  expect(await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Pages of operators" }).count()).toBe(0);
  expect(problems).toEqual([]);
});

test("the confirmation before a key is deleted names it", async () => {
  const { page } = await openAs(browser, "olivia");
  await go(page, `${home}/apiKeys/emma-default`);
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await page.getByRole("dialog").getByText("emma-default").waitFor();
});
