import { Group } from "@mantine/core";

import type { Period } from "../../util/times";
import { FilterMenu } from "./FilterMenu";
import { PeriodChoice } from "./PeriodChoice";

/** Chooses which calls a page is about. Beside the title; `Narrowed` shows below it what was chosen. */
export function SelectionBar({ otherwise }: { readonly otherwise: Period }) {
  return (
    <Group gap="sm">
      <FilterMenu />
      <PeriodChoice otherwise={otherwise} />
    </Group>
  );
}
