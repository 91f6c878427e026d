import { expect, test } from "vitest";

import { cookieOf, readPreferences } from "../../src/stores/preferences";

test("without a cookie the browser decides", () => {
  expect(readPreferences("", ["fr-FR", "zh-CN", "en"])).toEqual({ theme: "auto", language: "zh" });
  expect(readPreferences("", ["fr"])).toEqual({ theme: "auto", language: "en" });
});

test("a choice is remembered", () => {
  const cookie = cookieOf({ theme: "dark", language: "zh" }).split(";")[0] ?? "";
  expect(readPreferences(`other=1; ${cookie}`, ["en"])).toEqual({ theme: "dark", language: "zh" });
});

test("only the console gets the cookie, and no other site sends it", () => {
  expect(cookieOf({ theme: "auto", language: "en" })).toContain("; path=/console/; ");
  expect(cookieOf({ theme: "auto", language: "en" })).toMatch(/samesite=strict$/);
});

test("a cookie that somebody else wrote does no harm", () => {
  expect(readPreferences("megarouter_console=theme=<script>&language=../../x", ["en"])).toEqual({ theme: "auto", language: "en" });
});
