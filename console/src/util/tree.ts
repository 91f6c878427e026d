import type { Group } from "@megarouter/admin";

/** Orders groups as a tree: each group is followed by those below it. A group whose parent is not shown is on top. */
export function asTree(groups: readonly Group[]): readonly { readonly group: Group; readonly depth: number }[] {
  const shown = new Set(groups.map((group) => group.name));
  const below = new Map<string, Group[]>();
  for (const group of groups) {
    const parent = shown.has(group.parentGroup) ? group.parentGroup : "";
    below.set(parent, [...(below.get(parent) ?? []), group]);
  }
  const ordered = (parent: string, depth: number): { group: Group; depth: number }[] =>
    (below.get(parent) ?? [])
      .toSorted((a, b) => a.displayName.localeCompare(b.displayName))
      .flatMap((group) => [{ group, depth }, ...ordered(group.name, depth + 1)]);
  return ordered("", 0);
}
