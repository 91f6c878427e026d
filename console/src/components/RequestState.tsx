import { TopUpRequest_State } from "@megarouter/admin";
import { useLingui } from "@lingui/react/macro";
import { Badge } from "@mantine/core";

/** What became of a top-up request. */
export function RequestState({ state }: { readonly state: TopUpRequest_State }) {
  const { t } = useLingui();
  const { label, color } = {
    [TopUpRequest_State.UNSPECIFIED]: { label: "", color: "gray" }, [TopUpRequest_State.PENDING]: { label: t`Pending`, color: "orange" },
    [TopUpRequest_State.APPROVED]: { label: t`Approved`, color: "teal" }, [TopUpRequest_State.REJECTED]: { label: t`Rejected`, color: "red" },
  }[state];
  return <Badge variant="light" radius="sm" tt="none" color={color}>{label}</Badge>;
}
