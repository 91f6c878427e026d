import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const console_ = join(import.meta.dirname, "../..");
let extracted = "";
beforeAll(() => {
  extracted = mkdtempSync(join(tmpdir(), "messages-"));
  const catalogs = JSON.stringify({ sourceLocale: "en", locales: ["en", "zh"], catalogs: [{ path: join(extracted, "{locale}"), include: [join(console_, "src")] }] });
  const config = join(extracted, "lingui.config.json");
  writeFileSync(config, catalogs);
  execFileSync(process.execPath, [join(console_, "node_modules/.bin/lingui"), "extract", "--config", config], { cwd: console_, stdio: "pipe" });
}, 120_000);
afterAll(() => rmSync(extracted, { recursive: true }));

/** The messages of a catalog with their translations. */
function catalog(file: string): ReadonlyMap<string, string> {
  const found = readFileSync(file, "utf8").matchAll(/^msgid "(.+)"\nmsgstr "(.*)"$/gm);
  return new Map([...found].map(([, message, translation]) => [message ?? "", translation ?? ""]));
}

describe.each(["en", "zh"])("the messages in %s", (language) => {
  const kept = () => catalog(join(console_, `src/locales/${language}.po`));

  test("are those of the pages: run `npm run messages`", () => {
    expect([...kept().keys()].sort()).toEqual([...catalog(join(extracted, "en.po")).keys()].sort());
  });

  test("are all translated", () => {
    expect([...kept()].filter(([, translation]) => translation === "").map(([message]) => message)).toEqual([]);
  });

  test("keep every value that they show", () => {
    const values = (text: string): string[] => [...text.matchAll(/\{\w+\}/g)].map(([value]) => value).sort();
    for (const [message, translation] of kept()) expect(values(translation), message).toEqual(values(message));
  });
});

test("the messages in zh say 你 everywhere", () => {
  const polite = [...catalog(join(console_, "src/locales/zh.po"))].filter(([, translation]) => translation.includes("您"));
  expect(polite.map(([message]) => message)).toEqual([]);
});

/** What a Chinese reader would take for two things, because the pages call it by two names. */
const otherNames = { 提供方: "提供商", 服务账户: "服务账号", 支出: "花费", 撤消: "撤销", 调用者: "调用方", 书面分析: "文字分析", 吊销: "撤销", 密文: "密钥值", 基线: "基准" };

test("the messages in zh call each thing by one name", () => {
  const found = [...catalog(join(console_, "src/locales/zh.po"))].filter(([, translation]) => Object.keys(otherNames).some((name) => translation.includes(name)));
  expect(found).toEqual([]);
});

test("the messages in zh say until when something lasts, not as of when it holds", () => {
  expect(catalog(join(console_, "src/locales/zh.po")).get("until {0}")).toBe("到 {0} 为止");
});
