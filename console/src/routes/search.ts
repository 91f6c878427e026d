import { type Period, isPeriod } from "../util/times";

/** What the search part of an address may say. Whatever else it says is left out. */
export type Search = Record<string, unknown>;

/** Returns the text of a search parameter, if it is one. */
export function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : typeof value === "number" ? String(value) : undefined;
}

export function oneOf<T extends string>(value: unknown, values: readonly T[]): T | undefined {
  return values.find((one) => one === value);
}

/** Leaves out what is undefined, so that addresses have only what a person chose. */
export function defined<T extends object>(search: T): { [Name in keyof T]?: Exclude<T[Name], undefined> } {
  return Object.fromEntries(Object.entries(search).filter(([, value]) => value !== undefined)) as { [Name in keyof T]?: Exclude<T[Name], undefined> };
}

export function periodOf(search: Search): Period | undefined {
  return isPeriod(search.period) ? search.period : undefined;
}
