import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { home, launch, type Watched, open, settled, variable } from "./support";

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
