import { AccessToken_State, ApiKey_State, CreditTransaction_Kind, Invite_State, Member_State, Notification_Severity, Role, ServiceAccount_State, UsageStatus } from "@megarouter/admin";
import { useLingui } from "@lingui/react/macro";

/** What people read for the values of the API. A value that this page does not know yet is shown as nothing. */

export function useRoleName(): (role: Role) => string {
  const { t } = useLingui();
  return (role) =>
    ({ [Role.UNSPECIFIED]: "", [Role.SUPER_ADMIN]: t`Super Admin`, [Role.L1_ADMIN]: t`L1 Admin`, [Role.SUB_ADMIN]: t`Sub-Admin`, [Role.MEMBER]: t`Member` })[role];
}

export function useKeyState(): (state: ApiKey_State) => string {
  const { t } = useLingui();
  return (state) =>
    ({
      [ApiKey_State.UNSPECIFIED]: "", [ApiKey_State.ACTIVE]: t`Active`, [ApiKey_State.DISABLED]: t`Disabled`,
      [ApiKey_State.EXPIRED]: t`Expired`, [ApiKey_State.DELETED]: t`Deleted`,
    })[state];
}

export function useMemberState(): (state: Member_State) => string {
  const { t } = useLingui();
  return (state) =>
    ({
      [Member_State.UNSPECIFIED]: "", [Member_State.ACTIVE]: t`Active`, [Member_State.SUSPENDED]: t`Suspended`,
      [Member_State.REMOVED]: t`Removed`,
    })[state];
}

export function useInviteState(): (state: Invite_State) => string {
  const { t } = useLingui();
  return (state) =>
    ({
      [Invite_State.UNSPECIFIED]: "", [Invite_State.PENDING]: t`Unused`, [Invite_State.ACCEPTED]: t`Used up`, [Invite_State.REVOKED]: t`Revoked`,
      [Invite_State.EXPIRED]: t`Expired`,
    })[state];
}

export function useServiceAccountState(): (state: ServiceAccount_State) => string {
  const { t } = useLingui();
  return (state) =>
    ({
      [ServiceAccount_State.UNSPECIFIED]: "", [ServiceAccount_State.ACTIVE]: t`Active`, [ServiceAccount_State.DISABLED]: t`Disabled`,
      [ServiceAccount_State.DELETED]: t`Deleted`,
    })[state];
}

export function useTokenState(): (state: AccessToken_State) => string {
  const { t } = useLingui();
  return (state) =>
    ({
      [AccessToken_State.UNSPECIFIED]: "", [AccessToken_State.ACTIVE]: t`Active`, [AccessToken_State.EXPIRED]: t`Expired`,
      [AccessToken_State.REVOKED]: t`Revoked`,
    })[state];
}

export function useCallStatus(): (status: UsageStatus) => string {
  const { t } = useLingui();
  return (status) =>
    ({
      [UsageStatus.UNSPECIFIED]: "", [UsageStatus.SETTLED]: t`Charged`, [UsageStatus.VOIDED]: t`Failed`, [UsageStatus.EXPIRED]: t`Unconfirmed`,
    })[status];
}

export function useTransactionKind(): (kind: CreditTransaction_Kind) => string {
  const { t } = useLingui();
  return (kind) =>
    ({
      [CreditTransaction_Kind.UNSPECIFIED]: "", [CreditTransaction_Kind.TOP_UP]: t`Top-up`, [CreditTransaction_Kind.USAGE]: t`Call`,
      [CreditTransaction_Kind.ADJUSTMENT]: t`Adjustment`, [CreditTransaction_Kind.REFUND]: t`Refund`,
      [CreditTransaction_Kind.CORRECTION]: t`Correction`,
    })[kind];
}

export function useSeverity(): (severity: Notification_Severity) => { readonly label: string; readonly color: string } {
  const { t } = useLingui();
  return (severity) =>
    ({
      [Notification_Severity.UNSPECIFIED]: { label: "", color: "gray" }, [Notification_Severity.INFO]: { label: t`Information`, color: "blue" },
      [Notification_Severity.WARNING]: { label: t`Warning`, color: "orange" }, [Notification_Severity.ALERT]: { label: t`Alert`, color: "red" },
    })[severity];
}
