import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { admin, home, launch, type Watched, open, settled, variable } from "./support";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

/** The issuer's name exists only behind the proxy of the tests, which has a certificate of its own. */
function openAtIssuer(): Promise<Watched> {
  return open(browser, { proxy: { server: variable("SIGN_IN_PROXY"), bypass: "127.0.0.1" }, ignoreHTTPSErrors: true });
}

async function start(page: Page): Promise<void> {
  await page.goto(variable("MEGAROUTER_CONSOLE_URL"));
  await page.getByRole("button", { name: "Sign in with staff" }).click();
}

test("a person signs in at the identity provider, in a window of its own", async () => {
  const { page, context, problems } = await openAtIssuer();
  const pages: string[] = [];
  context.on("page", (opened) => opened.on("framenavigated", (frame) => pages.push(new URL(frame.url()).origin)));
  const tokens = new Set<string>();
  page.on("request", (request) => tokens.add(request.headers().authorization ?? ""));
  await start(page);
  await page.getByRole("navigation").first().waitFor();
  await settled(page);
  expect(page.url()).toBe(home);
  await page.getByRole("button", { name: /Emma/ }).waitFor();
  expect(pages.at(-1)).toBe(new URL(home).origin);
  expect([...tokens].filter((token) => token.startsWith("Bearer ey"))).toHaveLength(1);
  expect(await page.evaluate(() => [{ ...localStorage }, { ...sessionStorage }])).toEqual([{}, {}]);
  expect(problems).toEqual([]);
});

test("the window keeps nothing of what the provider sent", async () => {
  const { page, context } = await openAtIssuer();
  const opened = context.waitForEvent("page");
  await start(page);
  const window_ = await opened;
  await page.getByRole("navigation").first().waitFor();
  expect(window_.isClosed() || new URL(window_.url()).search === "").toBe(true);
});

test("what another state comes back with is not taken", async () => {
  const { page, context } = await openAtIssuer();
  await context.route("https://id.example/authorize*", (route) =>
    route.fulfill({ status: 302, headers: { location: `${new URL(home).origin}/console/sign-in/callback?code=stolen&state=another` } }),
  );
  await start(page);
  await page.getByText("Signing in…").waitFor();
  await page.waitForTimeout(1_500);
  expect(await page.getByText("Signing in…").count()).toBe(1);
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByText("the sign-in was not finished").waitFor();
});

test("an invited person signs in, joins with one button, and has a key", async () => {
  const id = `joined-${Date.now().toString(36)}`;
  await admin("POST", `organizations?organizationId=${id}`, { displayName: "加入 Ltd." });
  const { token } = await admin("POST", `organizations/${id}/invites`, { role: "ROLE_MEMBER", email: "emma@acme.example" });
  const { page, problems } = await openAtIssuer();
  await page.goto(`${variable("MEGAROUTER_CONSOLE_URL")}invite#${String(token)}`);
  await page.getByText("signing in with your identity provider creates it").waitFor();
  expect(page.url()).not.toContain("mri-");
  await page.getByRole("button", { name: "Sign in with staff" }).click();
  await page.getByText("加入 Ltd.").waitFor();
  await page.getByRole("button", { name: "Join and get a key" }).click();
  await page.getByText("this is your first key").waitFor();
  const secret = (await page.getByText(/^mr-/).textContent()) ?? "";
  const models = await fetch(`${variable("MEGAROUTER_BASE_URL")}/v1/models`, { headers: { authorization: `Bearer ${secret}` } });
  expect(models.status).toBe(200);
  await page.getByRole("link", { name: "Go to home page" }).click();
  await page.getByRole("heading", { level: 1, name: "加入 Ltd." }).waitFor();
  expect(problems).toEqual([]);
});

test("a person leaves an organization, and goes on in another account", async () => {
  const id = `left-${Date.now().toString(36)}`;
  await admin("POST", `organizations?organizationId=${id}`, { displayName: "Left Ltd." });
  const { token } = await admin("POST", `organizations/${id}/invites`, { role: "ROLE_MEMBER", email: "emma@acme.example" });
  const { page } = await openAtIssuer();
  await page.goto(`${variable("MEGAROUTER_CONSOLE_URL")}invite#${String(token)}`);
  await page.getByRole("button", { name: "Sign in with staff" }).click();
  await page.getByRole("button", { name: "Join and get a key" }).click();
  await page.getByRole("link", { name: "Go to home page" }).click();
  await page.getByRole("heading", { level: 1, name: "Left Ltd." }).waitFor();
  await page.getByRole("button", { name: /Emma/ }).click();
  await page.getByRole("menuitem", { name: "Profile and access tokens" }).click();
  await page.getByRole("button", { name: "Leave Left Ltd.…" }).click();
  await page.getByText("Your keys here are deleted for good").waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Leave" }).click();
  await page.waitForFunction((left) => !window.location.pathname.includes(left), id);
  await settled(page);
  expect(page.url()).not.toContain(id);
});
