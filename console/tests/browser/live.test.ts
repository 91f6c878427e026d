import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { admin, go, launch, openAs, openAsOperator, organization, settled, variable } from "./support";

const operators = `${variable("MEGAROUTER_CONSOLE_URL")}operators`;
let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());
/** As the catalog file says, without an own key. */
async function asAtFirst(): Promise<void> {
  await admin("POST", `${organization}/providerCredentials/openai:revoke`, {});
  await admin("POST", "listenerLimits:replace", {});
}
beforeEach(asAtFirst);
afterAll(asAtFirst);

function row(page: Page, table: string, text: string): Locator {
  return page.getByRole("region", { name: table }).getByRole("row").filter({ hasText: text });
}

test("a Super Admin sets the organization's own key, sees who set it, and removes it", async () => {
  const secret = `sk-own-${Date.now()}`;
  const { page, context, problems } = await openAs(browser, "olivia");
  await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Models" }).click();
  await page.getByRole("navigation", { name: "Models" }).getByRole("link", { name: "Own keys" }).click();
  const openai = row(page, "Own keys at providers", "openai");
  await openai.getByText("Gateway's").waitFor();
  await openai.getByRole("button", { name: "Set a key at OpenAI" }).click();
  const dialog = page.getByRole("dialog");
  const field = dialog.getByLabel("Key at OpenAI");
  expect(await field.getAttribute("type")).toBe("password");
  expect(await dialog.getByRole("button", { name: "Set the key" }).isDisabled()).toBe(true);
  await field.fill("short");
  await dialog.getByRole("button", { name: "Set the key" }).click();
  await dialog.getByRole("alert").waitFor();
  await field.fill(secret);
  await page.keyboard.press("Enter");
  await dialog.waitFor({ state: "hidden" });
  await openai.getByText("Your own").waitFor();
  await openai.getByText("Olivia Brandt").waitFor();
  expect(await page.content()).not.toContain(secret);
  await openai.getByRole("button", { name: "Replace the key at OpenAI" }).click();
  expect(await field.inputValue()).toBe("");
  await field.fill(secret);
  await dialog.getByLabel("Other providers may serve with the gateway's key").check();
  await dialog.getByRole("button", { name: "Set the key" }).click();
  await openai.getByText("other providers: gateway's").waitFor();
  await openai.getByRole("button", { name: "Remove the key at OpenAI" }).click();
  await dialog.getByText("The next calls of the organization to OpenAI carry the gateway's key.").waitFor();
  await dialog.getByRole("button", { name: "Remove" }).click();
  await openai.getByText("Gateway's").waitFor();
  expect(JSON.stringify(await context.storageState())).not.toContain(secret);
  expect(problems.filter((problem) => !problem.includes("FIELD_INVALID") && !problem.includes("400"))).toEqual([]);
});

test("an operator sees an organization's own key and revokes it", async () => {
  await admin("POST", `${organization}/providerCredentials/openai:set`, { secret: "sk-of-the-organization" });
  const { page, problems } = await openAsOperator(browser);
  await go(page, `${operators}/${organization}`);
  const key = row(page, "Own keys at providers", "openai");
  expect(await key.getByRole("button").allTextContents()).toEqual(["Revoke…"]);
  await key.getByRole("button").click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("The audit log of the organization shows it").waitFor();
  await dialog.getByRole("button", { name: "Revoke" }).click();
  await page.getByText("It has none. All its calls carry the gateway's keys.").waitFor();
  expect(problems).toEqual([]);
});

test("an operator replaces a limit of the listeners, sees it, and finds the change among the versions", async () => {
  const { page, problems } = await openAsOperator(browser);
  await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Pages of operators" }).click();
  await page.getByRole("link", { name: "Live configuration" }).click();
  const tabs = page.getByRole("navigation", { name: "Live configuration" });
  await tabs.getByRole("link", { name: "Limits of listeners" }).click();
  const field = page.getByLabel("Connections to the model listener");
  await field.fill("9500");
  await page.getByText("Both kinds of connections are at most 10,000 together.").waitFor();
  const button = page.getByRole("button", { name: "Replace the limits" });
  expect(await button.isDisabled()).toBe(true);
  await field.fill("8,000");
  await page.keyboard.press("Enter");
  await page.getByText("These limits are in force.").waitFor();
  expect(await admin("GET", "listenerLimits")).toMatchObject({ modelConnections: 8000, adminConnections: 1000 });
  await tabs.getByRole("link", { name: "Versions" }).click();
  const change = row(page, "Versions of the live configuration", "Changed the limits of the listeners").first();
  await change.getByRole("button", { name: /^Show version/ }).click();
  await page.getByRole("dialog").getByText("Accepted").waitFor();
  await page.getByRole("dialog").getByRole("link", { name: "As it is now" }).click();
  await settled(page);
  expect(await field.inputValue()).toBe("8000");
  expect(problems).toEqual([]);
});

test("an operator adds a provider, offers a model there, changes it, and takes both back", async () => {
  const id = `gpus-${Date.now()}`;
  const { page, problems } = await openAsOperator(browser);
  await go(page, `${operators}/providers`);
  await page.getByRole("link", { name: "Add a provider" }).click();
  await page.getByRole("textbox", { name: "Id", exact: true }).fill(id);
  await page.getByRole("textbox", { name: "Name" }).fill("Our GPUs");
  await page.getByRole("button", { name: "Add the provider" }).click();
  await page.getByText("Enter at least one base URL.").waitFor();
  await page.getByLabel("Base URL for OpenAI's API").fill("http://127.0.0.1:9/v1");
  await page.getByRole("textbox", { name: "Credential" }).fill("the key of the GPUs");
  await page.getByRole("button", { name: "Add the provider" }).click();
  await page.getByRole("heading", { name: "Our GPUs", level: 1 }).waitFor();
  await page.getByText("Changed here").waitFor();
  await page.getByRole("button", { name: "Replace the credential" }).waitFor();

  await go(page, `${operators}/new/model`);
  await page.getByLabel("Name for calls").fill(`meta/llama-${id}`);
  const place = page.getByRole("group", { name: "Places that serve it" });
  await place.getByLabel("Provider").selectOption(id);
  await place.getByLabel("Its name there").fill("meta-llama/Llama-3.1-8B-Instruct");
  await page.getByLabel("Context in tokens").fill("131072");
  await page.getByLabel("Most output").fill("8192");
  await page.getByLabel("Reserved output").fill("1024");
  await page.getByLabel("Input", { exact: true }).fill("0.25");
  await page.getByLabel("Output", { exact: true }).fill("1");
  await page.getByRole("button", { name: "Offer the model" }).click();
  await page.getByRole("heading", { name: `meta/llama-${id}`, level: 1 }).waitFor();
  await page.getByRole("link", { name: "Change", exact: true }).click();
  await page.getByLabel("Region").fill("eu-west");
  await page.getByRole("button", { name: "Save the model" }).click();
  await page.getByRole("region", { name: "Places that serve it" }).getByText("eu-west").waitFor();
  await page.getByRole("heading", { name: "Prices, version 1" }).waitFor();
  expect(await page.getByRole("heading", { name: "Prices, version 2" }).count()).toBe(0);

  await go(page, `${operators}/providers/${id}`);
  const dialog = page.getByRole("dialog");
  await page.getByRole("button", { name: "Remove", exact: true }).click();
  await dialog.getByRole("button", { name: "Remove" }).click();
  await dialog.getByText(/The provider serves/).waitFor();
  await page.keyboard.press("Escape");
  await go(page, `${operators}/models/meta/llama-${id}`);
  await page.getByRole("button", { name: "Retire" }).click();
  await dialog.getByRole("button", { name: "Retire" }).click();
  await page.getByRole("link", { name: "Offer it again" }).waitFor();
  await go(page, `${operators}/providers/${id}`);
  await page.getByRole("button", { name: "Remove", exact: true }).click();
  await dialog.getByRole("button", { name: "Remove" }).click();
  await page.getByRole("heading", { name: "Live configuration" }).waitFor();
  expect(await page.getByText(id).count()).toBe(0);
  expect(problems.filter((problem) => !problem.includes("PROVIDER_IN_USE") && !problem.includes("400"))).toEqual([]);
});

test("an operator reads in the form and among the versions why Envoy refused a change", async () => {
  const id = `refused-${Date.now()}`;
  const { page } = await openAsOperator(browser);
  await go(page, `${operators}/new/provider`);
  await page.getByRole("textbox", { name: "Id", exact: true }).fill(id);
  await page.getByRole("textbox", { name: "Name" }).fill("Too long for Envoy");
  await page.getByLabel("Base URL for OpenAI's API").fill(`https://${["a", "b", "c", "d", "e"].map((letter) => letter.repeat(60)).join(".")}/v1`);
  await page.getByRole("textbox", { name: "Credential" }).fill("a key that is of no use");
  await page.getByRole("button", { name: "Add the provider" }).click();
  await page.getByRole("alert").getByText(/Envoy refused the changed configuration/).waitFor();
  expect(await page.getByRole("textbox", { name: "Name" }).inputValue()).toBe("Too long for Envoy");
  await go(page, `${operators}/configurationVersions`);
  const refused = row(page, "Versions of the live configuration", "Added a provider").filter({ hasText: id });
  await refused.getByText("Refused by Envoy").waitFor();
  await refused.getByRole("button").click();
  await page.getByRole("dialog").getByText("What Envoy said").waitFor();
  await page.getByRole("dialog").getByText(/at most 255 bytes/).waitFor();
});

test("what the catalog file says is not offered to be changed here", async () => {
  const { page } = await openAsOperator(browser);
  await go(page, `${operators}/providers/openai`);
  expect(await page.getByRole("button", { name: "Change", exact: true }).isDisabled()).toBe(true);
  expect(await page.getByRole("button", { name: "Remove", exact: true }).isDisabled()).toBe(true);
  await page.getByText("Change it in the catalog file.").waitFor();
  await go(page, `${operators}/models/gpt-4o`);
  expect(await page.getByRole("button", { name: "Retire" }).isDisabled()).toBe(true);
  for (const address of ["providers/openai/edit", "edit/models/gpt-4o"]) {
    await go(page, `${operators}/${address}`);
    await page.getByText("It comes from the catalog file").waitFor();
    expect(await page.locator("form").count()).toBe(0);
  }
});
