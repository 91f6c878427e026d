import { useSuspenseQuery } from "@connectrpc/connect-query";
import { Guardrails } from "@megarouter/admin";
import { Trans } from "@lingui/react/macro";
import { Text } from "@mantine/core";

import { guardrailOf } from "../api/names";
import { useLimits } from "../hooks/limits";
import { pathOf } from "../paths";
import { AppLink } from "../ui/AppLink";
import { Properties } from "../ui/Properties";
import { Surface } from "../ui/Surface";
import { Time } from "../ui/Time";
import { Part } from "./Part";

/** The limits of a group, a member, a service account or a key, and the way to change them. */
export function GuardrailSummary({ scope }: { readonly scope: string }) {
  return (
    <Surface title={<Trans>Guardrail</Trans>} hint={<Trans>The guardrails above it apply too.</Trans>} actions={<AppLink to={pathOf(guardrailOf(scope))}><Trans>Open and change</Trans></AppLink>}>
      <Part><Limits scope={scope} /></Part>
    </Surface>
  );
}

function Limits({ scope }: { readonly scope: string }) {
  const limitsOf = useLimits();
  const { data: guardrail } = useSuspenseQuery(Guardrails.method.getGuardrail, { name: guardrailOf(scope) });
  const limits = limitsOf(guardrail);
  if (limits.length === 0) return <Text size="sm" c="dimmed"><Trans>It limits nothing.</Trans></Text>;
  return (
    <Properties
      entries={[
        ...limits.map(({ label, text }) => [label, text] as const),
        [<Trans>Temporary until</Trans>, guardrail.temporaryLimit === undefined ? undefined : <Time value={guardrail.temporaryLimit.endTime} />],
      ]}
    />
  );
}
