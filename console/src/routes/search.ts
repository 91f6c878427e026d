import { type Selection, selectionOf } from "../util/selection";

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

/** Returns the days that an address names, otherwise its period. */
export function daysOf(search: Search): Pick<Selection, "period" | "from" | "to"> {
  const { period, from, to } = selectionOf(search);
  return { ...(period === undefined ? {} : { period }), ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
}
