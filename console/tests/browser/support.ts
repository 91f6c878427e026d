import { type Browser, type BrowserContext, type BrowserContextOptions, type Page, chromium } from "playwright-core";

/** What `HOME/env` of the stack says. */
export function variable(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: run ./dev test tests/browser`);
  return value;
}

export const organization = variable("MEGAROUTER_ORGANIZATION");
export const home = `${variable("MEGAROUTER_CONSOLE_URL")}${organization}`;

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: variable("CHROMIUM"), args: ["--no-sandbox"] });
}

/** Calls the admin API as the operator of the stack. */
export async function admin(method: string, path: string, body?: object): Promise<Record<string, unknown>> {
  const answer = await fetch(`${variable("MEGAROUTER_ADMIN_URL")}/v1/${path}`, {
    method, headers: { authorization: `Bearer ${variable("MEGAROUTER_ADMIN_TOKEN")}`, "content-type": "application/json" }, ...(body ? { body: JSON.stringify(body) } : {}),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as Record<string, unknown>;
}

/** A link that signs in once as a member of the demo organization. */
export async function linkFor(member: string): Promise<string> {
  return String((await admin("POST", `${organization}/members/${member}:issueSignInLink`, { ttl: "120s" })).link);
}

const quietMs = 60;
const quietTimes = 4;
const runningOf = new WeakMap<Page, ReadonlySet<object>>();

/** A page that remembers what went wrong in it: errors of scripts, of the console, and of its security policy. */
export interface Watched {
  readonly context: BrowserContext;
  readonly page: Page;
  readonly problems: string[];
}

export async function open(browser: Browser, options: BrowserContextOptions = {}): Promise<Watched> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: "en-US", reducedMotion: "reduce", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const problems: string[] = [];
  const running = new Set<object>();
  runningOf.set(page, running);
  page.on("request", (request) => running.add(request));
  page.on("requestfinished", (request) => running.delete(request));
  page.on("requestfailed", (request) => running.delete(request));
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") problems.push(message.text());
  });
  return { context, page, problems };
}

/** Opens the console as a member, on the page of the organization. */
export async function openAs(browser: Browser, member: string, options: BrowserContextOptions = {}): Promise<Watched> {
  const watched = await open(browser, options);
  await watched.page.goto(await linkFor(member));
  await watched.page.getByRole("navigation").first().waitFor();
  await settled(watched.page);
  return watched;
}

/** Opens the console as the operator of the stack, who signs in with an access token: a session by a link never operates. */
export async function openAsOperator(browser: Browser, options: BrowserContextOptions = {}): Promise<Watched> {
  const watched = await open(browser, options);
  await watched.page.goto(`${variable("MEGAROUTER_CONSOLE_URL")}sign-in`);
  await watched.page.locator("input").first().fill(variable("MEGAROUTER_ADMIN_TOKEN"));
  await watched.page.keyboard.press("Enter");
  await watched.page.getByRole("navigation").first().waitFor();
  await settled(watched.page);
  return watched;
}

/** Goes to another page of the console without loading it again, which would sign out. */
export async function go(page: Page, address: string): Promise<void> {
  await page.evaluate((to) => {
    window.history.pushState({}, "", to);
    window.dispatchEvent(new PopStateEvent("popstate"));
  }, new URL(address).pathname + new URL(address).search);
  await settled(page);
}

/** Goes to pages one after the other, and returns what is wrong with those that are not as they should be. */
export async function wrongAmong(page: Page, base: string, paths: readonly string[], wrongWith: (page: Page) => Promise<readonly string[]>): Promise<Record<string, readonly string[]>> {
  const found: Record<string, readonly string[]> = {};
  for (const path of paths) {
    await go(page, base + path);
    const wrong = await wrongWith(page);
    if (wrong.length > 0) found[path] = wrong;
  }
  return found;
}

/** Waits until nothing loads, and the page shows what it has loaded. */
export async function settled(page: Page): Promise<void> {
  const running = runningOf.get(page);
  for (let quiet = 0; quiet < quietTimes; ) {
    await page.waitForTimeout(quietMs);
    quiet = running === undefined || running.size === 0 ? quiet + 1 : 0;
  }
  await page.waitForFunction(() => document.querySelector("h1") !== null && document.querySelector(".mantine-Skeleton-root, [aria-busy=true], [role=status]") === null);
}
