import type { JsonObject, JsonValue } from "@bufbuild/protobuf";

import { formatCredits } from "../../util/credits";

/** What the data of an alert says, as texts. A part that is missing is empty. */
export interface Facts {
  /** What it is about. */
  readonly name: string;
  readonly by: string;
  readonly text: (...path: readonly string[]) => string;
  readonly nanoCredits: (...path: readonly string[]) => bigint | undefined;
  /** An amount as people read it, without its unit. */
  readonly amount: (...path: readonly string[]) => string;
}

function at(data: JsonObject, path: readonly string[]): JsonValue | undefined {
  return path.reduce<JsonValue | undefined>((found, name) => (typeof found === "object" && found !== null && !Array.isArray(found) ? found[name] : undefined), data);
}

export function factsOf(data: JsonObject, language: string): Facts {
  const text = (...path: readonly string[]): string => {
    const found = at(data, path);
    return typeof found === "string" || typeof found === "number" ? String(found) : "";
  };
  const nanoCredits = (...path: readonly string[]): bigint | undefined => {
    const found = text(...path);
    return /^-?\d+$/.test(found) ? BigInt(found) : undefined;
  };
  const amount = (...path: readonly string[]): string => {
    const found = nanoCredits(...path);
    return found === undefined ? "" : formatCredits(found, language);
  };
  return { name: text("scope", "displayName") || text("scope", "name"), by: text("actor", "displayName") || text("actor", "name"), text, nanoCredits, amount };
}
