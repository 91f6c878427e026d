import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { operatorPages, parts } from "./addresses";
import { admin, go, home, launch, openAs, openAsOperator, organization, settled, variable, wrongAmong } from "./support";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

const everyPageMs = 300_000;
const stamp = Date.now().toString(36);
/** More controls than any page has. */
const mostControls = 600;

/** Marks what a mouse can use, and remembers how it looks without the focus. Returns how many such controls there are. */
function markControls(page: Page): Promise<number> {
  return page.evaluate(() => {
    const controls = "a[href], button, input, select, textarea, summary, [tabindex], [role=button], [role=tab], [role=menuitem], [role=option]";
    const shown = (element: Element) => element.checkVisibility({ checkVisibilityCSS: true }) && element.getClientRects().length > 0;
    let count = 0;
    for (const element of document.querySelectorAll<HTMLElement>(controls)) {
      if (!shown(element) || element.matches(":disabled, [aria-disabled=true], [data-disabled=true]") || element.closest("[inert], [aria-hidden=true]") !== null) continue;
      element.dataset["control"] = String(count++);
      element.dataset["look"] = looks(element);
    }
    return count;
  });
}

/** Runs in the page: how a control looks. The sign of its focus may be drawn around it, such as around the field of a number. */
function looks(element: Element): string {
  const one = (part: Element | null) => {
    if (part === null) return "";
    const { outlineStyle, outlineWidth, boxShadow, borderColor, backgroundColor } = getComputedStyle(part);
    return [outlineStyle === "none" ? "" : outlineWidth, boxShadow, borderColor, backgroundColor].join();
  };
  return [element, element.parentElement, element.parentElement?.parentElement ?? null, element.nextElementSibling].map(one).join();
}

interface Step {
  readonly control: string | null;
  readonly isSeen: boolean;
  readonly isAtEnd: boolean;
}

/** What has the focus, and whether that is seen. */
function focus(page: Page): Promise<Step> {
  return page.evaluate(() => {
    const element = document.activeElement as HTMLElement | null;
    if (element === null || element === document.body) return { control: null, isSeen: true, isAtEnd: true };
    return { control: element.dataset["control"] ?? null, isSeen: element.dataset["look"] !== looks(element), isAtEnd: false };
  });
}

/** Returns what a mouse can use and the tab key does not reach, and what has the focus without showing it. */
async function unreachable(page: Page): Promise<readonly string[]> {
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
  await page.addStyleTag({ content: "* { transition: none !important }" });
  await page.evaluate(`globalThis.looks = ${looks.toString()}`);
  const count = await markControls(page);
  const reached = new Set<string>();
  const unseen: string[] = [];
  await page.locator(".skip").focus();
  let last: string | null = null;
  for (let pressed = 0; pressed < mostControls; pressed++) {
    const { control, isSeen, isAtEnd } = await focus(page);
    // A date has the focus several times in a row, once for each of its parts.
    if (isAtEnd || (control !== null && control !== last && reached.has(control))) break;
    last = control;
    if (control !== null) {
      reached.add(control);
      if (!isSeen) unseen.push(control);
    }
    await page.keyboard.press("Tab");
  }
  expect(count).toBeGreaterThan(0);
  return page.evaluate(([controls, without]) => {
    const named = (element: Element) => element.outerHTML.slice(0, 160);
    const isReached = (element: Element) => controls.includes(element.getAttribute("data-control") ?? "");
    // Arrow keys move within a group of radio buttons, tabs, bars of a chart or menu items, of which one has the focus.
    const inGroup = (element: Element) => {
      if (element instanceof HTMLInputElement && element.type === "radio") return [...document.querySelectorAll(`input[name="${CSS.escape(element.name)}"]`)].some(isReached);
      const group = element.closest("[role=tablist], [role=radiogroup], [role=group], [role=menu], [role=tree], [role=listbox]");
      return (element as HTMLElement).tabIndex < 0 && group !== null && [...group.querySelectorAll("[data-control]")].some(isReached);
    };
    // A control beside a field, such as the one that empties it, does what a key of the field does.
    const isPartOfField = (element: Element) => (element as HTMLElement).tabIndex < 0 && (element.closest("[data-position=right], [data-position=left]") !== null || element.id === "main");
    const wrong: string[] = [];
    for (const element of document.querySelectorAll("[data-control]")) {
      if (!isReached(element) && !inGroup(element) && !isPartOfField(element)) wrong.push(`not reached: ${named(element)}`);
      if (without.includes(element.getAttribute("data-control") ?? "")) wrong.push(`no sign of the focus: ${named(element)}`);
    }
    for (const element of document.querySelectorAll("main *")) {
      // What holds a label has its pointer, and the label is its control's.
      const isPointed = getComputedStyle(element).cursor === "pointer" && element.querySelector("label") === null;
      if (isPointed && element.closest("a, button, input, select, textarea, label, summary, [tabindex]:not(main)") === null) wrong.push(`only for the mouse: ${named(element)}`);
    }
    return wrong;
  }, [[...reached], unseen] as const);
}

test.each(parts)("the tab key reaches every control of the pages from %s on, and shows where it is", async (...paths) => {
  const { page } = await openAs(browser, "olivia");
  expect(await wrongAmong(page, home, paths, unreachable)).toEqual({});
}, everyPageMs);

test("the tab key reaches every control of the operators' pages", async () => {
  const { page } = await openAsOperator(browser);
  expect(await wrongAmong(page, variable("MEGAROUTER_CONSOLE_URL"), operatorPages, unreachable)).toEqual({});
}, everyPageMs);

/** Presses the tab key until a control with this name has the focus. */
async function tabTo(page: Page, name: RegExp): Promise<void> {
  for (let pressed = 0; pressed < mostControls; pressed++) {
    await page.keyboard.press("Tab");
    const shown = await page.evaluate(() => {
      const element = document.activeElement as HTMLInputElement | null;
      return element?.getAttribute("aria-label") ?? element?.labels?.[0]?.textContent ?? element?.textContent ?? "";
    });
    if (name.test(shown)) return;
  }
  throw new Error(`the tab key does not reach ${String(name)}`);
}

test("a key is created, found and deleted without a mouse", async () => {
  const { page, problems } = await openAs(browser, "olivia");
  const name = `keyboard-${stamp}`;
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox").waitFor();
  await page.keyboard.type("Create an API key");
  await page.getByRole("option", { name: "Create an API key" }).first().waitFor();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "Create an API key" }).waitFor();
  await settled(page);
  await tabTo(page, /^Name/);
  await page.keyboard.type(name);
  await page.keyboard.press("Enter");
  await page.getByText(/^mr-/).first().waitFor();
  const made = (await admin("GET", `${organization}/apiKeys?filter=${encodeURIComponent(`display_name = "${name}"`)}`)).apiKeys as readonly { name: string }[];
  expect(made.length).toBe(1);

  await go(page, `${home}/apiKeys`);
  await tabTo(page, /^Search/);
  await page.keyboard.type(name);
  await page.getByRole("link", { name }).waitFor();
  await settled(page);
  await tabTo(page, new RegExp(`^${name}$`));
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name }).waitFor();
  await settled(page);
  await tabTo(page, /^Delete$/);
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await tabTo(page, /^Delete/);
  await page.keyboard.press("Enter");
  await page.getByText("The key was deleted.").waitFor();
  expect(problems).toEqual([]);
});
