import type { MessageInitShape } from "@bufbuild/protobuf";
import { Guardrail_Cycle, type MemberRowSchema, Role } from "@megarouter/admin";

import { parseCredits } from "./credits";
import { readTable } from "./csv";

/** Reads the table of members that `megarouter members import` reads, too: see docs/guides/people.md. */

export type MemberRowInit = MessageInitShape<typeof MemberRowSchema>;

/** What is wrong with a cell, or with the table. Lines count from 1, the header. */
export interface TableProblem {
  readonly kind: "no-rows" | "no-address-column" | "unknown-column" | "address" | "role" | "budget" | "cycle" | "rollover" | "rpm";
  readonly line: number;
  readonly text: string;
}

export interface MemberTable {
  readonly rows: readonly MemberRowInit[];
  readonly problems: readonly TableProblem[];
}

const columns: Record<string, string> = {
  address: "address", "e-mail": "address", email: "address", mail: "address", user: "address",
  name: "name", "display name": "name", "full name": "name",
  group: "group", "group path": "group", team: "group", role: "role",
  budget: "budget", credits: "budget", cycle: "cycle", "budget cycle": "cycle", period: "cycle",
  rollover: "rollover", "budget rollover": "rollover", "carry over": "rollover",
  rpm: "rpm", "requests per minute": "rpm", models: "models", whitelist: "models", "allowed models": "models",
};
const roles: Record<string, Role> = { "super-admin": Role.SUPER_ADMIN, "l1-admin": Role.L1_ADMIN, "sub-admin": Role.SUB_ADMIN, member: Role.MEMBER };
const cycles: Record<string, Guardrail_Cycle> = { never: Guardrail_Cycle.NEVER, daily: Guardrail_Cycle.DAILY, weekly: Guardrail_Cycle.WEEKLY, monthly: Guardrail_Cycle.MONTHLY };
const none = "none";

export function memberTable(text: string): MemberTable {
  const [header, ...lines] = readTable(text);
  if (header === undefined || lines.length === 0) return { rows: [], problems: [{ kind: "no-rows", line: 1, text: "" }] };
  const names = header.map((cell) => columns[cell.toLowerCase()]);
  const unknown = header.filter((_, index) => names[index] === undefined).map((cell): TableProblem => ({ kind: "unknown-column", line: 1, text: cell }));
  if (unknown.length > 0) return { rows: [], problems: unknown };
  if (!names.includes("address")) return { rows: [], problems: [{ kind: "no-address-column", line: 1, text: "" }] };
  const read = lines.map((cells, index) => rowOf(new Map(names.map((name, at) => [name ?? "", bare(cells[at] ?? "")])), index + 2));
  return { rows: read.map(({ row }) => row), problems: read.flatMap(({ problems }) => problems) };
}

/** Takes away the apostrophe that an export puts before cells that a spreadsheet would evaluate. */
function bare(cell: string): string {
  return /^'[=+\-@]/.test(cell) ? cell.slice(1) : cell;
}

function rowOf(cells: ReadonlyMap<string, string>, line: number): { readonly row: MemberRowInit; readonly problems: readonly TableProblem[] } {
  const problems: TableProblem[] = [];
  const cell = (name: string): string => cells.get(name) ?? "";
  const read = <T>(name: TableProblem["kind"], parse: (text: string) => T | undefined): T | undefined => {
    const text = cell(name);
    if (text === "" || text.toLowerCase() === none) return undefined;
    const value = parse(text);
    if (value === undefined) problems.push({ kind: name, line, text });
    return value;
  };
  if (!cell("address").includes("@")) problems.push({ kind: "address", line, text: cell("address") });
  const role = read("role", (text) => roles[text.toLowerCase().replaceAll(/[ _]/g, "-")]);
  const budget = read("budget", parseCredits);
  const cycle = read("cycle", (text) => cycles[text.toLowerCase()]);
  const rpm = read("rpm", (text) => (/^\d{1,9}$/.test(text) ? Number(text) : undefined));
  const rollover = read("rollover", (text) => {
    const cap = parseCredits(text);
    return text.toLowerCase() === "on" ? { enabled: true } : cap === undefined ? undefined : { enabled: true, capNanoCredits: cap };
  });
  const models = cell("models");
  const group = cell("group");
  const limits = {
    ...(budget === undefined ? {} : { budgetNanoCredits: budget }), ...(cycle === undefined ? {} : { cycle }), ...(rpm === undefined ? {} : { requestsPerMinute: rpm }),
    ...(models === "" || models.toLowerCase() === none ? {} : { modelWhitelist: { entries: models.toLowerCase() === "no models" ? [] : models.split(/[\s,;]+/).filter((one) => one !== "") } }),
    ...(rollover !== undefined ? { rollover } : cell("rollover").toLowerCase() === none ? { rollover: { enabled: false } } : {}),
  };
  const removedLimits = [["budget", "budget_nano_credits"], ["rpm", "requests_per_minute"], ["models", "model_whitelist"]].flatMap(([name, limit]) => (cell(name ?? "").toLowerCase() === none && limit !== undefined ? [limit] : []));
  return {
    row: {
      email: cell("address"), ...(role === undefined ? {} : { role }), ...(group === "" ? {} : { groupPath: group.toLowerCase() === none ? "" : group }),
      ...(Object.keys(limits).length === 0 ? {} : { limits }), removedLimits,
    },
    problems,
  };
}
