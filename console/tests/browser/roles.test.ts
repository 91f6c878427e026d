import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { go, home, launch, openAs, variable } from "./support";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

test("a member sees only their own keys and themselves", async () => {
  const { page } = await openAs(browser, "emma");
  await go(page, `${home}/apiKeys`);
  expect(await page.getByText("olivia-admin").count()).toBe(0);
  await page.getByRole("link", { name: "emma-default" }).waitFor();
  await go(page, `${home}/people`);
  expect(await page.getByRole("region", { name: "Members" }).getByRole("row").count()).toBe(2);
});

test.each(["/apiKeys/olivia-admin", "/members/olivia", "/groups/sales"])("a member who types the address %s sees nothing of it", async (path) => {
  const { page } = await openAs(browser, "emma");
  await go(page, home + path);
  await page.getByText("You may not see or do this.").waitFor();
});

test("a member learns that the credit is not theirs to see, and the home shows their own spend instead", async () => {
  const { page } = await openAs(browser, "emma");
  await page.getByText(/^Spent since/).waitFor();
  expect(await page.getByText("Credit balance").count()).toBe(0);
  expect(await page.getByText("Top movers").count()).toBe(0);
  await go(page, `${home}/credit`);
  await page.getByText("You may not see the credit").waitFor();
});

test.each([
  ["/auditLogEntries", "You may not see the audit log"], ["/notificationRules", "You may not see the rules"], ["/notificationChannels", "You may not see the channels"],
  ["/notificationDeliveries", "You may not see the deliveries"], ["/credentials", "You may not see the credentials"], ["/providerCredentials", "You may not see the organization's own keys"], ["/creditStatement", "You may not see the credit"],
  ["/signInLinks", "You may not see the sign-in links"],
])("a member who types the address %s learns that it is not theirs to see", async (path, sentence) => {
  const { page } = await openAs(browser, "emma");
  await go(page, home + path);
  await page.getByText(sentence).waitFor();
});

test("a member sees the models and why routing would choose one, and cannot change the policy", async () => {
  const { page } = await openAs(browser, "emma");
  await go(page, `${home}/routingPolicies?caller=members/emma&model=auto`);
  await page.getByText(/would serve the call/).waitFor();
  expect(await page.getByRole("button", { name: "Save the policy" }).isDisabled()).toBe(true);
  await page.getByText("Only Super Admins change the policy of the organization.").waitFor();
});

test.each(["", "/organizations/acme", "/topUpRequests", "/auditLog", "/providers", "/new/provider", "/models/gpt-4o", "/listenerLimits", "/configurationVersions"])("a Super Admin who signed in with a link sees nothing of the operators' page %s", async (path) => {
  const { page } = await openAs(browser, "olivia");
  await go(page, `${variable("MEGAROUTER_CONSOLE_URL")}operators${path}`);
  await page.getByRole("heading", { name: "These pages are for operators" }).waitFor();
});

test.each(["emma", "liam"])("%s is offered no page of own keys at providers", async (member) => {
  const { page } = await openAs(browser, member);
  await go(page, `${home}/models`);
  expect(await page.getByRole("navigation", { name: "Models" }).getByRole("link").allTextContents()).toEqual(["Catalog", "Virtual models", "Routing", "Providers"]);
  await go(page, `${home}/providerCredentials`);
  await page.getByText("You may not see the organization's own keys").waitFor();
  expect(await page.getByRole("table").count()).toBe(0);
});

test("another organization in the address leads to one's own", async () => {
  const { page } = await openAs(browser, "emma");
  await go(page, home.replace("/acme", "/other"));
  await page.getByText("You may not see or do this.").waitFor();
});

test("an admin of a group sees the group, and not the one beside it", async () => {
  const { page } = await openAs(browser, "liam");
  await go(page, `${home}/groups`);
  await page.getByRole("link", { name: "Engineering" }).first().waitFor();
  await go(page, `${home}/groups/sales`);
  await page.getByText("You may not see or do this.").waitFor();
});

test("a member has no way to what only admins do", async () => {
  const { page } = await openAs(browser, "emma");
  await go(page, `${home}/people`);
  const tabs = page.getByRole("navigation", { name: "Organization" });
  expect(await tabs.getByRole("link").allTextContents()).toEqual(["People", "Groups", "Guardrails"]);
  expect(await page.getByRole("link", { name: "Invite people" }).count()).toBe(0);
  await go(page, `${home}/groups`);
  expect(await page.getByRole("button", { name: "Create a group" }).isDisabled()).toBe(true);
});

test.each(["/invites", "/serviceAccounts"])("a member who types the address %s sees no list", async (path) => {
  const { page } = await openAs(browser, "emma");
  await go(page, home + path);
  expect(await page.getByRole("table").count()).toBe(0);
});

test("an admin of a group changes what is below it, and not the group itself", async () => {
  const { page } = await openAs(browser, "liam");
  await go(page, `${home}/groups`);
  await page.getByRole("button", { name: "Actions for Engineering" }).click();
  await page.getByText("Only admins above this group change it.").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Actions for Platform" }).click();
  expect(await page.getByRole("menuitem", { name: "Rename…" }).isEnabled()).toBe(true);
  await go(page, `${home}/guardrails/group-engineering`);
  await page.getByText("Only admins above change them.").waitFor();
});

test("who signed in with a link is told why there are no tokens to manage", async () => {
  const { page } = await openAs(browser, "emma");
  await go(page, `${home}/profile`);
  await page.getByText("which manages no tokens").waitFor();
});
