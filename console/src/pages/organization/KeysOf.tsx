import { useSuspenseQuery } from "@connectrpc/connect-query";
import { type ApiKey, ApiKeyView, ApiKeys } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Badge } from "@mantine/core";

import { idOf, quoted } from "../../api/names";
import { useParent } from "../../hooks/account";
import { useKeyState } from "../../hooks/labels";
import { pathOf } from "../../paths";
import { type Column, DataTable } from "../../table/DataTable";
import { AppLink } from "../../ui/AppLink";
import { EmptyState } from "../../ui/EmptyState";
import { Spent } from "../../ui/Spent";
import { colorOf } from "../keys/KeyList";

const mostShown = 100;

/** The keys of a member or a service account. */
export function KeysOf({ owner }: { readonly owner: string }) {
  const parent = useParent();
  const { t } = useLingui();
  const stateName = useKeyState();
  const isMember = owner.includes("/members/");
  const { data } = useSuspenseQuery(ApiKeys.method.listApiKeys, {
    parent, pageSize: mostShown, filter: `${isMember ? "member" : "service_account"} = ${quoted(owner)}`, view: ApiKeyView.FULL, orderBy: "last_use_time desc",
  });
  if (data.apiKeys.length === 0) return <EmptyState title={<Trans>No keys</Trans>} step={<Trans>Choose “Create a key” above.</Trans>} command={`megarouter keys create laptop ${isMember ? "--member" : "--service-account"} ${idOf(owner)}`} />;
  const columns: readonly Column<ApiKey>[] = [
    { id: "name", header: <Trans>Name</Trans>, cell: (key) => <AppLink to={pathOf(key.name)} className="cut">{key.displayName || idOf(key.name)}</AppLink> },
    { id: "state", header: <Trans>State</Trans>, cell: (key) => <Badge variant="light" radius="sm" tt="none" color={colorOf(key.state)}>{stateName(key.state)}</Badge> },
    { id: "spent", header: <Trans>Spent</Trans>, cell: (key) => <Spent nanoCredits={key.spentNanoCredits} budget={key.budgetNanoCredits} carried={key.carriedNanoCredits} />, align: "right" },
  ];
  return <DataTable caption={t`Keys`} columns={columns} rows={data.apiKeys} keyOf={(key) => key.name} />;
}
