import type { Member } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, Group, NativeSelect } from "@mantine/core";
import { Link, useSearch } from "@tanstack/react-router";
import { useState } from "react";

import { allOf, quoted } from "../../api/names";
import { Part } from "../../components/Part";
import { BatchBar } from "../../components/BatchBar";
import { type BatchAct, BatchDialog } from "../../forms/organization/BatchForms";
import { isAdmin, usePlace } from "../../hooks/account";
import { useSelection } from "../../hooks/selection";
import { useChangeSearch } from "../../hooks/usage";
import { pathsOf } from "../../paths";
import { SearchField } from "../../table/SearchField";
import { Surface } from "../../ui/Surface";
import { mayChangeMember } from "../../util/permissions";
import { MemberTable } from "./MemberTable";
import { OrganizationHeader } from "./OrganizationHeader";

const from = "/organizations/$organization/people";
const roles = { "super-admin": "ROLE_SUPER_ADMIN", "l1-admin": "ROLE_L1_ADMIN", "sub-admin": "ROLE_SUB_ADMIN", member: "ROLE_MEMBER" } as const;
const orders = { name: "name", spend: "spent_nano_credits desc", joined: "create_time desc" } as const;
const states = { active: "STATE_ACTIVE", suspended: "STATE_SUSPENDED", removed: "STATE_REMOVED" } as const;

/** The people that the person sees, and what can be done with several of them. */
export function People() {
  const { account } = usePlace();
  const paths = pathsOf(account.organization);
  const search = useSearch({ from });
  const admin = isAdmin(account);
  const selection = useSelection<Member>({ keyOf: ({ name }) => name, nameOf: (member) => member.displayName || member.email, canChoose: (member) => mayChangeMember(account, member) });
  const [act, setAct] = useState<BatchAct | undefined>(undefined);
  const filter = allOf(search.q === undefined ? "" : quoted(search.q), search.role === undefined ? "" : `role = ${roles[search.role]}`, search.state === undefined ? "" : `state = ${states[search.state]}`);
  return (
    <>
      <OrganizationHeader
        hint={admin ? <Trans>Everyone you administer</Trans> : <Trans>You, as your organization sees you</Trans>}
        actions={admin && (
          <Group gap="sm">
            <Button component={Link} to={paths.importMembers} variant="default"><Trans>Import a table</Trans></Button>
            <Button component={Link} to={paths.newInvite}><Trans>Invite people</Trans></Button>
          </Group>
        )}
      />
      <Filters />
      <BatchBar count={selection.chosen.length} clear={selection.clear}>
        <Button size="xs" variant="default" onClick={() => setAct("move")}><Trans>Move…</Trans></Button>
        <Button size="xs" variant="default" onClick={() => setAct("suspend")}><Trans>Suspend…</Trans></Button>
        <Button size="xs" variant="default" onClick={() => setAct("resume")}><Trans>Resume…</Trans></Button>
        <Button size="xs" variant="light" color="red" onClick={() => setAct("remove")}><Trans>Remove…</Trans></Button>
      </BatchBar>
      <Surface flush>
        <Part height={420}><MemberTable question={{ orderBy: orders[search.order ?? "spend"], filter, showRemoved: search.state === "removed" }} selection={admin ? selection : undefined} /></Part>
      </Surface>
      <BatchDialog act={act} members={selection.chosen} close={() => setAct(undefined)} done={selection.clear} />
    </>
  );
}

function Filters() {
  const { t } = useLingui();
  const search = useSearch({ from });
  const change = useChangeSearch<typeof search>(true);
  return (
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
        aria-label={t`State`} value={search.state ?? ""} onChange={(event) => change({ state: (event.currentTarget.value || undefined) as keyof typeof states | undefined })}
        data={[{ value: "", label: t`Active and suspended` }, { value: "active", label: t`Active` }, { value: "suspended", label: t`Suspended` }, { value: "removed", label: t`Removed` }]}
      />
      <NativeSelect
        aria-label={t`Order`} value={search.order ?? "spend"} onChange={(event) => change({ order: event.currentTarget.value as keyof typeof orders })}
        data={[{ value: "spend", label: t`Highest spend first` }, { value: "joined", label: t`Latest first` }, { value: "name", label: t`By id` }]}
      />
    </Group>
  );
}
