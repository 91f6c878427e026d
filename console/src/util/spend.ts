import type { Group, TopConsumer } from "@megarouter/admin";

/**
 * Returns what each group spent with all groups below it.
 *
 * @param groups every group of the tree
 * @param direct what each group's own members spent
 */
export function spendWithBelow(groups: readonly Pick<Group, "name" | "parentGroup">[], direct: readonly Pick<TopConsumer, "consumer" | "total">[]): ReadonlyMap<string, bigint> {
  const parents = new Map(groups.map(({ name, parentGroup }) => [name, parentGroup]));
  const spend = new Map<string, bigint>(groups.map(({ name }) => [name, 0n]));
  for (const { consumer, total } of direct) {
    for (let name = consumer?.value ?? ""; parents.has(name); name = parents.get(name) ?? "") spend.set(name, (spend.get(name) ?? 0n) + (total?.chargeNanoCredits ?? 0n));
  }
  return spend;
}
