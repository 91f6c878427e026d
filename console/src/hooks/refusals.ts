import { useLingui } from "@lingui/react/macro";
import { useMemo } from "react";

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
