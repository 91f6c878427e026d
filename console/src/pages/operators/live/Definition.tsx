import type { JsonObject } from "@bufbuild/protobuf";
import { Trans, useLingui } from "@lingui/react/macro";
import { Code } from "@mantine/core";

import { Surface } from "../../../ui/Surface";

/** A definition in the form of the catalog file. */
export function Definition({ definition = {} }: { readonly definition?: JsonObject | undefined }) {
  const { t } = useLingui();
  return (
    <Surface title={<Trans>Definition</Trans>} hint={<Trans>In the form of the catalog file, without what it says by default</Trans>}>
      <Code block tabIndex={0} role="region" aria-label={t`Definition`} style={{ maxHeight: 420, overflow: "auto" }}>{JSON.stringify(definition, undefined, 2)}</Code>
    </Surface>
  );
}
