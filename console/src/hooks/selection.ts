import { useLingui } from "@lingui/react/macro";
import { type ChangeEvent, useState } from "react";

interface Box {
  readonly checked: boolean;
  readonly disabled?: boolean;
  readonly indeterminate?: boolean;
  readonly onChange: (event: ChangeEvent<HTMLInputElement>) => void;
}

/** The chosen rows of a list. They stay chosen on other pages of it. */
export interface Selection<Row> {
  readonly chosen: readonly Row[];
  readonly clear: () => void;
  readonly allLabel: string;
  readonly labelOf: (row: Row) => string;
  readonly one: (row: Row) => Box;
  readonly all: (rows: readonly Row[]) => Box;
}

interface SelectionRules<Row> {
  readonly keyOf: (row: Row) => string;
  readonly nameOf: (row: Row) => string;
  readonly canChoose: (row: Row) => boolean;
}

export function useSelection<Row>({ keyOf, nameOf, canChoose }: SelectionRules<Row>): Selection<Row> {
  const { t } = useLingui();
  const [chosen, setChosen] = useState<ReadonlyMap<string, Row>>(new Map());
  const toggle = (rows: readonly Row[], isChosen: boolean): void => {
    const next = new Map(chosen);
    for (const row of rows) {
      if (isChosen) next.set(keyOf(row), row);
      else next.delete(keyOf(row));
    }
    setChosen(next);
  };
  return {
    chosen: [...chosen.values()],
    clear: () => setChosen(new Map()),
    allLabel: t`Choose all on this page`,
    labelOf: (row) => t`Choose ${nameOf(row)}`,
    one: (row) => ({ checked: chosen.has(keyOf(row)), disabled: !canChoose(row), onChange: (event) => toggle([row], event.currentTarget.checked) }),
    all: (rows) => {
      const choosable = rows.filter(canChoose);
      const count = choosable.filter((row) => chosen.has(keyOf(row))).length;
      const isAll = count > 0 && count === choosable.length;
      return { checked: isAll, indeterminate: count > 0 && !isAll, disabled: choosable.length === 0, onChange: () => toggle(choosable, !isAll) };
    },
  };
}
