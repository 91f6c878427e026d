import { execFileSync } from "node:child_process";
import { join } from "node:path";

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { admin, go, home, launch, openAs, openAsOperator, organization, settled, variable } from "./support";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

/** Makes names that an earlier run has not used. */
const stamp = Date.now().toString(36);

async function call(key: string): Promise<number> {
  const answer = await fetch(`${variable("MEGAROUTER_BASE_URL")}/v1/chat/completions`, {
    method: "POST", headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "gpt-4o-mini", messages: [{ role: "user", content: "Hello!" }] }),
  });
  return answer.status;
}

const samples: readonly (readonly [string, readonly string[]])[] = [
  ["curl", ["sh", "-c"]], ["Python (OpenAI)", [join(import.meta.dirname, "../../../.venv/bin/python"), "-c"]],
  ["Python (Anthropic)", [join(import.meta.dirname, "../../../.venv/bin/python"), "-c"]], ["JavaScript", [process.execPath, "--input-type=module", "--eval"]],
];

test("the programs on the page of a key make a call and print its answer", async () => {
  const { secret, apiKey } = await admin("POST", `${organization}/apiKeys`, { displayName: `samples ${stamp}` }) as { secret: string; apiKey: { name: string } };
  const { page } = await openAsOperator(browser);
  await go(page, `${home}/apiKeys/${apiKey.name.split("/").at(-1) ?? ""}`);
  for (const [title, [program = "", ...options]] of samples) {
    await page.getByRole("tab", { name: title, exact: true }).click();
    const code = (await page.getByRole("region", { name: title, exact: true }).textContent()) ?? "";
    const printed = execFileSync(program, [...options, code], { env: { ...process.env, MEGAROUTER_API_KEY: secret }, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
    expect(printed.trim(), title).not.toBe("");
    expect(printed, title).not.toContain("error");
  }
});

test("a member makes a key, calls with it, sees the call, and disables the key", async () => {
  const name = `浏览器 ${stamp}`;
  const { page, problems } = await openAs(browser, "emma");
  await page.getByRole("link", { name: "Create an API key" }).first().click();
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Budget in credits").fill("5");
  await page.getByRole("button", { name: "Create the key" }).click();
  await page.getByText("Copy the key now").waitFor();
  const secret = (await page.getByText(/^mr-/).textContent()) ?? "";
  expect(await call(secret)).toBe(200);

  await page.getByRole("link", { name: "Open the key" }).click();
  await page.getByRole("heading", { level: 1, name }).waitFor();
  expect(await page.content()).not.toContain(secret);
  await expect.poll(async () => {
    await go(page, `${home}/calls`);
    return page.getByText(name).count();
  }, { timeout: 15_000, interval: 1_000 }).toBe(1);
  await page.getByRole("row", { name: new RegExp(name) }).getByRole("link").click();
  await page.getByRole("heading", { name: "What it cost" }).waitFor();

  await page.getByRole("link", { name }).click();
  await page.getByRole("button", { name: "Disable" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Disable" }).click();
  await page.getByRole("button", { name: "Enable" }).waitFor();
  await expect.poll(() => call(secret), { timeout: 5_000 }).toBe(401);
  expect(problems).toEqual([]);
});

test("a key that leaked gets another secret, and the old one is refused", async () => {
  const made = await admin("POST", `${organization}/apiKeys?apiKeyId=leaked-${stamp}`, { displayName: `leaked ${stamp}` });
  const { page, problems } = await openAs(browser, "olivia");
  await go(page, `${home}/apiKeys/leaked-${stamp}`);
  await page.getByRole("button", { name: "Rotate" }).click();
  await page.getByLabel("The old secret stays valid").selectOption("0");
  await page.getByRole("dialog").getByRole("button", { name: "Rotate" }).click();
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  const secret = (await page.getByText(/^mr-[\w-]{30,}$/).textContent()) ?? "";
  expect(secret).not.toBe(made.secret);
  await expect.poll(() => call(String(made.secret)), { timeout: 5_000 }).toBe(401);
  expect(await call(secret)).toBe(200);
  expect(problems).toEqual([]);
});

test("the form says what is wrong before it asks the service", async () => {
  const { page } = await openAs(browser, "emma");
  await go(page, `${home}/new/apiKey`);
  await page.getByLabel("Budget in credits").fill("a lot");
  await page.getByRole("button", { name: "Create the key" }).click();
  await page.getByText("Give the key a name.").waitFor();
  await page.getByText("Enter an amount such as 25 or 0.5.").waitFor();
});

test("what the service refuses is said with the id to quote", async () => {
  const { page } = await openAs(browser, "emma");
  await go(page, `${home}/new/apiKey`);
  await page.getByLabel("Name").fill("no such model");
  await page.getByRole("combobox", { name: "Only these models" }).fill("gpt-nonexistent-99");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Create the key" }).click();
  await page.getByText("Include this id when you ask for help:").waitFor();
});

test("the keyboard alone makes a key", async () => {
  const { page } = await openAs(browser, "emma");
  await page.keyboard.press("Control+k");
  await page.waitForFunction(() => document.activeElement?.getAttribute("role") === "combobox");
  await page.keyboard.type("create");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.activeElement?.getAttribute("name") === "key-name");
  await page.keyboard.type("keyboard");
  await page.keyboard.press("Enter");
  await page.getByText("Copy the key now").waitFor();
});

test("a list is narrowed by its address, and the address by the list", async () => {
  const { page } = await openAs(browser, "olivia");
  await go(page, `${home}/apiKeys?q=lucas&state=active`);
  await page.getByRole("row", { name: /lucas/ }).first().waitFor();
  expect(await page.getByRole("row").count()).toBe(2);
  await page.getByLabel("State").selectOption("disabled");
  await page.getByText("No key matches").waitFor();
  expect(new URL(page.url()).search).toBe("?q=lucas&state=disabled");
});

test("a deleted key is gone from the list", async () => {
  await admin("POST", `${organization}/apiKeys?apiKeyId=doomed-${stamp}`, { displayName: `doomed ${stamp}` });
  const { page } = await openAs(browser, "olivia");
  await go(page, `${home}/apiKeys/doomed-${stamp}`);
  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByText("it cannot be brought back").waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.getByRole("heading", { level: 1, name: "API keys" }).waitFor();
  await settled(page);
  expect(await page.getByText(`doomed ${stamp}`).count()).toBe(0);
});
