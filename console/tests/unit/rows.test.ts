import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { ApiKeySchema, ApiKey_State, ApiKeys, Analytics, ListApiKeysResponseSchema } from "@megarouter/admin";
import { expect, test } from "vitest";

import { rowsOf } from "../../src/table/rows";
import { csvRows } from "../../src/util/csv";

const rows = rowsOf(ApiKeys.method.listApiKeys);
const key = create(ApiKeySchema, { name: "organizations/acme/apiKeys/ci", displayName: "=cmd", state: ApiKey_State.ACTIVE, spentNanoCredits: 1_500_000_000n, createTime: timestampFromDate(new Date(0)) });

function cell(header: string): string {
  const column = rows.columns.find((one) => one.header === header);
  return column === undefined ? "no such column" : csvRows([column], [key]).trimEnd();
}

test("a list has a column for each field, under its name", () => {
  expect(rows.columns[0]?.header).toBe("name");
  expect(cell("name")).toBe("organizations/acme/apiKeys/ci");
});

test("values are plain: amounts in credits, times in UTC, states by name, and no formulas", () => {
  expect(["spent_credits", "create_time", "state", "display_name"].map(cell)).toEqual(["1.500000000", "1970-01-01T00:00:00.000Z", "STATE_ACTIVE", "'=cmd"]);
});

test("what is unset is empty", () => {
  expect(cell("expire_time")).toBe("");
});

test("the rows and the next page are those of the answer", () => {
  const answer = create(ListApiKeysResponseSchema, { apiKeys: [key], nextPageToken: "more" });
  expect([rows.of(answer), rows.nextPageToken(answer)]).toEqual([[key], "more"]);
});

test("a method that lists nothing is refused", () => {
  expect(() => rowsOf(Analytics.method.getUsageForecast)).toThrow("lists nothing");
});
