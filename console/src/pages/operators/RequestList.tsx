import { useSuspenseQuery } from "@connectrpc/connect-query";
import { Operators, type TopUpRequest, TopUpRequest_State } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, Group, NativeSelect, Stack, Text, TextInput } from "@mantine/core";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";

import { allOf, idOf, organizationIdOf, quoted } from "../../api/names";
import { FormDialog } from "../../components/FormDialog";
import { Part } from "../../components/Part";
import { RequestState } from "../../components/RequestState";
import { useLanguage } from "../../hooks/language";
import { pageSize, usePaging } from "../../hooks/paging";
import { useRequestId } from "../../hooks/request_id";
import { useSaving } from "../../hooks/saving";
import { PageHeader } from "../../layouts/PageHeader";
import { type Column, DataTable } from "../../table/DataTable";
import { ListCsv } from "../../table/ListCsv";
import { Pager } from "../../table/Pager";
import { Amount } from "../../ui/Amount";
import { AppLink } from "../../ui/AppLink";
import { EmptyState } from "../../ui/EmptyState";
import { Surface } from "../../ui/Surface";
import { Time } from "../../ui/Time";
import { formatCredits } from "../../util/credits";
import { operatorPageOf } from "./OrganizationList";

const from = "/operators/topUpRequests";
const states = { pending: "state = STATE_PENDING", approved: "state = STATE_APPROVED", rejected: "state = STATE_REJECTED", all: "" } as const;
export type RequestFilter = keyof typeof states;

/** The top-ups beyond credit lines, which wait for an operator. */
export function RequestList() {
  const { t } = useLingui();
  const { state = "pending" } = useSearch({ from });
  const navigate = useNavigate({ from });
  return (
    <>
      <PageHeader
        title={<Trans>Top-up requests</Trans>} hint={<Trans>Top-ups beyond the credit lines of their organizations</Trans>}
        actions={
          <NativeSelect
            aria-label={t`State`} value={state} onChange={(event) => void navigate({ to: ".", search: { state: event.currentTarget.value as RequestFilter } })}
            data={[{ value: "pending", label: t`Pending` }, { value: "approved", label: t`Approved` }, { value: "rejected", label: t`Rejected` }, { value: "all", label: t`Every state` }]}
          />
        }
      />
      <Surface flush><Part height={320}><Requests state={state} /></Part></Surface>
    </>
  );
}

export function Requests({ organization, state }: { readonly organization?: string; readonly state: RequestFilter }) {
  const { t } = useLingui();
  const [deciding, setDeciding] = useState<{ readonly request: TopUpRequest; readonly isApproval: boolean } | undefined>(undefined);
  const filter = allOf(states[state], organization === undefined ? "" : `organization = ${quoted(organization)}`);
  const paging = usePaging(filter);
  const question = { filter };
  const { data } = useSuspenseQuery(Operators.method.searchTopUpRequests, { ...question, pageSize, pageToken: paging.token });
  if (data.topUpRequests.length === 0 && paging.back === undefined && data.nextPageToken === "") {
    return <EmptyState title={state === "pending" ? <Trans>No request waits</Trans> : <Trans>No requests</Trans>} step={<Trans>A top-up beyond what is left of the credit line becomes a request.</Trans>} command="megarouter operator requests" />;
  }
  const columns: readonly Column<TopUpRequest>[] = [
    { id: "time", header: <Trans>Requested</Trans>, cell: (one) => <Time value={one.createTime} ago />, shown: "wide" },
    ...(organization === undefined ? [{ id: "organization", header: <Trans>Organization</Trans>, cell: (one: TopUpRequest) => <AppLink to={operatorPageOf(one.name)} className="cut">{organizationIdOf(one.name)}</AppLink> }] : []),
    { id: "who", header: <Trans>By</Trans>, cell: (one) => <span className="cut">{one.userDisplayName || idOf(one.user)}</span>, shown: "very-wide" },
    { id: "reason", header: <Trans>Reason</Trans>, cell: (one) => <span className="cut">{one.decisionReason === "" ? one.reason : `${one.reason} → ${one.decisionReason}`}</span>, shown: "very-wide" },
    { id: "amount", header: <Trans>Amount</Trans>, cell: (one) => <Amount nanoCredits={one.amountNanoCredits} decimals={2} />, align: "right" },
    {
      id: "state", header: <Trans>State</Trans>, align: "right",
      cell: (one) => (one.state === TopUpRequest_State.PENDING ? <Decide onApprove={() => setDeciding({ request: one, isApproval: true })} onReject={() => setDeciding({ request: one, isApproval: false })} /> : <RequestState state={one.state} />),
    },
  ];
  return (
    <>
      <DataTable caption={t`Top-up requests`} columns={columns} rows={data.topUpRequests} keyOf={(one) => one.name} />
      <Pager paging={paging} nextToken={data.nextPageToken}><ListCsv file="top-up-requests" method={Operators.method.searchTopUpRequests} request={question} /></Pager>
      {deciding !== undefined && <Decision request={deciding.request} isApproval={deciding.isApproval} close={() => setDeciding(undefined)} />}
    </>
  );
}

function Decide({ onApprove, onReject }: { readonly onApprove: () => void; readonly onReject: () => void }) {
  return (
    <Group gap="xs" justify="flex-end">
      <Button size="xs" variant="default" onClick={onReject}><Trans>Reject</Trans></Button>
      <Button size="xs" onClick={onApprove}><Trans>Approve</Trans></Button>
    </Group>
  );
}

function Decision({ request, isApproval, close }: { readonly request: TopUpRequest; readonly isApproval: boolean; readonly close: () => void }) {
  const { t } = useLingui();
  const language = useLanguage();
  const [reason, setReason] = useState("");
  const requestId = useRequestId(`${request.name} ${isApproval} ${reason}`);
  const approval = useSaving(Operators.method.approveTopUpRequest, t`The request is approved.`);
  const rejection = useSaving(Operators.method.rejectTopUpRequest, t`The request is rejected.`);
  const saving = isApproval ? approval : rejection;
  const amount = formatCredits(request.amountNanoCredits, language, 2);
  const organization = organizationIdOf(request.name);
  return (
    <FormDialog
      opened close={close} danger={!isApproval} saving={saving} title={isApproval ? <Trans>Approve the top-up?</Trans> : <Trans>Reject the top-up?</Trans>} about={organization} verb={isApproval ? <Trans>Approve</Trans> : <Trans>Reject</Trans>}
      blocked={!isApproval && reason.trim() === "" ? <Trans>Say why: the organization sees it.</Trans> : undefined} submit={() => saving.save({ name: request.name, reason: reason.trim(), requestId }, close)}
    >
      <Stack gap="md">
        <Text size="sm" className="figures">
          {isApproval ? <Trans>{amount} credits are added to the pool of {organization} at once. They do not use its credit line.</Trans> : <Trans>No credit moves. {organization} may ask again.</Trans>}
        </Text>
        <TextInput label={t`Reason`} description={t`Shown to the organization`} required={!isApproval} maxLength={200} value={reason} onChange={(event) => setReason(event.currentTarget.value)} error={saving.violation("reason")} data-autofocus />
      </Stack>
    </FormDialog>
  );
}
