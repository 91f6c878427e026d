import { useSuspenseQuery } from "@connectrpc/connect-query";
import { type Member, MemberView, Members } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Text } from "@mantine/core";

import { idOf } from "../../api/names";
import { usePlace } from "../../hooks/account";
import { useRoleName } from "../../hooks/labels";
import { pageSize, usePaging } from "../../hooks/paging";
import type { Selection } from "../../hooks/selection";
import { pathOf } from "../../paths";
import { type Column, DataTable } from "../../table/DataTable";
import { ListCsv } from "../../table/ListCsv";
import { Pager } from "../../table/Pager";
import { AppLink } from "../../ui/AppLink";
import { EmptyState } from "../../ui/EmptyState";
import { Spent } from "../../ui/Spent";
import { MemberState } from "./MemberState";

interface MemberQuestion {
  readonly filter?: string;
  readonly orderBy?: string;
  readonly group?: string;
  readonly withDescendants?: boolean;
  readonly showRemoved?: boolean;
}

/** A list of members. */
export function MemberTable({ question, selection }: { readonly question: MemberQuestion; readonly selection?: Selection<Member> | undefined }) {
  const { account } = usePlace();
  const { t } = useLingui();
  const roleName = useRoleName();
  const paging = usePaging(JSON.stringify(question));
  const listed = { parent: account.organization, view: MemberView.FULL, ...question };
  const { data } = useSuspenseQuery(Members.method.listMembers, { ...listed, pageSize, pageToken: paging.token });
  if (data.members.length === 0 && paging.back === undefined) {
    return <EmptyState title={<Trans>No one matches</Trans>} step={<Trans>Try another search, or choose “Invite people” above.</Trans>} command="megarouter invites create --role member --group none" />;
  }
  const columns: readonly Column<Member>[] = [
    {
      id: "name", header: <Trans>Name</Trans>,
      cell: (member) => <><AppLink to={pathOf(member.name)} fw={500} className="cut">{member.displayName || member.email || idOf(member.name)}</AppLink><Text size="xs" c="dimmed" className="cut">{member.email}</Text></>,
    },
    { id: "role", header: <Trans>Role</Trans>, cell: (member) => roleName(member.role), shown: "wide" },
    { id: "group", header: <Trans>Group</Trans>, cell: (member) => (member.group === "" ? "—" : <AppLink to={pathOf(member.group)} className="cut">{member.groupDisplayName || idOf(member.group)}</AppLink>), shown: "wide" },
    { id: "state", header: <Trans>State</Trans>, cell: (member) => <MemberState state={member.state} />, shown: "very-wide" },
    { id: "keys", header: <Trans>Keys</Trans>, cell: (member) => member.keyCount, align: "right", shown: "very-wide" },
    { id: "spent", header: <Trans>Spent</Trans>, cell: (member) => <Spent nanoCredits={member.spentNanoCredits} budget={member.budgetNanoCredits} carried={member.carriedNanoCredits} decimals={2} />, align: "right" },
  ];
  return (
    <>
      <DataTable caption={t`Members`} columns={columns} rows={data.members} keyOf={(member) => member.name} selection={selection} />
      <Pager paging={paging} nextToken={data.nextPageToken}><ListCsv file="members" method={Members.method.listMembers} request={listed} /></Pager>
    </>
  );
}
