import { useSuspenseQuery } from "@connectrpc/connect-query";
import { type VirtualModel, VirtualModels } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Badge, Button } from "@mantine/core";
import { Link } from "@tanstack/react-router";

import { idOf } from "../../api/names";
import { Part } from "../../components/Part";
import { isAdmin, usePlace } from "../../hooks/account";
import { pageSize, usePaging } from "../../hooks/paging";
import { pathOf, pathsOf } from "../../paths";
import { type Column, DataTable } from "../../table/DataTable";
import { ListCsv } from "../../table/ListCsv";
import { Pager } from "../../table/Pager";
import { AppLink } from "../../ui/AppLink";
import { EmptyState } from "../../ui/EmptyState";
import { Surface } from "../../ui/Surface";
import { CatalogFrame } from "./CatalogFrame";

/** The names that callers use as a model, and that one of several models serves. */
export function VirtualModelList() {
  const { account } = usePlace();
  const paths = pathsOf(account.organization);
  const { t } = useLingui();
  const admin = isAdmin(account);
  const button = admin ? <Button component={Link} to={paths.newVirtualModel}><Trans>Create a virtual model</Trans></Button> : <Button disabled title={t`Admins create virtual models`}><Trans>Create a virtual model</Trans></Button>;
  return (
    <CatalogFrame hint={<Trans>Names that callers use as a model. The cheapest candidate that is good enough serves a call.</Trans>} actions={button}>
      <Surface flush><Part height={320}><Found canCreate={admin} /></Part></Surface>
    </CatalogFrame>
  );
}

function Found({ canCreate }: { readonly canCreate: boolean }) {
  const { account } = usePlace();
  const parent = account.organization;
  const { t } = useLingui();
  const paging = usePaging(parent);
  const question = { parent };
  const { data } = useSuspenseQuery(VirtualModels.method.listVirtualModels, { ...question, pageSize, pageToken: paging.token });
  if (data.virtualModels.length === 0 && paging.back === undefined) {
    return (
      <EmptyState
        title={<Trans>No virtual models of your own</Trans>} step={<Trans>Those of the catalog, such as auto, still work.</Trans>} command="megarouter routing add-model fast --candidate gpt-4o-mini --baseline gpt-4o"
        action={canCreate ? <Button component={Link} to={pathsOf(parent).newVirtualModel} size="xs"><Trans>Create a virtual model</Trans></Button> : undefined}
      />
    );
  }
  const columns: readonly Column<VirtualModel>[] = [
    { id: "name", header: <Trans>Name</Trans>, cell: (model) => <AppLink to={pathOf(model.name)} fw={500} className="cut">{model.modelName}</AppLink> },
    { id: "owner", header: <Trans>Owner</Trans>, cell: (model) => (model.owner === parent ? t`the organization` : <AppLink to={pathOf(model.owner)}>{idOf(model.owner)}</AppLink>), shown: "wide" },
    { id: "baseline", header: <Trans>Baseline</Trans>, cell: (model) => <span className="cut">{model.baselineModel}</span> },
    { id: "candidates", header: <Trans>Candidates</Trans>, cell: (model) => model.candidateModels.length, align: "right", shown: "wide" },
    { id: "state", header: <Trans>State</Trans>, cell: (model) => <VirtualModelState model={model} /> },
  ];
  return (
    <>
      <DataTable caption={t`Virtual models`} columns={columns} rows={data.virtualModels} keyOf={(model) => model.name} />
      <Pager paging={paging} nextToken={data.nextPageToken}><ListCsv file="virtual-models" method={VirtualModels.method.listVirtualModels} request={question} /></Pager>
    </>
  );
}

export function VirtualModelState({ model }: { readonly model: VirtualModel }) {
  const { t } = useLingui();
  const { label, color } = model.disabled
    ? { label: t`Only the baseline serves`, color: "gray" }
    : model.returns.length > 0 ? { label: t`Went back in part`, color: "orange" } : { label: t`Routes`, color: "teal" };
  return <Badge variant="light" radius="sm" tt="none" color={color}>{label}</Badge>;
}
