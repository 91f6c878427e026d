import { expect, test } from "vitest";

import { amountCell, csvHeader, csvRows, escaped } from "../../src/util/csv";

const columns = [
  { header: "id", cell: (row: { id: string; name: string }) => row.id },
  { header: "name", cell: (row: { id: string; name: string }) => row.name, isText: true },
];

test("a file begins with a byte order mark and its header, and lines end with CRLF", () => {
  expect(csvHeader(columns)).toBe("\uFEFFid,name\r\n");
});

test("cells with separators are quoted", () => {
  expect(csvRows(columns, [{ id: "a", name: 'Ann "the boss", x\ny' }])).toBe('a,"Ann ""the boss"", x\ny"\r\n');
});

test.each(["=1+1", "+1", "-1", "@x", "\tx", "'=x", "＝1", "＋1"])("the text %j gets an apostrophe, so that no spreadsheet runs it", (text) => {
  expect(escaped(text)).toBe(`'${text}`);
});

test("text that looks like no formula stays, and ids always do", () => {
  expect(["Emma", "'quoted'", "", "张伟"].map(escaped)).toEqual(["Emma", "'quoted'", "", "张伟"]);
  expect(csvRows(columns, [{ id: "-1", name: "x" }])).toBe("-1,x\r\n");
});

test("amounts have nine places, exactly", () => {
  expect([0n, 1n, -1_500_000_000n, 12_345_678_901_234_567_890n].map(amountCell)).toEqual(["0.000000000", "0.000000001", "-1.500000000", "12345678901.234567890"]);
});
