import { useSuspenseQuery } from "@connectrpc/connect-query";
import { type Member, MemberView, Members } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Group, NativeSelect, SimpleGrid, Text } from "@mantine/core";
import { useNavigate, useSearch } from "@tanstack/react-router";

import { allOf, idOf, quoted } from "../../api/names";
import { BudgetTree } from "../../components/BudgetTree";
import { Part } from "../../components/Part";
import { usePlace } from "../../hooks/account";
import { useRoleName } from "../../hooks/labels";
import { useLanguage } from "../../hooks/language";
import { pageSize, usePaging } from "../../hooks/paging";
import { PageHeader } from "../../layouts/PageHeader";
import { pathOf } from "../../paths";
import { type Column, DataTable } from "../../table/DataTable";
import { Pager } from "../../table/Pager";
import { SearchField } from "../../table/SearchField";
import { AppLink } from "../../ui/AppLink";
import { EmptyState } from "../../ui/EmptyState";
import { Surface } from "../../ui/Surface";
import { formatCredits } from "../../util/credits";
import { MemberState } from "./MemberState";

const from = "/organizations/$organization/people";
const roles = { "super-admin": "ROLE_SUPER_ADMIN", "l1-admin": "ROLE_L1_ADMIN", "sub-admin": "ROLE_SUB_ADMIN", member: "ROLE_MEMBER" } as const;
const orders = { name: "name", spend: "spent_nano_credits desc" } as const;

/** The groups and the members that the person sees. */
export function People() {
  const { t } = useLingui();
  const search = useSearch({ from });
  const navigate = useNavigate({ from });
  const change = (part: Partial<typeof search>): void => void navigate({ to: ".", search: (now) => ({ ...now, ...part }), replace: true });
  return (
    <>
      <PageHeader title={<Trans>Organization</Trans>} hint={<Trans>Groups with their budgets, and the people in them</Trans>} />
      <SimpleGrid cols={{ base: 1, lg: 1 }} spacing="lg">
        <Surface title={<Trans>Groups</Trans>} hint={<Trans>Spend against the budget of the present cycle</Trans>}><Part height={200}><BudgetTree /></Part></Surface>
        <div>
          <Group gap="sm" mb="md">
            <SearchField value={search.q ?? ""} label={t`Search by name or address`} onChange={(q) => change({ q: q || undefined })} />
            <NativeSelect
              aria-label={t`Role`} value={search.role ?? ""} onChange={(event) => change({ role: (event.currentTarget.value || undefined) as keyof typeof roles | undefined })}
              data={[
                { value: "", label: t`Every role` }, { value: "super-admin", label: t`Super Admin` }, { value: "l1-admin", label: t`L1 Admin` },
                { value: "sub-admin", label: t`Sub-Admin` }, { value: "member", label: t`Member` },
              ]}
            />
            <NativeSelect
              aria-label={t`Order`} value={search.order ?? "spend"} onChange={(event) => change({ order: event.currentTarget.value as keyof typeof orders })}
              data={[{ value: "spend", label: t`Highest spend first` }, { value: "name", label: t`By id` }]}
            />
          </Group>
          <Surface flush>
            <Part height={420}>
              <MemberTable
                question={{ orderBy: orders[search.order ?? "spend"], filter: allOf(search.q === undefined ? "" : quoted(search.q), search.role === undefined ? "" : `role = ${roles[search.role]}`) }}
              />
            </Part>
          </Surface>
        </div>
      </SimpleGrid>
    </>
  );
}

interface MemberQuestion {
  readonly filter?: string;
  readonly orderBy?: string;
  readonly group?: string;
  readonly withDescendants?: boolean;
}

export function MemberTable({ question }: { readonly question: MemberQuestion }) {
  const { account } = usePlace();
  const { t } = useLingui();
  const language = useLanguage();
  const roleName = useRoleName();
  const paging = usePaging(JSON.stringify(question));
  const { data } = useSuspenseQuery(Members.method.listMembers, { parent: account.organization, pageSize, pageToken: paging.token, view: MemberView.FULL, ...question });
  if (data.members.length === 0 && paging.back === undefined) {
    return <EmptyState title={<Trans>Nobody is here</Trans>} step={<Trans>Search for another text, or invite somebody.</Trans>} command="megarouter invites create --role member --group none" />;
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
    { id: "spent", header: <Trans>Spent</Trans>, cell: (member) => formatCredits(member.spentNanoCredits, language, 2), align: "right" },
    { id: "budget", header: <Trans>Budget</Trans>, cell: (member) => (member.budgetNanoCredits === undefined ? "—" : formatCredits(member.budgetNanoCredits, language, 2)), align: "right", shown: "wide" },
  ];
  return (
    <>
      <DataTable caption={t`Members`} columns={columns} rows={data.members} keyOf={(member) => member.name} />
      <Pager paging={paging} nextToken={data.nextPageToken} />
    </>
  );
}
