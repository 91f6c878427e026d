import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { admin, go, home, launch, linkFor, open, openAs, organization, settled, variable } from "./support";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

test("a link signs in, and its secret leaves the address", async () => {
  const { page, problems } = await openAs(browser, "olivia");
  await page.getByRole("heading", { level: 1, name: "Acme" }).waitFor();
  expect(page.url()).toBe(home);
  expect(await page.evaluate(() => window.history.length)).toBeLessThanOrEqual(3);
  expect(problems).toEqual([]);
});

test("a link signs in only once", async () => {
  const link = await linkFor("olivia");
  const first = await open(browser);
  await first.page.goto(link);
  await first.page.getByRole("heading", { level: 1, name: "Acme" }).waitFor();
  const second = await open(browser);
  await second.page.goto(link);
  await second.page.getByText("This does not work for signing in").waitFor();
  expect(second.page.url()).not.toContain("mrl-");
});

test("a pasted token is only used to exchange it", async () => {
  const { page } = await open(browser);
  const pasted = variable("MEGAROUTER_ADMIN_TOKEN");
  const calls: { path: string; isPasted: boolean }[] = [];
  page.on("request", (request) => {
    const sent = request.headers().authorization;
    if (sent !== undefined) calls.push({ path: new URL(request.url()).pathname, isPasted: sent === `Bearer ${pasted}` });
  });
  await page.goto(variable("MEGAROUTER_CONSOLE_URL"));
  await page.getByLabel("Access token or sign-in link").fill(pasted);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("navigation").first().waitFor();
  await settled(page);
  expect(calls.filter(({ isPasted }) => isPasted).map(({ path }) => path)).toEqual(["ListAccessTokens", "CreateAccessToken"].map((method) => `/megarouter.admin.v1.AccessTokens/${method}`));
  expect(calls.length).toBeGreaterThan(3);
});

test("web storage stays empty, and the only cookie has preferences", async () => {
  const { page, context } = await openAs(browser, "olivia");
  await page.getByRole("button", { name: /Olivia/ }).click();
  await page.getByText("Dark", { exact: true }).click();
  await page.getByText("中文", { exact: true }).click();
  await page.getByRole("heading", { name: "每日花费" }).waitFor();
  expect(await page.evaluate(async () => [{ ...localStorage }, { ...sessionStorage }, await indexedDB.databases(), await caches.keys()])).toEqual([{}, {}, [], []]);
  expect((await context.cookies(home)).map(({ name, value }) => [name, value])).toEqual([["megarouter_console", "theme=dark&language=zh"]]);
});

test("reloading signs out, and signing in leads back to the page", async () => {
  const { page } = await openAs(browser, "olivia");
  await go(page, `${home}/apiKeys?state=active&q=lucas`);
  await page.reload();
  await page.getByRole("heading", { name: "Sign in to MegaRouter" }).waitFor();
  await page.getByText("a reload or a new tab begins without one").waitFor();
  const secret = new URL(await linkFor("olivia")).hash.slice(1);
  await page.getByLabel("Access token or sign-in link").fill(secret);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("heading", { level: 1, name: "API keys" }).waitFor();
  expect(page.url()).toBe(`${home}/apiKeys?state=active&q=lucas`);
});

test("a new tab says why it asks, and one sign-in leads to its page", async () => {
  const { context } = await openAs(browser, "olivia");
  const tab = await context.newPage();
  await tab.goto(`${home}/members/emma`);
  await tab.getByText("a reload or a new tab begins without one").waitFor();
  await tab.getByLabel("Access token or sign-in link").fill(variable("MEGAROUTER_ADMIN_TOKEN"));
  await tab.getByRole("button", { name: "Sign in", exact: true }).click();
  await tab.getByRole("heading", { level: 1, name: "Emma Fischer" }).waitFor();
});

test("a person with an invite and no account learns whom to ask, or where to sign in", async () => {
  const { page, problems } = await open(browser);
  await page.route("**/.well-known/megarouter", async (route) => {
    await route.fulfill({ json: { ...(await (await route.fetch()).json()) as object, identity_providers: [] } });
  });
  await page.goto(`${variable("MEGAROUTER_CONSOLE_URL")}invite#mri-unknown`);
  await page.getByText("Ask whoever invited you to add you as a member instead").waitFor();
  await page.getByLabel("Access token or sign-in link").fill(variable("MEGAROUTER_ADMIN_TOKEN"));
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByText("This invite has expired, was used or was revoked").waitFor();
  expect(await page.content()).not.toContain("./dev");
  expect(problems.filter((problem) => !problem.includes("400") && !problem.includes("invite cannot be used"))).toEqual([]);
});

test("signing out ends the token at the service too", async () => {
  const { page } = await open(browser);
  let token = "";
  page.on("request", (request) => {
    const sent = request.headers().authorization ?? "";
    if (sent.startsWith("Bearer mrt-")) token = sent;
  });
  await page.goto(await linkFor("emma"));
  await page.getByRole("navigation").first().waitFor();
  await settled(page);
  await page.getByRole("button", { name: /Emma/ }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in to MegaRouter" }).waitFor();
  await expect.poll(async () => (await fetch(`${variable("MEGAROUTER_ADMIN_URL")}/v1/users/me`, { headers: { authorization: token } })).status).toBe(401);
});

test("a token for one organization signs in without a refusal in the audit log, and signing out does not end it", async () => {
  const begin = new Date().toISOString();
  const accessToken = { displayName: "for one organization", organization: "organizations/acme" };
  const own = String((await admin("POST", "users/me/accessTokens", accessToken)).secret);
  const { page } = await open(browser);
  await page.goto(variable("MEGAROUTER_CONSOLE_URL"));
  await page.getByLabel("Access token or sign-in link").fill(own);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("button", { name: /Olivia/ }).click();
  const entries = (await admin("GET", `${organization}/auditLogEntries?pageSize=20&filter=${encodeURIComponent(`create_time > "${begin}"`)}`)).auditLogEntries as readonly { refusal: string }[];
  expect(entries.filter(({ refusal }) => refusal !== "")).toEqual([]);
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in to MegaRouter" }).waitFor();
  const answer = await fetch(`${variable("MEGAROUTER_ADMIN_URL")}/v1/organizations/acme`, { headers: { authorization: `Bearer ${own}` } });
  expect(answer.status).toBe(200);
});

test("a token that ends soon signs in too", async () => {
  const accessToken = { displayName: "for an hour", expireTime: new Date(Date.now() + 3600_000).toISOString() };
  const { page } = await open(browser);
  await page.goto(variable("MEGAROUTER_CONSOLE_URL"));
  // The other tests make more organizations. Whoever has several begins with the one chosen last.
  await admin("POST", "users/me:switchAccount", { organization });
  await page.getByLabel("Access token or sign-in link").fill(String((await admin("POST", "users/me/accessTokens", accessToken)).secret));
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("heading", { level: 1, name: "Acme" }).waitFor();
});

test("a session that ended elsewhere leads to the sign-in", async () => {
  const { page } = await openAs(browser, "lucas");
  const found = (await admin("GET", "organizations/acme/accessTokens?pageSize=1000")).memberAccessTokens as { name: string; member: string; state: string }[];
  for (const { name, member, state } of found) {
    if (member.endsWith("/lucas") && state === "STATE_ACTIVE") await admin("POST", `${name}:revoke`, {});
  }
  await page.getByRole("link", { name: "Calls", exact: true }).click();
  await page.getByRole("heading", { name: "Sign in to MegaRouter" }).waitFor();
});
