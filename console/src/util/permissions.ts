/**
 * Which changes a person may make, so that the page can say so before the service does. It mirrors `docs/reference/permissions.md`; the
 * service decides.
 */
import { type Account, type Group, type Guardrail, type Member, Member_State, Role } from "@megarouter/admin";

/** A group that is to change: a Super Admin any, an L1 Admin those below their own. */
export function mayChangeGroup(account: Account, group: Group): boolean {
  if (account.role === Role.SUPER_ADMIN) return true;
  return account.role === Role.L1_ADMIN && group.name !== account.group && group.path.includes(account.group);
}

/** A group that is to have another one below it; undefined for the organization itself. */
export function mayCreateBelow(account: Account, group: Group | undefined): boolean {
  if (account.role === Role.SUPER_ADMIN) return group === undefined || group.level < deepestLevel;
  return account.role === Role.L1_ADMIN && group !== undefined && group.level < deepestLevel && group.path.includes(account.group);
}

/** A member whose role, group or state is to change: a Super Admin all, an admin those of lower roles whom they see. */
export function mayChangeMember(account: Account, member: Member): boolean {
  if (member.state === Member_State.REMOVED) return false;
  return account.role === Role.SUPER_ADMIN || (account.role !== Role.MEMBER && member.role > account.role);
}

/**
 * The guardrail of a scope. A Super Admin changes all; an admin those of groups below their own, and of people, service accounts and keys
 * whom they see, for which the service knows the roles; a member those of their own keys.
 */
export function mayChangeGuardrail(account: Account, guardrail: Guardrail): boolean {
  if (account.role === Role.SUPER_ADMIN) return true;
  const { scope } = guardrail;
  if (scope === account.organization || scope === account.group) return false;
  if (scope.includes("/apiKeys/")) return true;
  return account.role !== Role.MEMBER && scope !== account.member && !guardrail.figuresHidden;
}

/** The roles that a person may give: a Super Admin any, others those below their own. */
export function grantableRoles(account: Account): readonly Role[] {
  const roles = [Role.SUPER_ADMIN, Role.L1_ADMIN, Role.SUB_ADMIN, Role.MEMBER];
  return account.role === Role.SUPER_ADMIN ? roles : roles.filter((role) => role > account.role);
}

/** Whether a role fits into a group of a level; 0 is no group. */
export function roleFits(role: Role, level: number): boolean {
  switch (role) {
    case Role.SUPER_ADMIN:
      return level === 0;
    case Role.L1_ADMIN:
      return level === 1;
    case Role.SUB_ADMIN:
      return level > 1;
    default:
      return true;
  }
}

/** Whether a person may choose a group for others, or none at all, which only a Super Admin may. */
export function mayUseGroup(account: Account, group: Group | undefined): boolean {
  if (account.role === Role.SUPER_ADMIN) return true;
  return group !== undefined && account.role !== Role.MEMBER && group.path.includes(account.group);
}

export const deepestLevel = 4;
