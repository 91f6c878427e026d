import { Checkbox, Table, VisuallyHidden } from "@mantine/core";
import type { MouseEvent, ReactNode } from "react";

import type { Selection } from "../hooks/selection";

/** A column of a list. `shown` says from which width of the table on it fits; a narrow one is cut sooner, where many are side by side. */
export interface Column<Row> {
  readonly id: string;
  readonly header: ReactNode;
  readonly cell: (row: Row) => ReactNode;
  readonly align?: "right";
  readonly shown?: "wide" | "very-wide" | "widest";
  readonly narrow?: true;
}

interface DataTableProps<Row> {
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;
  /** Lets rows be chosen, for doing the same with several of them. */
  readonly selection?: Selection<Row> | undefined;
  /** Opens what a row is about when somebody clicks beside its links. Keyboards have the link in the row. */
  readonly open?: (row: Row) => void;
}

/** One page of a list. The first cell of a row has the link to what it is about. */
export function DataTable<Row>({ caption, columns, rows, keyOf, selection, open }: DataTableProps<Row>) {
  return (
    <div className={selection === undefined ? "table-scroll" : "table-scroll choosing"} tabIndex={0} role="region" aria-label={caption}>
      <Table highlightOnHover verticalSpacing="sm">
        <Table.Caption p={0} m={0}><VisuallyHidden>{caption}</VisuallyHidden></Table.Caption>
        <Table.Thead>
          <Table.Tr>
            {selection !== undefined && <Table.Th w={44}><Checkbox size="xs" aria-label={selection.allLabel} {...selection.all(rows)} /></Table.Th>}
            {columns.map((column) => (
              <Table.Th key={column.id} scope="col" ta={column.align ?? "left"} className={classOf(column)}>{column.header}</Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row) => (
            <Table.Tr key={keyOf(row)} {...(open === undefined ? {} : { onClick: (event: MouseEvent) => { if (isBesideLinks(event)) open(row); }, style: { cursor: "pointer" } })}>
              {selection !== undefined && <Table.Td><Checkbox size="xs" aria-label={selection.labelOf(row)} {...selection.one(row)} /></Table.Td>}
              {columns.map((column) => (
                <Table.Td key={column.id} ta={column.align ?? "left"} className={classOf(column)}>{column.cell(row)}</Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}

/** Whether a click is not for something in the row, and does not end the marking of text. */
function isBesideLinks(event: MouseEvent): boolean {
  const target = event.target as Element;
  return target.closest("a, button, input, label") === null && window.getSelection()?.isCollapsed !== false;
}

function classOf<Row>(column: Column<Row>): string | undefined {
  return [column.shown === undefined ? "" : `${column.shown}-only`, column.narrow === true ? "narrow" : ""].join(" ").trim() || undefined;
}
