import { create } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { type UsageGroup, UsageFilterSchema } from "@megarouter/admin";
import { describe, expect, test } from "vitest";

import { narrowedTo } from "../../src/components/selection/filters";
import { divisionOf, selectionOfGroup } from "../../src/pages/analytics/exploring";
import { dayCountOf, timeRangeOf, usageFilterOf } from "../../src/util/selected_usage";
import { narrowings, selectionOf } from "../../src/util/selection";

const now = new Date("2026-12-01T19:46:30Z");
const parent = "organizations/acme";

describe("a selection", () => {
  test("is read from an address, without what makes no sense", () => {
    expect(selectionOf({ period: "7d", group: "engineering", key: 7, status: "gone", model: "", other: "x" })).toEqual({ period: "7d", group: "engineering", key: "7" });
    expect(selectionOf({ period: "7d", from: "2026-11-01", to: "2026-11-30" })).toEqual({ from: "2026-11-01", to: "2026-11-30" });
    expect(selectionOf({ from: "2026-11-31" })).toEqual({});
    expect(selectionOf({ from: "2026-11-10", to: "2026-11-01" })).toEqual({ from: "2026-11-10" });
  });

  test("of days contains its last day", () => {
    const { startTime, endTime } = timeRangeOf({ from: "2026-11-01", to: "2026-11-30" }, "30d", now, "Europe/Berlin") as Required<ReturnType<typeof timeRangeOf>>;
    expect([startTime, endTime].map((time) => timestampDate(time as never).toISOString())).toEqual(["2026-10-31T23:00:00.000Z", "2026-11-30T23:00:00.000Z"]);
  });

  test("of the last month has all of its days", () => {
    const { startTime, endTime } = timeRangeOf(selectionOf({ period: "lastMonth" }), "30d", now, "Europe/Berlin");
    expect([startTime, endTime].map((time) => timestampDate(time as never).toISOString())).toEqual(["2026-10-31T23:00:00.000Z", "2026-11-30T23:00:00.000Z"]);
    expect(dayCountOf({ period: "lastMonth" }, "30d", now, "Europe/Berlin")).toBe(30);
  });

  test("is what its filter narrows to, whatever it has", () => {
    const selection = { group: "eng", member: "emma", serviceAccount: "ci", key: "laptop", model: "meta/llama", provider: "groq", endpoint: "responses", status: "failed", tag: "team=a" };
    expect(Object.keys(selection).sort()).toEqual([...narrowings].sort());
    expect(Object.fromEntries(narrowedTo(create(UsageFilterSchema, usageFilterOf(selection, parent))))).toEqual(selection);
    expect(narrowedTo(create(UsageFilterSchema))).toEqual([]);
  });

  test("names resources of the organization in its filter", () => {
    expect(usageFilterOf({ group: "sales", member: "emma", serviceAccount: "ci", model: "gpt-4o", tag: "env=test" }, parent)).toMatchObject({
      groups: [`${parent}/groups/sales`], members: [`${parent}/members/emma`, `${parent}/serviceAccounts/ci`], models: ["models/gpt-4o"], tags: ["env=test"], apiKeys: [],
    });
  });
});

describe("a division", () => {
  const group = (...values: string[]): UsageGroup => ({ isOther: false, values: values.map((value) => ({ value, displayName: "", isDeleted: false })) }) as unknown as UsageGroup;

  test("has tags last, as answers do, and nothing twice", () => {
    expect(divisionOf("tag:env", "model", "model", "unknown")).toMatchObject({ divisions: ["model", "tag:env"], groupByTags: ["env"] });
  });

  test("leads to the calls of a group, within what was selected", () => {
    const selection = { period: "7d", group: "sales" } as const;
    expect(selectionOfGroup(selection, ["member", "tag:env"], group(`${parent}/serviceAccounts/ci`, "test"))).toEqual({ ...selection, serviceAccount: "ci", tag: "env=test" });
    expect(selectionOfGroup(selection, ["status"], group("VOIDED"))).toEqual({ ...selection, status: "failed" });
  });

  test("leads nowhere for calls without a value, which no filter finds", () => {
    expect(selectionOfGroup({}, ["group"], group(""))).toBeUndefined();
  });
});
