import { AccessToken_State, ApiKey_State, CreditTransaction_Kind, Invite_State, Member_State, Notification_Severity, Role, ServiceAccount_State, UsageStatus } from "@megarouter/admin";
import { useLingui } from "@lingui/react/macro";
import { useMemo } from "react";

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
      [Invite_State.UNSPECIFIED]: "", [Invite_State.PENDING]: t`Open`, [Invite_State.ACCEPTED]: t`Used up`, [Invite_State.REVOKED]: t`Revoked`,
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

/** Says why calls were refused, by the code of the error. An unknown code goes by itself. */
export function useRefusalReason(): (code: string) => string {
  const { t } = useLingui();
  const reasons = useMemo(
    () => new Map(Object.entries({
      missing_api_key: t`The call had no key`,
      invalid_api_key: t`There is no such key`,
      conflicting_api_keys: t`The call had two different keys`,
      key_disabled: t`The key is disabled`,
      key_expired: t`The key has expired`,
      ip_not_allowed: t`The key may not be used from this address`,
      member_suspended: t`The member is suspended`,
      organization_suspended: t`The organization is suspended`,
      personal_accounts_off: t`Personal accounts are turned off`,
      model_not_allowed: t`The model is not allowed`,
      model_not_found: t`There is no such model`,
      model_without_price: t`The model has no price`,
      endpoint_not_supported: t`The model has no such endpoint`,
      previous_response_not_found: t`The response to go on from was not found`,
      stored_object_not_found: t`A file or stored object was not found`,
      call_not_found: t`The rated call was not found`,
      budget_exhausted: t`A budget is spent`,
      budget_in_use: t`Open calls hold what is left of a budget`,
      credit_exhausted: t`The credit is spent`,
      rate_limited: t`Too many requests in a short time`,
      tokens_rate_limited: t`Too many tokens in a short time`,
      too_many_concurrent_calls: t`Too many calls at the same time`,
      too_many_ratings: t`Too many ratings in a short time`,
      unreadable_body: t`The request could not be read`,
      unsupported_content_type: t`The request has a type that is not supported`,
      unsupported_content_encoding: t`The request has an encoding that is not supported`,
      invalid_parameter: t`A parameter of the request is not valid`,
      dependency_unavailable: t`A part of the gateway was not available`,
    })),
    [t],
  );
  return (code) => reasons.get(code) ?? code;
}
