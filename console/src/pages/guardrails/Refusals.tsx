import { useQuery, useSuspenseQuery } from "@connectrpc/connect-query";
import { Guardrails, type RefusalGroup, RefusalDimension, Usage } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Text } from "@mantine/core";

import { idOf } from "../../api/names";
import { usePlace } from "../../hooks/account";
import { useLanguage } from "../../hooks/language";
import { useNow } from "../../hooks/now";
import { useRefusalReason } from "../../hooks/refusals";
import { pathOf, pathsOf } from "../../paths";
import { type Column, DataTable } from "../../table/DataTable";
import { AppLink } from "../../ui/AppLink";
import { formatCount } from "../../util/numbers";
import { startOf } from "../../util/times";

const mostShown = 50;

interface RefusalsProps {
  /** The resource name of a member, a service account or a key; undefined for all whom the person sees. */
  readonly caller: string | undefined;
}

/** Why calls were refused in the last days, how often, and by which guardrail. */
export function Refusals({ caller }: RefusalsProps) {
  const { account, organization } = usePlace();
  const { t } = useLingui();
  const language = useLanguage();
  const reasonName = useRefusalReason();
  const now = useNow();
  const whose = caller === undefined ? {} : caller.includes("/apiKeys/") ? { apiKeys: [caller] } : { members: [caller] };
  const second = caller === undefined ? RefusalDimension.API_KEY : RefusalDimension.GUARDRAIL;
  const { data } = useSuspenseQuery(Usage.method.queryRefusals, {
    name: account.organization, timeRange: { startTime: startOf("7d", now, organization.timeZone) }, groupBy: [RefusalDimension.REASON, second], usageFilter: whose, limit: mostShown,
  });
  if (data.groups.length === 0) return <Text size="sm" c="dimmed" px={20} pb={20}><Trans>No call was refused.</Trans></Text>;
  const by = (group: RefusalGroup) => group.values[1]?.value ?? "";
  const columns: readonly Column<RefusalGroup>[] = [
    {
      id: "reason", header: <Trans>Reason</Trans>,
      cell: (group) => { const code = group.values[0]?.value ?? ""; return <><span>{reasonName(code)}</span><Text size="xs" c="dimmed" ff="monospace">{code}</Text></>; },
    },
    caller === undefined
      ? { id: "key", header: <Trans>Key</Trans>, cell: (group) => (by(group) === "" ? "—" : <AppLink to={pathsOf(account.organization).explain} search={{ key: idOf(by(group)) }} className="cut">{group.values[1]?.displayName || idOf(by(group))}</AppLink>) }
      : { id: "guardrail", header: <Trans>Refused by</Trans>, cell: (group) => (by(group) === "" ? <Trans>no guardrail</Trans> : <GuardrailLink name={by(group)} />) },
    { id: "count", header: <Trans>Calls</Trans>, cell: (group) => formatCount(group.refusalCount, language), align: "right" },
  ];
  return <DataTable caption={t`Refused calls`} columns={columns} rows={data.groups} keyOf={(group) => group.values.map(({ value }) => value).join(" ")} />;
}

/** A guardrail by what it is of. Its id is shown until that is known, and to those who may not see it. */
function GuardrailLink({ name }: { readonly name: string }) {
  const { data } = useQuery(Guardrails.method.getGuardrail, { name });
  return <AppLink to={pathOf(name)} className="cut">{data?.scopeDisplayName || idOf(name)}</AppLink>;
}
