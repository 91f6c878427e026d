import type { Notification_Severity } from "@megarouter/admin";
import { Badge } from "@mantine/core";

import { useSeverity } from "../hooks/labels";

export function Severity({ severity }: { readonly severity: Notification_Severity }) {
  const { label, color } = useSeverity()(severity);
  return <Badge variant="light" color={color} radius="sm" tt="none" style={{ flex: "none" }}>{label}</Badge>;
}
