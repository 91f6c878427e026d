import type { JsonObject, JsonValue } from "@bufbuild/protobuf";

/** A field of a resource that a change has changed. A side is undefined if the field was not there. */
export interface FieldChange {
  readonly field: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** Changes with every change, so they tell nothing. */
const untelling: readonly string[] = ["etag", "updateTime"];

/** Returns the fields in which two states of a resource differ, with the path of each, such as `limits.budget`. */
export function fieldChanges(before: JsonObject | undefined, after: JsonObject | undefined): readonly FieldChange[] {
  const [old, now] = [leavesOf(before), leavesOf(after)];
  return [...new Set([...old.keys(), ...now.keys()])]
    .filter((field) => !untelling.includes(field) && old.get(field) !== now.get(field))
    .toSorted()
    .map((field) => ({ field, before: old.get(field), after: now.get(field) }));
}

function leavesOf(value: JsonObject | undefined): ReadonlyMap<string, string> {
  const leaves = new Map<string, string>();
  const visit = (path: string, one: JsonValue): void => {
    if (one !== null && typeof one === "object" && !Array.isArray(one) && Object.keys(one).length > 0) {
      for (const [name, inner] of Object.entries(one)) visit(path === "" ? name : `${path}.${name}`, inner);
    } else {
      leaves.set(path, typeof one === "string" ? one : JSON.stringify(one));
    }
  };
  for (const [name, one] of Object.entries(value ?? {})) visit(name, one);
  return leaves;
}
