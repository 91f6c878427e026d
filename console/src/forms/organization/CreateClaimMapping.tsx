import { ClaimMappings, Role } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { NativeSelect, Stack, TextInput } from "@mantine/core";
import { useState } from "react";

import { useDeployment } from "../../api/deployment";
import { FormDialog } from "../../components/FormDialog";
import { usePlace } from "../../hooks/account";
import { useRoleName } from "../../hooks/labels";
import { useRequestId } from "../../hooks/request_id";
import { useSaving } from "../../hooks/saving";
import { grantableRoles, mayUseGroup, roleFits } from "../../util/permissions";
import { GroupField } from "../fields/GroupField";

const defaultClaim = "groups";

interface Wanted {
  readonly issuer: string;
  readonly claim: string;
  readonly value: string;
  readonly role: Role;
  readonly group: string;
}

/** Maps a value of a claim to a role and a group. */
export function CreateClaimMapping({ close }: { readonly close: () => void }) {
  const { account } = usePlace();
  const { t } = useLingui();
  const roleName = useRoleName();
  const providers = useDeployment().identity_providers;
  const [wanted, setWanted] = useState<Wanted>({ issuer: providers[0]?.issuer ?? "", claim: defaultClaim, value: "", role: Role.MEMBER, group: account.group });
  const change = (part: Partial<Wanted>): void => setWanted({ ...wanted, ...part });
  const requestId = useRequestId(JSON.stringify(wanted));
  const saving = useSaving(ClaimMappings.method.createClaimMapping, t`The claim is mapped.`);
  const error = (field: string): string | undefined => saving.violation(`claim_mapping.${field}`);
  const isWithoutGroup = wanted.role === Role.SUPER_ADMIN;
  return (
    <FormDialog
      opened close={close} title={<Trans>Map a claim</Trans>} verb={<Trans>Map</Trans>} saving={saving}
      blocked={providers.length === 0 ? <Trans>This deployment has no identity provider.</Trans> : wanted.value.trim() === "" ? <Trans>Enter the value of the claim.</Trans> : undefined}
      submit={() => saving.save({ parent: account.organization, requestId, claimMapping: { ...wanted, value: wanted.value.trim(), group: isWithoutGroup ? "" : wanted.group } }, close)}
    >
      <Stack gap="md">
        <NativeSelect label={t`Identity provider`} value={wanted.issuer} onChange={(event) => change({ issuer: event.currentTarget.value })} data={providers.map(({ name, issuer }) => ({ value: issuer, label: name }))} error={error("issuer")} />
        <TextInput label={t`Claim`} description={t`A text or a list of texts in the token that the person cannot choose`} maxLength={100} value={wanted.claim} onChange={(event) => change({ claim: event.currentTarget.value })} error={error("claim")} />
        <TextInput label={t`Value`} description={t`What the claim is or contains. Upper and lower case differ.`} required maxLength={500} value={wanted.value} onChange={(event) => change({ value: event.currentTarget.value })} error={error("value")} data-autofocus />
        <NativeSelect
          label={t`Role`} value={String(wanted.role)} onChange={(event) => change({ role: Number(event.currentTarget.value) as Role, group: account.group })} error={error("role")}
          data={grantableRoles(account).map((role) => ({ value: String(role), label: roleName(role) }))}
        />
        {!isWithoutGroup && (
          <GroupField
            value={wanted.group} onChange={(group) => change({ group })} none={mayUseGroup(account, undefined) && roleFits(wanted.role, 0) ? t`No group` : undefined}
            canChoose={(group) => mayUseGroup(account, group) && roleFits(wanted.role, group.level)} error={error("group")}
          />
        )}
      </Stack>
    </FormDialog>
  );
}
