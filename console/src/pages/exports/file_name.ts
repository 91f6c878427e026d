import type { UsageExport } from "@megarouter/admin";

import { organizationIdOf } from "../../api/names";
import { daysIn } from "../../util/times";

/** The name of the file of an export: whose usage it is, and of which days. */
export function fileNameOf({ name, timeRange }: Pick<UsageExport, "name" | "timeRange">, timeZone: string, extension: "pdf" | "csv"): string {
  return `${[organizationIdOf(name), "usage", ...daysIn(timeRange ?? {}, timeZone)].join("-")}.${extension}`;
}
