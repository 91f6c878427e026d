import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { go, home, launch, openAs } from "./support";

const name = `Costs of engineering ${Date.now().toString(36)}`;
const renamed = `${name}, daily`;

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

function rowOf(page: Page, displayName: string) {
  return page.getByRole("region", { name: "Your schedules" }).getByRole("row").filter({ hasText: displayName });
}

test("a schedule takes the filter of the page, shows its next run, and is changed, paused, resumed and deleted", async () => {
  const { page, problems } = await openAs(browser, "olivia");
  await go(page, `${home}/usageExports?group=engineering&period=lastMonth`);
  await page.getByRole("button", { name: "Add a schedule" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("Engineering").waitFor();
  expect(await dialog.getByRole("button", { name: "Add", exact: true }).isDisabled()).toBe(true);
  await dialog.getByLabel("Name").fill(name);
  // The page is about a whole month, so the schedule is, too.
  expect(await dialog.getByLabel("Runs").locator("option:checked").textContent()).toBe("Every month");
  expect(await dialog.getByLabel("Exported period").locator("option:checked").textContent()).toBe("The whole month before");
  await dialog.getByLabel("Day of the month").selectOption("2");
  await dialog.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByText("The schedule is added.").waitFor();

  await rowOf(page, name).getByText("On day 2 of every month at 07:00").waitFor();
  await rowOf(page, name).getByText("Group: Engineering").waitFor();
  await rowOf(page, name).getByText(/^in \d+ (day|hour|minute|week)s?$|^tomorrow$|^next month$/).waitFor();

  await page.getByRole("button", { name: `Edit ${name}` }).click();
  await dialog.getByText("Group: Engineering").waitFor();
  await dialog.getByLabel("Name").fill(renamed);
  await dialog.getByLabel("Runs").selectOption({ label: "Every day" });
  await dialog.getByLabel("Hour").selectOption({ label: "06:00" });
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.getByText("The schedule is changed.").waitFor();
  await rowOf(page, renamed).getByText("Every day at 06:00").waitFor();
  await rowOf(page, renamed).getByText("Group: Engineering").waitFor();

  // Its filters are changed where everything else is. Escape closes only the menu.
  await page.getByRole("button", { name: `Edit ${renamed}` }).click();
  const filter = dialog.getByRole("button", { name: "Filter", exact: true });
  await filter.click();
  await page.getByRole("button", { name: "Status" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Status" }).waitFor({ state: "detached" });
  await filter.click();
  await page.getByRole("button", { name: "Status" }).click();
  await page.getByRole("option", { name: "Failed" }).click();
  await dialog.getByText("Status: Failed").waitFor();
  await dialog.getByRole("button", { name: "Remove Engineering" }).click();
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.waitFor({ state: "detached" });
  await rowOf(page, renamed).getByText("Status: Failed").waitFor();
  expect(await rowOf(page, renamed).getByText("Group: Engineering").count()).toBe(0);

  await page.getByRole("button", { name: `Edit ${renamed}` }).click();
  await dialog.getByRole("button", { name: "Remove Failed" }).click();
  await dialog.getByText("None: all calls that you may see when it runs").waitFor();
  await dialog.getByRole("button", { name: "Save" }).click();
  await rowOf(page, renamed).getByText("Status: Failed").waitFor({ state: "detached" });

  await page.getByRole("button", { name: `Pause ${renamed}` }).click();
  await rowOf(page, renamed).getByText("Paused").waitFor();
  await page.getByRole("button", { name: `Resume ${renamed}` }).click();
  await page.getByRole("button", { name: `Pause ${renamed}` }).waitFor();
  await rowOf(page, renamed).getByText(/^in \d+ (hour|minute)s?$/).waitFor();

  await page.getByRole("button", { name: `Delete ${renamed}` }).click();
  await dialog.getByText(renamed).waitFor();
  await dialog.getByRole("button", { name: "Delete" }).click();
  await page.getByText("The schedule is deleted.").waitFor();
  await rowOf(page, renamed).waitFor({ state: "detached" });
  expect(problems).toEqual([]);
});
