import { Group } from "@mantine/core";

import { useChangeSearch } from "../../hooks/usage";
import type { Period } from "../../util/times";
import { FilterMenu } from "./FilterMenu";
import { PeriodChoice } from "./PeriodChoice";

/** Chooses which calls a page is about. Beside the title; `Narrowed` shows below it what was chosen. */
export function SelectionBar({ otherwise }: { readonly otherwise: Period }) {
  const change = useChangeSearch();
  return (
    <Group gap="sm">
      <FilterMenu narrow={(narrowing, value) => change({ [narrowing]: value })} />
      <PeriodChoice otherwise={otherwise} />
    </Group>
  );
}
