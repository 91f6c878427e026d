import { type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";

import type { TimeRange } from "../util/times";

/** Resource names: `organizations/acme/apiKeys/ci`. The path of a page after `/console/` is the name of what it shows. */

export function organizationName(id: string): string {
  return `organizations/${id}`;
}

export function idOf(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}

export function organizationIdOf(name: string): string {
  return name.split("/")[1] ?? "";
}

/** What an account is called, with its id, which tells those of one name apart. */
export function nameOf({ name, displayName }: { readonly name: string; readonly displayName: string }): string {
  const id = organizationIdOf(name);
  return displayName === "" || displayName === id ? id : `${displayName} (${id})`;
}

/** Quotes a value for a filter (AIP-160). */
export function quoted(value: string): string {
  return `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

/** Joins the parts of a filter that are not empty. */
export function allOf(...parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join(" AND ");
}

/** Narrows a list to a time range. Without one, it narrows nothing. */
export function within(field: string, range: TimeRange | undefined): string {
  if (range === undefined) return "";
  const { startTime, endTime } = range;
  const moment = (time: Timestamp): string => quoted(timestampDate(time).toISOString());
  return allOf(`${field} >= ${moment(startTime)}`, endTime === undefined ? "" : `${field} < ${moment(endTime)}`);
}

const guardrailPrefixes: Record<string, string> = { groups: "group", members: "member", serviceAccounts: "serviceaccount", apiKeys: "apikey" };

/** The name of the guardrail of an organization, a group, a member, a service account or an API key. */
export function guardrailOf(scope: string): string {
  const [, organization, collection, id] = scope.split("/");
  const prefix = guardrailPrefixes[collection ?? ""];
  return `organizations/${organization}/guardrails/${prefix === undefined ? "organization" : `${prefix}-${id}`}`;
}
