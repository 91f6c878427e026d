import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { go, home, launch, openAs, settled, variable } from "./support";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

/** Makes names that an earlier run has not used. */
const stamp = Date.now().toString(36);

test("a channel shows its secret once, and a test shows what the receiver answered", async () => {
  const name = `Receiver ${stamp}`;
  const { page, problems } = await openAs(browser, "olivia");
  await go(page, `${home}/new/notificationChannel`);
  await page.getByLabel("Kind").selectOption({ label: "Callback URL" });
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("URL of your receiver").fill(`${variable("MEGAROUTER_INBOX_URL")}/hook`);
  await page.getByRole("button", { name: "Add the channel" }).click();
  const secret = (await page.getByText(/^whsec_/).textContent()) ?? "";
  expect(secret.length).toBeGreaterThan(20);
  await page.getByRole("link", { name: "Open the channel to send a test" }).click();
  await page.getByRole("heading", { level: 1, name }).waitFor();
  expect(await page.content()).not.toContain(secret);

  await page.getByRole("button", { name: "Send a test" }).click();
  const attempt = page.getByRole("status").filter({ hasText: "Attempt 1" });
  await attempt.waitFor();
  await attempt.getByText(/^Status 2\d\d$/).waitFor();
  await go(page, `${home}/notificationDeliveries`);
  await page.getByRole("row", { name: new RegExp(name) }).getByRole("link").first().click();
  await page.getByRole("heading", { name: "Attempts" }).waitFor();
  await page.getByRole("button", { name: "Send it again" }).click();
  await page.getByText("Attempt 2").waitFor();

  await go(page, `${home}/notificationChannels`);
  await page.getByRole("link", { name }).click();
  await page.getByRole("button", { name: "New secret" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Create a new secret" }).click();
  await page.getByText("Copy the secret now").waitFor();
  expect(await page.getByText(/^whsec_/).textContent()).not.toBe(secret);
  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.getByText("The channel is deleted.").waitFor();
  expect(problems).toEqual([]);
});

test("an address inside the network is refused, and the form says which field is wrong", async () => {
  const { page } = await openAs(browser, "olivia");
  await go(page, `${home}/new/notificationChannel`);
  await page.getByLabel("Name").fill("Inside");
  await page.getByLabel("URL of the webhook").fill("https://10.0.0.1/hook");
  await page.getByRole("button", { name: "Add the channel" }).click();
  await page.getByText("This request is not valid. Correct it and try again.").waitFor();
  expect(await page.getByLabel("URL of the webhook").getAttribute("aria-invalid")).toBe("true");
});

test("a rule is tried on the last 30 days before it is added, and changed and deleted after that", async () => {
  const name = `规则 ${stamp}`;
  const { page, problems } = await openAs(browser, "olivia");
  await go(page, `${home}/new/notificationRule`);
  await page.getByRole("button", { name: "Add the rule" }).click();
  await page.getByText("Give the rule a name.").waitFor();
  await page.getByRole("textbox", { name: "Name", exact: true }).fill(name);
  await page.getByLabel("All Super Admins").check();
  await page.getByRole("button", { name: "Try it on the last 30 days" }).click();
  await page.getByText(/The rule would have sent/).waitFor();
  await page.getByRole("button", { name: "Add the rule" }).click();
  await page.getByRole("heading", { level: 1, name }).waitFor();
  await page.getByText("80%, 100%").waitFor();

  await page.getByRole("link", { name: "Change" }).click();
  await page.getByLabel("How often").selectOption({ label: "Daily digest" });
  await page.getByLabel("Quiet hours, in which nothing is sent").check();
  await page.getByRole("button", { name: "Save the rule" }).click();
  await page.getByText("Daily digest").waitFor();
  await page.getByText(/^22:00–07:00 \(.+\); alerts pass$/).waitFor();
  await page.getByRole("button", { name: "Switch off" }).click();
  await page.getByRole("button", { name: "Switch on" }).waitFor();
  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.getByText("The rule is deleted.").waitFor();
  await page.getByRole("heading", { level: 1, name: "Alerts" }).waitFor();
  expect(problems).toEqual([]);
});

test("alerts by e-mail are switched off and on again", async () => {
  const { page, problems } = await openAs(browser, "noah");
  await go(page, `${home}/profile`);
  const byMail = page.getByRole("switch", { name: "Send alerts by e-mail" });
  const save = page.locator("section").filter({ has: byMail }).getByRole("button", { name: "Save" });
  for (const isOn of [false, true]) {
    await byMail.setChecked(isOn);
    await save.click();
    await settled(page);
    await page.getByText("The preference was saved.").last().waitFor();
    await go(page, `${home}/calls`);
    await go(page, `${home}/profile`);
    expect(await byMail.isChecked()).toBe(isOn);
  }
  expect(problems).toEqual([]);
});
