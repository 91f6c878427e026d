import { useSuspenseQuery } from "@connectrpc/connect-query";
import { type Group, GuardrailDefaults } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Stack, Text } from "@mantine/core";

import { idOf } from "../../api/names";
import { Part } from "../../components/Part";
import { usePlace } from "../../hooks/account";
import { useGroups } from "../../hooks/groups";
import { PageHeader } from "../../layouts/PageHeader";
import { pathsOf } from "../../paths";
import { AppLink } from "../../ui/AppLink";
import { Surface } from "../../ui/Surface";
import { Time } from "../../ui/Time";
import { asTree } from "../../util/tree";

const mostShown = 1000;
const indentPx = 22;

/** The organization and its groups, each with what new members and keys there begin with. */
export function DefaultList() {
  const { account } = usePlace();
  const { t } = useLingui();
  const paths = pathsOf(account.organization);
  return (
    <>
      <PageHeader crumbs={[{ label: t`Organization`, to: paths.people }, { label: t`Guardrails`, to: paths.guardrails }]} title={<Trans>Defaults</Trans>} hint={<Trans>What new members and keys start with. The nearest group that names a limit wins, then the organization.</Trans>} />
      <Surface><Part height={320}><Tree /></Part></Surface>
    </>
  );
}

function Tree() {
  const { account, organization } = usePlace();
  const groups = useGroups();
  const { data } = useSuspenseQuery(GuardrailDefaults.method.listGuardrailDefaults, { parent: account.organization, pageSize: mostShown });
  const changed = new Map(data.guardrailDefaults.map((one) => [one.scope, one.updateTime]));
  const row = (scope: string, name: string, id: string, depth: number) => (
    <Stack key={scope} gap={0} pl={depth * indentPx}>
      <AppLink to={`${pathsOf(account.organization).guardrailDefaults}/${id}`} fw={depth === 0 ? 600 : 400} className="cut">{name}</AppLink>
      <Text size="xs" c="dimmed">{changed.get(scope) === undefined ? <Trans>nothing set</Trans> : <Trans>changed <Time value={changed.get(scope)} ago /></Trans>}</Text>
    </Stack>
  );
  return <Stack gap="sm">{row(account.organization, organization.displayName, "organization", 0)}{asTree(groups).map(({ group, depth }: { group: Group; depth: number }) => row(group.name, group.displayName, `group-${idOf(group.name)}`, depth + 1))}</Stack>;
}
