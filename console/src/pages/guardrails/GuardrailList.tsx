import { useSuspenseQuery } from "@connectrpc/connect-query";
import { type Guardrail, Guardrail_Mode, Guardrails } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Badge, Button, Group, NativeSelect, Text } from "@mantine/core";
import { Link, useSearch } from "@tanstack/react-router";

import { allOf, idOf } from "../../api/names";
import { Part } from "../../components/Part";
import { kindOf } from "../../forms/guardrails/GuardrailForm";
import { usePlace } from "../../hooks/account";
import { useLanguage } from "../../hooks/language";
import { useCycleName, useLimits } from "../../hooks/limits";
import { pageSize, usePaging } from "../../hooks/paging";
import { useChangeSearch } from "../../hooks/usage";
import { pathOf, pathsOf } from "../../paths";
import { type Column, DataTable } from "../../table/DataTable";
import { ListCsv } from "../../table/ListCsv";
import { Pager } from "../../table/Pager";
import { AppLink } from "../../ui/AppLink";
import { EmptyState } from "../../ui/EmptyState";
import { Meter } from "../../ui/Meter";
import { Surface } from "../../ui/Surface";
import { formatCredits } from "../../util/credits";
import { OrganizationHeader } from "../organization/OrganizationHeader";

const from = "/organizations/$organization/guardrails";
const kinds = { organization: "ORGANIZATION", group: "GROUP", member: "MEMBER", key: "API_KEY" } as const;

/** The limits that were ever set. */
export function GuardrailList() {
  const { account } = usePlace();
  const { t } = useLingui();
  const paths = pathsOf(account.organization);
  const search = useSearch({ from });
  const change = useChangeSearch<typeof search>(true);
  return (
    <>
      <OrganizationHeader
        hint={<Trans>The limits of the organization, of groups, people and keys. A call must fit all that are above it.</Trans>}
        actions={<Group gap="sm"><Button component={Link} to={paths.guardrailDefaults} variant="default"><Trans>Defaults</Trans></Button><Button component={Link} to={paths.explain} variant="default"><Trans>Why was a call refused?</Trans></Button></Group>}
      />
      <Group gap="sm" mb="md">
        <NativeSelect
          aria-label={t`Of what`} value={search.of ?? ""} onChange={(event) => change({ of: (event.currentTarget.value || undefined) as keyof typeof kinds | undefined })}
          data={[{ value: "", label: t`Of everything` }, { value: "organization", label: t`Of the organization` }, { value: "group", label: t`Of groups` }, { value: "member", label: t`Of people` }, { value: "key", label: t`Of keys` }]}
        />
        <NativeSelect
          aria-label={t`Mode`} value={search.mode ?? ""} onChange={(event) => change({ mode: (event.currentTarget.value || undefined) as "enforce" | "shadow" | undefined })}
          data={[{ value: "", label: t`Either mode` }, { value: "enforce", label: t`That refuse` }, { value: "shadow", label: t`In shadow mode` }]}
        />
      </Group>
      <Surface flush><Part height={420}><Found /></Part></Surface>
    </>
  );
}

function Found() {
  const { account } = usePlace();
  const { t } = useLingui();
  const language = useLanguage();
  const limitsOf = useLimits();
  const cycleName = useCycleName();
  const search = useSearch({ from });
  const paging = usePaging(JSON.stringify(search));
  const question = { parent: account.organization, filter: allOf(search.of === undefined ? "" : `scope_kind = ${kinds[search.of]}`, search.mode === undefined ? "" : `mode = ${search.mode === "shadow" ? "MODE_SHADOW" : "MODE_ENFORCE"}`) };
  const { data } = useSuspenseQuery(Guardrails.method.listGuardrails, { ...question, pageSize, pageToken: paging.token });
  if (data.guardrails.length === 0 && paging.back === undefined) {
    return <EmptyState title={<Trans>No guardrail is set</Trans>} step={<Trans>Open a group, a member or a key, and change its guardrail there.</Trans>} command="megarouter guardrails set groups/engineering --budget 500 --cycle monthly" />;
  }
  const kindName: Record<string, string> = { organization: t`Organization`, group: t`Group`, member: t`Member`, serviceaccount: t`Service account`, apikey: t`Key` };
  const others = (guardrail: Guardrail): string => limitsOf(guardrail).filter(({ id }) => id !== "budget" && id !== "mode").map(({ label, text }) => `${label}: ${text}`).join(" · ");
  const columns: readonly Column<Guardrail>[] = [
    { id: "of", header: <Trans>Of</Trans>, cell: (one) => <><AppLink to={pathOf(one.name)} fw={500} className="cut">{one.scopeDisplayName || idOf(one.scope)}</AppLink><Text size="xs" c="dimmed">{kindName[kindOf(one)]}</Text></> },
    {
      id: "budget", header: <Trans>Budget</Trans>,
      cell: (one) => (one.budgetNanoCredits === undefined ? "—" : <>{formatCredits(one.budgetNanoCredits, language, 2)} <Text span size="xs" c="dimmed">{cycleName(one.cycle)}</Text>{!one.figuresHidden && <Meter used={one.spentNanoCredits} limit={one.budgetNanoCredits + one.carriedNanoCredits} label={t`Budget of ${one.scopeDisplayName}`} height={4} />}</>),
    },
    { id: "spent", header: <Trans>Spent</Trans>, cell: (one) => (one.figuresHidden ? "—" : <>{formatCredits(one.spentNanoCredits, language, 2)}{one.budgetNanoCredits === undefined && one.periodStartTime === undefined && <Text span size="xs" c="dimmed"> <Trans>in total</Trans></Text>}</>), align: "right", shown: "wide" },
    { id: "others", header: <Trans>Other limits</Trans>, cell: (one) => <Text size="sm" lineClamp={2} style={{ overflowWrap: "anywhere" }}>{others(one) || "—"}</Text>, shown: "wide" },
    { id: "mode", header: <Trans>Mode</Trans>, cell: (one) => (one.mode === Guardrail_Mode.SHADOW ? <Badge variant="light" radius="sm" tt="none" color="orange"><Trans>Shadow</Trans></Badge> : <Trans>Refuses</Trans>), shown: "very-wide" },
  ];
  return (
    <>
      <DataTable caption={t`Guardrails`} columns={columns} rows={data.guardrails} keyOf={(one) => one.name} />
      <Pager paging={paging} nextToken={data.nextPageToken}><ListCsv file="guardrails" method={Guardrails.method.listGuardrails} request={question} /></Pager>
    </>
  );
}
