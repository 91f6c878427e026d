import { useSuspenseQuery } from "@connectrpc/connect-query";
import { Credits, type TopUpRequest, TopUpRequest_State } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, NativeSelect } from "@mantine/core";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";

import { idOf } from "../../api/names";
import { Part } from "../../components/Part";
import { RequestState } from "../../components/RequestState";
import { useParent } from "../../hooks/account";
import { pageSize, usePaging } from "../../hooks/paging";
import { PageHeader } from "../../layouts/PageHeader";
import { pathOf, pathsOf } from "../../paths";
import { type Column, DataTable } from "../../table/DataTable";
import { ListCsv } from "../../table/ListCsv";
import { Pager } from "../../table/Pager";
import { Amount } from "../../ui/Amount";
import { AppLink } from "../../ui/AppLink";
import { Copyable } from "../../ui/Copyable";
import { EmptyState } from "../../ui/EmptyState";
import { Properties } from "../../ui/Properties";
import { Surface } from "../../ui/Surface";
import { Time } from "../../ui/Time";
import { CreditFrame } from "./CreditFrame";

/** A request that waits is looked at again, because an operator may decide at any time. */
const waitMs = 10_000;
const from = "/organizations/$organization/topUpRequests";

/** The top-ups beyond the credit line, which operators decide. */
export function TopUpRequests() {
  const { t } = useLingui();
  const { state } = useSearch({ from });
  const navigate = useNavigate({ from });
  return (
    <CreditFrame>
      <Surface
        flush title={<Trans>Top-up requests</Trans>} hint={<Trans>Top-ups beyond the credit line. An operator of the deployment approves or rejects them.</Trans>}
        actions={
          <NativeSelect
            aria-label={t`State`} size="xs" value={state ?? ""} onChange={(event) => void navigate({ to: ".", search: event.currentTarget.value === "" ? {} : { state: event.currentTarget.value as "pending" } })}
            data={[{ value: "", label: t`Every state` }, { value: "pending", label: t`Pending` }, { value: "approved", label: t`Approved` }, { value: "rejected", label: t`Rejected` }]}
          />
        }
      >
        <Part height={300}><Found state={state} /></Part>
      </Surface>
    </CreditFrame>
  );
}

function Found({ state }: { readonly state: string | undefined }) {
  const parent = useParent();
  const { t } = useLingui();
  const paging = usePaging(state ?? "");
  const question = { parent, filter: state === undefined ? "" : `state = STATE_${state.toUpperCase()}` };
  const { data } = useSuspenseQuery(Credits.method.listTopUpRequests, { ...question, pageSize, pageToken: paging.token });
  if (data.topUpRequests.length === 0 && paging.back === undefined) {
    return (
      <EmptyState
        title={<Trans>No requests</Trans>} step={<Trans>A top-up beyond what is left of the credit line becomes a request.</Trans>} command="megarouter credits requests"
        action={<Button component={Link} to={pathsOf(parent).newTopUp} size="xs"><Trans>Top up</Trans></Button>}
      />
    );
  }
  const columns: readonly Column<TopUpRequest>[] = [
    { id: "time", header: <Trans>Time</Trans>, cell: (one) => <AppLink to={pathOf(one.name)}><Time value={one.createTime} /></AppLink> },
    { id: "who", header: <Trans>By</Trans>, cell: (one) => <span className="cut">{one.userDisplayName || idOf(one.user)}</span>, shown: "wide" },
    { id: "reason", header: <Trans>Reason</Trans>, cell: (one) => <span className="cut">{one.reason}</span>, shown: "very-wide" },
    { id: "state", header: <Trans>State</Trans>, cell: (one) => <RequestState state={one.state} /> },
    { id: "amount", header: <Trans>Amount</Trans>, cell: (one) => <Amount nanoCredits={one.amountNanoCredits} decimals={2} />, align: "right" },
  ];
  return (
    <>
      <DataTable caption={t`Top-up requests`} columns={columns} rows={data.topUpRequests} keyOf={(one) => one.name} />
      <Pager paging={paging} nextToken={data.nextPageToken}><ListCsv file="top-up-requests" method={Credits.method.listTopUpRequests} request={question} /></Pager>
    </>
  );
}

export function TopUpRequestPage() {
  const parent = useParent();
  const { t } = useLingui();
  const { request: id } = useParams({ from: "/organizations/$organization/topUpRequests/$request" });
  const { data: one } = useSuspenseQuery(Credits.method.getTopUpRequest, { name: `${parent}/topUpRequests/${id}` }, { refetchInterval: ({ state }) => (state.data?.state === TopUpRequest_State.PENDING ? waitMs : false) });
  return (
    <>
      <PageHeader
        crumbs={[{ label: t`Credit`, to: pathsOf(parent).credit }, { label: t`Top-up requests`, to: pathsOf(parent).topUpRequests }]}
        title={<Trans>Top-up of <Amount nanoCredits={one.amountNanoCredits} decimals={2} /></Trans>} hint={<RequestState state={one.state} />}
      />
      <Surface title={<Trans>The request</Trans>}>
        <Properties
          entries={[
            [<Trans>Id</Trans>, <Copyable text={id} label={t`id`} />],
            [<Trans>By</Trans>, one.userDisplayName || idOf(one.user)],
            [<Trans>Requested</Trans>, <Time value={one.createTime} />],
            [<Trans>Reason</Trans>, one.reason || undefined],
            [<Trans>Decided</Trans>, one.decideTime === undefined ? t`not yet: an operator of the deployment decides` : <Time value={one.decideTime} />],
            [<Trans>Reason of the operator</Trans>, one.decisionReason || undefined],
          ]}
        />
      </Surface>
    </>
  );
}

