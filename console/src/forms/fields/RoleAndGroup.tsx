import { type Group, Role } from "@megarouter/admin";
import { useLingui } from "@lingui/react/macro";
import { NativeSelect, SimpleGrid } from "@mantine/core";

import { usePlace } from "../../hooks/account";
import { useGroups } from "../../hooks/groups";
import { useRoleName } from "../../hooks/labels";
import { grantableRoles, mayUseGroup, roleFits } from "../../util/permissions";
import { GroupField } from "./GroupField";

interface RoleAndGroupProps {
  readonly role: Role;
  readonly group: string;
  readonly change: (part: { readonly role?: Role; readonly group?: string }) => void;
  readonly violation: (field: string) => string | undefined;
  /** Where the two are in the request, such as `invite`. */
  readonly path: string;
}

/** The role of somebody who joins, and a group that the role fits. */
export function RoleAndGroup({ role, group, change, violation, path }: RoleAndGroupProps) {
  const { account } = usePlace();
  const { t } = useLingui();
  const roleName = useRoleName();
  const groups = useGroups();
  const fits = (one: Group | undefined, wanted = role): boolean => mayUseGroup(account, one) && roleFits(wanted, one?.level ?? 0);
  const target = groups.find((one) => one.name === group);
  const choose = (next: Role): void => change({ role: next, ...(fits(target, next) ? {} : { group: "" }) });
  return (
    <SimpleGrid cols={{ base: 1, xs: 2 }}>
      <NativeSelect label={t`Role`} value={String(role)} onChange={(event) => choose(Number(event.currentTarget.value))} data={grantableRoles(account).map((one) => ({ value: String(one), label: roleName(one) }))} error={violation(`${path}.role`)} />
      <GroupField value={group} onChange={(chosen) => change({ group: chosen })} none={fits(undefined) ? t`No group` : undefined} canChoose={(one) => fits(one)} error={violation(`${path}.group`)} disabled={role === Role.SUPER_ADMIN} />
    </SimpleGrid>
  );
}
