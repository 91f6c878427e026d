import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { admin, go, home, launch, openAs, openAsOperator, organization, settled, variable } from "./support";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

/** Makes names that an earlier run has not used. */
const stamp = Date.now().toString(36);

function dialog(page: Page) {
  return page.getByRole("dialog");
}

async function actOn(page: Page, group: string, act: string): Promise<void> {
  await page.getByRole("button", { name: `Actions for ${group}`, exact: true }).click();
  await page.getByRole("menuitem", { name: act }).click();
}

test("a group is created, moved after its effect was shown, renamed and deleted", async () => {
  const { page, problems } = await openAs(browser, "olivia");
  const name = `新组 ${stamp} ${"x".repeat(150)}`;
  await go(page, `${home}/groups`);
  await page.getByRole("button", { name: "Create a group" }).click();
  await dialog(page).getByRole("textbox", { name: "Name" }).fill(name);
  await dialog(page).getByRole("textbox", { name: "Id" }).fill(`g-${stamp}`);
  await dialog(page).getByRole("button", { name: "Create" }).click();
  await page.getByRole("link", { name }).waitFor();

  await actOn(page, name, "Move…");
  await page.getByLabel("New place").selectOption(`${organization}/groups/engineering`);
  await dialog(page).getByText("Applies from now on").waitFor();
  await dialog(page).getByText("Liam Novak").waitFor();
  await dialog(page).getByRole("button", { name: "Move", exact: true }).click();
  await page.getByText("The group was moved.").waitFor();
  expect((await admin("GET", `${organization}/groups/g-${stamp}`)).parentGroup).toBe(`${organization}/groups/engineering`);

  await actOn(page, name, "Rename…");
  await dialog(page).getByRole("textbox", { name: "Name" }).fill(`renamed ${stamp}`);
  await dialog(page).getByRole("button", { name: "Rename" }).click();
  await page.getByRole("link", { name: `renamed ${stamp}` }).waitFor();
  await actOn(page, `renamed ${stamp}`, "Delete…");
  await dialog(page).getByText("it cannot be brought back").waitFor();
  await dialog(page).getByRole("button", { name: "Delete" }).click();
  await page.getByText("The group was deleted.").waitFor();
  expect(problems).toEqual([]);
});

test("a group is moved by dragging it, and only when that is confirmed", async () => {
  await admin("POST", `${organization}/groups?groupId=drag-${stamp}`, { displayName: `Dragged ${stamp}` });
  const { page } = await openAs(browser, "olivia", { viewport: { width: 1280, height: 2400 } });
  await go(page, `${home}/groups`);
  await page.getByRole("link", { name: `Dragged ${stamp}` }).dragTo(page.getByRole("link", { name: "Sales", exact: true }));
  await dialog(page).getByText("Applies from now on").waitFor();
  expect((await admin("GET", `${organization}/groups/drag-${stamp}`)).parentGroup ?? "").toBe("");
  await dialog(page).getByRole("button", { name: "Move", exact: true }).click();
  await page.getByText("The group was moved.").waitFor();
  expect((await admin("GET", `${organization}/groups/drag-${stamp}`)).parentGroup).toBe(`${organization}/groups/sales`);
});

test("several members are suspended and resumed together", async () => {
  const { page } = await openAs(browser, "olivia");
  await go(page, `${home}/people?role=member&order=name`);
  const boxes = page.getByRole("checkbox", { name: /^Choose (?!all)/ });
  for (const [act, verb, done] of [["Suspend…", "Suspend all", "The members were suspended."], ["Resume…", "Resume all", "The members were resumed."]] as const) {
    await boxes.nth(3).check();
    await boxes.nth(4).check();
    await page.getByText("2 selected").waitFor();
    await page.getByRole("button", { name: act }).click();
    await dialog(page).getByRole("button", { name: verb }).click();
    await page.getByText(done).waitFor();
    await settled(page);
  }
});

test("a member gets another role and another group together, because one must fit the other", async () => {
  const { page } = await openAs(browser, "olivia");
  await go(page, `${home}/members/ben`);
  await page.getByRole("button", { name: "Role and group…" }).click();
  await dialog(page).getByRole("combobox", { name: "Role" }).selectOption({ label: "L1 Admin" });
  await dialog(page).getByRole("combobox", { name: "Group" }).selectOption(`${organization}/groups/sales`);
  await dialog(page).getByText("Lose access").waitFor();
  await dialog(page).getByRole("button", { name: "Change", exact: true }).click();
  await page.getByText("The member was changed.").waitFor();
  const changed = await admin("GET", `${organization}/members/ben`);
  expect([changed.role, changed.group]).toEqual(["ROLE_L1_ADMIN", `${organization}/groups/sales`]);
});

test("people are invited by their addresses, and each link is shown once", async () => {
  const { page, problems } = await openAs(browser, "olivia");
  await go(page, `${home}/new/invite`);
  await page.getByLabel("E-mail addresses").fill(`Ada <ada-${stamp}@x.example>, grace-${stamp}@x.example\nADA-${stamp}@x.example, bob.x.example`);
  await page.getByText("2 addresses found").waitFor();
  await page.getByText("Not an address, so not invited: bob.x.example").waitFor();
  await page.getByRole("combobox", { name: "Group" }).selectOption(`${organization}/groups/sales`);
  await page.getByLabel("Budget in credits").fill("25");
  await page.getByRole("button", { name: "Create invites" }).click();
  await page.getByText("Send these 2 links now").waitFor();
  const links = (await page.locator("code").allTextContents()).filter((text) => text.includes("/console/invite#mri-"));
  expect(links).toHaveLength(2);
  await page.getByRole("link", { name: "All invites" }).click();
  // The page with the links has the addresses, too.
  await page.getByText("People invited to join, newest first").waitFor();
  await page.getByText(`grace-${stamp}@x.example`).waitFor();
  expect(await page.content()).not.toContain("mri-");
  await page.getByRole("row", { name: new RegExp(`grace-${stamp}`) }).getByRole("button", { name: "Revoke…" }).click();
  await dialog(page).getByRole("button", { name: "Revoke" }).click();
  await page.getByText("The invite was revoked.").waitFor();
  expect(problems).toEqual([]);
});

test("a table of people is tried before it is imported", async () => {
  const { page } = await openAs(browser, "olivia");
  await go(page, `${home}/new/members`);
  const table = page.getByRole("textbox", { name: "The table" });
  await table.fill("address,role\nada,king");
  await page.getByText('Line 2: "ada" is not an e-mail address.').waitFor();
  await page.getByText('Line 2: the role "king" is not').waitFor();
  await table.fill(`address,group,role,budget,cycle\nnoah-${stamp}@x.example,Engineering,member,5,monthly\nmia-${stamp}@x.example,No such group,,,`);
  await page.getByRole("button", { name: "Show what it would do" }).click();
  await page.getByText("1 row cannot be imported.").waitFor();
  expect(await page.getByRole("button", { name: "Import", exact: true }).isDisabled()).toBe(true);
  await table.fill(`address,group,role,budget,cycle\nnoah-${stamp}@x.example,Engineering,member,5,monthly`);
  await page.getByRole("button", { name: "Show what it would do" }).click();
  await page.getByText("budget: 5.00").waitFor();
  await page.getByRole("button", { name: "Import", exact: true }).click();
  await page.getByText("Send this link now").waitFor();
});

test("a service account is created, gets a key, and is disabled", async () => {
  const { page } = await openAs(browser, "olivia");
  await go(page, `${home}/serviceAccounts`);
  await page.getByRole("button", { name: "Create a service account" }).click();
  await dialog(page).getByRole("textbox", { name: "Name" }).fill(`build ${stamp}`);
  await dialog(page).getByRole("textbox", { name: "Id" }).fill(`sa-${stamp}`);
  await dialog(page).getByRole("button", { name: "Create", exact: true }).click();
  await page.getByRole("heading", { level: 1, name: `build ${stamp}` }).waitFor();
  await page.getByRole("link", { name: "Create a key" }).click();
  await page.getByLabel("Name").fill(`pipeline ${stamp}`);
  await page.getByRole("button", { name: "Create the key" }).click();
  await page.getByText("Copy the key now").waitFor();
  await go(page, `${home}/serviceAccounts/sa-${stamp}`);
  await page.getByRole("link", { name: `pipeline ${stamp}` }).waitFor();
  await page.getByRole("button", { name: "Disable" }).click();
  await dialog(page).getByRole("button", { name: "Disable" }).click();
  await page.getByRole("button", { name: "Enable" }).waitFor();
});

test("a claim of the identity provider is mapped to a role in a group, and unmapped", async () => {
  const { page, problems } = await openAs(browser, "olivia");
  const value = `领导-${stamp}`;
  await go(page, `${home}/claimMappings`);
  await page.getByRole("button", { name: "Map a claim" }).click();
  await dialog(page).getByLabel("Value").fill(value);
  await dialog(page).getByRole("combobox", { name: "Role" }).selectOption({ label: "L1 Admin" });
  await dialog(page).getByRole("combobox", { name: "Group" }).selectOption(`${organization}/groups/sales`);
  await dialog(page).getByRole("button", { name: "Map", exact: true }).click();
  await page.getByText("The claim is mapped.").waitFor();
  await page.getByRole("row", { name: new RegExp(`${value}.*staff.*L1 Admin.*Sales`) }).waitFor();
  await page.getByRole("button", { name: `Delete the mapping of ${value}` }).click();
  await dialog(page).getByRole("button", { name: "Delete" }).click();
  await page.getByText("The mapping was deleted.").waitFor();
  await settled(page);
  expect(await page.getByText(value).count()).toBe(0);
  expect(problems).toEqual([]);
});

test("a tree of more than 1,000 groups opens level by level", async () => {
  const id = `big-${stamp}`;
  await admin("POST", `organizations?organizationId=${id}`, { displayName: "Big" });
  await admin("POST", `organizations/${id}/groups?groupId=a-top`, { displayName: "000 Top" });
  await admin("POST", `organizations/${id}/groups?groupId=a-top-inner`, { displayName: "Inner", parentGroup: `organizations/${id}/groups/a-top` });
  const names = Array.from({ length: 1000 }, (_, index) => `Group ${String(index).padStart(4, "0")}`);
  for (let at = 0; at < names.length; at += 10) await Promise.all(names.slice(at, at + 10).map((displayName) => admin("POST", `organizations/${id}/groups`, { displayName })));
  const { page } = await openAsOperator(browser);
  await go(page, `${variable("MEGAROUTER_CONSOLE_URL")}organizations/${id}/groups`);
  await page.getByRole("button", { name: "Groups below 000 Top" }).click();
  await page.getByRole("link", { name: "Inner" }).waitFor();
  expect(await page.getByRole("listitem").count()).toBeLessThan(150);
  await page.getByRole("button", { name: "Show more groups" }).click();
  await expect.poll(() => page.getByRole("listitem").count()).toBeGreaterThan(150);
});

test("a setting is saved, and one that was changed meanwhile is not overwritten", async () => {
  const { page } = await openAs(browser, "olivia");
  await go(page, `${home}/settings`);
  await page.getByLabel("E-mail address for invoices").fill("bills@acme.example");
  await page.getByRole("button", { name: "Save" }).first().click();
  await page.getByText("The settings were saved.").waitFor();
  await settled(page);
  await admin("PATCH", `${organization}?updateMask=billingEmail`, { billingEmail: "others@acme.example" });
  await page.getByLabel("E-mail address for invoices").fill("late@acme.example");
  await page.getByRole("button", { name: "Save" }).first().click();
  await page.getByText("Someone changed this in the meantime.").waitFor();
});

test("every page of a suspended or deleted organization says so, and leads to what ends it", async () => {
  const id = `stopped-${stamp}`;
  await admin("POST", `organizations?organizationId=${id}`, { displayName: `Stopped ${stamp}` });
  const { page, problems } = await openAsOperator(browser);
  const place = `${variable("MEGAROUTER_CONSOLE_URL")}organizations/${id}`;
  const notice = (text: string) => page.getByRole("alert").filter({ hasText: text });
  await go(page, `${place}/settings`);
  await page.getByRole("button", { name: "Suspend the organization…" }).click();
  await dialog(page).getByRole("button", { name: "Suspend" }).click();
  await notice("This organization is suspended").waitFor();
  await go(page, `${place}/apiKeys`);
  await notice("This organization is suspended").getByRole("link", { name: "Settings" }).click();
  await page.getByRole("button", { name: "Resume the organization" }).click();
  await page.getByText("The organization was resumed.").waitFor();
  await expect.poll(() => notice("This organization is suspended").count()).toBe(0);

  await page.getByRole("button", { name: "Delete the organization…" }).click();
  await dialog(page).getByLabel("Id of the organization").fill(id);
  await dialog(page).getByRole("button", { name: "Delete" }).click();
  await page.getByText("The organization was deleted.").waitFor();
  await go(page, place);
  await notice("This organization is deleted").waitFor();
  await page.getByRole("button", { name: "Undelete the organization" }).click();
  await page.getByText("The organization was restored.").waitFor();
  await expect.poll(() => notice("This organization is deleted").count()).toBe(0);
  expect((await admin("GET", `organizations/${id}`)).state).toBe("STATE_ACTIVE");
  expect(problems).toEqual([]);
});

test("an admin makes a sign-in link on the page of its member", async () => {
  const { page, problems } = await openAs(browser, "olivia");
  await go(page, `${home}/members/emma`);
  await page.getByRole("button", { name: "Sign-in link…" }).click();
  const form = page.getByRole("dialog");
  expect(await form.getByRole("combobox", { name: "Member", exact: true }).inputValue()).toMatch(/^Emma/);
  await form.getByRole("button", { name: "Create the link" }).click();
  await form.getByText(/sign-in#mrl-/).waitFor();
  await page.keyboard.press("Escape");
  await form.waitFor({ state: "hidden" });
  expect(problems).toEqual([]);
});

test("an admin makes a new member with a sign-in link, which is shown once, and revokes it", async () => {
  const name = `Nia ${Date.now()}`;
  const { page, problems } = await openAs(browser, "olivia");
  await go(page, `${home}/signInLinks`);
  await page.getByRole("button", { name: "Create a sign-in link" }).click();
  const form = page.getByRole("dialog");
  await form.getByText("A new member", { exact: true }).click();
  await form.getByLabel("Name").fill(name);
  await form.getByRole("button", { name: "Create the link" }).click();
  await form.getByText("Copy the secret now").waitFor();
  await page.keyboard.press("Escape");
  const link = page.getByRole("region", { name: "Sign-in links" }).getByRole("row").filter({ hasText: name });
  await link.getByText("Unused").waitFor();
  await link.getByRole("button", { name: "Revoke…" }).click();
  await form.getByText("The member stays a member.").waitFor();
  await form.getByRole("button", { name: "Revoke" }).click();
  await link.waitFor({ state: "hidden" });
  await go(page, `${home}/signInLinks?state=revoked&q=${encodeURIComponent(name)}`);
  await link.getByText("Revoked").waitFor();
  expect(problems).toEqual([]);
});
