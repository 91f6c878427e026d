import { Member_State } from "@megarouter/admin";
import { Badge } from "@mantine/core";

import { useMemberState } from "../../hooks/labels";

const colors = { [Member_State.UNSPECIFIED]: "gray", [Member_State.ACTIVE]: "teal", [Member_State.SUSPENDED]: "orange", [Member_State.REMOVED]: "red" };

export function MemberState({ state }: { readonly state: Member_State }) {
  return <Badge variant="light" radius="sm" tt="none" color={colors[state]}>{useMemberState()(state)}</Badge>;
}
