import type { JsonObject } from "@bufbuild/protobuf";
import { Trans, useLingui } from "@lingui/react/macro";
import { Code, Text } from "@mantine/core";

import { type Column, DataTable } from "../table/DataTable";
import { EmptyState } from "../ui/EmptyState";
import { type FieldChange, fieldChanges } from "../util/changes";

interface ChangesProps {
  readonly before: JsonObject | undefined;
  readonly after: JsonObject | undefined;
}

/** What a change has changed, field by field. */
export function Changes({ before, after }: ChangesProps) {
  const { t } = useLingui();
  const changes = fieldChanges(before, after);
  if (changes.length === 0) return <EmptyState title={<Trans>No field is different</Trans>} />;
  const columns: readonly Column<FieldChange>[] = [
    { id: "field", header: <Trans>Field</Trans>, cell: (one) => <Code style={{ background: "transparent", padding: 0 }}>{one.field}</Code> },
    ...(before === undefined ? [] : [{ id: "before", header: <Trans>Before</Trans>, cell: (one: FieldChange) => <Value text={one.before} /> }]),
    ...(after === undefined ? [] : [{ id: "after", header: <Trans>After</Trans>, cell: (one: FieldChange) => <Value text={one.after} /> }]),
  ];
  return <DataTable caption={t`Changed fields`} columns={columns} rows={changes} keyOf={(one) => one.field} />;
}

function Value({ text }: { readonly text: string | undefined }) {
  if (text === undefined) return <Text span inherit c="dimmed">—</Text>;
  return <Text span inherit style={{ overflowWrap: "anywhere", whiteSpace: "pre-wrap" }}>{text}</Text>;
}
