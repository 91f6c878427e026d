import { Permission } from "@megarouter/admin";
import { useLingui } from "@lingui/react/macro";
import { MultiSelect } from "@mantine/core";

/** What a program may do, as the service allows it (`AUTOMATION_PERMISSIONS` in `admin_service/access/permissions.py`). */
const permissions = [
  Permission.ORGANIZATIONS_READ, Permission.GROUPS_READ, Permission.GROUPS_WRITE, Permission.MEMBERS_READ, Permission.MEMBERS_WRITE, Permission.API_KEYS_READ, Permission.API_KEYS_WRITE,
  Permission.API_KEYS_DISABLE, Permission.GUARDRAILS_READ, Permission.GUARDRAILS_WRITE, Permission.SERVICE_ACCOUNTS_READ, Permission.SERVICE_ACCOUNTS_WRITE, Permission.CREDITS_READ,
  Permission.AUDIT_LOG_READ, Permission.ANOMALIES_READ, Permission.INVITES_READ, Permission.USAGE_READ,
  Permission.USAGE_EXPORTS_READ, Permission.USAGE_EXPORTS_WRITE, Permission.CLAIM_MAPPINGS_READ, Permission.MEMBER_ACCESS_TOKENS_READ,
] as const;

interface PermissionsFieldProps {
  readonly value: readonly Permission[];
  readonly onChange: (permissions: readonly Permission[]) => void;
  readonly error: string | undefined;
}

export function PermissionsField({ value, onChange, error }: PermissionsFieldProps) {
  const { t } = useLingui();
  return (
    <MultiSelect
      label={t`Permissions`} searchable hidePickedOptions value={value.map(String)} onChange={(chosen) => onChange(chosen.map((one) => Number(one) as Permission))} error={error}
      data={permissions.map((one) => ({ value: String(one), label: Permission[one].toLowerCase() }))}
    />
  );
}
