import { useSuspenseQuery } from "@connectrpc/connect-query";
import { type ApplyGuardrailDefaultResponse, type GuardrailDefault, GuardrailDefaults, Role } from "@megarouter/admin";
import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { Button, List, Stack, Text } from "@mantine/core";
import { useParams } from "@tanstack/react-router";
import { useState } from "react";

import { idOf } from "../../api/names";
import { Confirmation } from "../../components/Confirmation";
import { ErrorNotice } from "../../components/ErrorNotice";
import { DefaultForm } from "../../forms/guardrails/DefaultForm";
import { usePlace } from "../../hooks/account";
import { useGroups } from "../../hooks/groups";
import { useSaving } from "../../hooks/saving";
import { PageHeader } from "../../layouts/PageHeader";
import { pathsOf } from "../../paths";
import { Surface } from "../../ui/Surface";

const mostNamed = 12;

export function DefaultPage() {
  const { account, organization } = usePlace();
  const { t } = useLingui();
  const paths = pathsOf(account.organization);
  const { default: id } = useParams({ from: "/organizations/$organization/guardrailDefaults/$default" });
  const { data: value } = useSuspenseQuery(GuardrailDefaults.method.getGuardrailDefault, { name: `${account.organization}/guardrailDefaults/${id}` });
  const group = useGroups().find((one) => one.name === value.scope);
  const of = group?.displayName ?? organization.displayName;
  const may = account.role === Role.SUPER_ADMIN || (account.role !== Role.MEMBER && group !== undefined && group.path.includes(account.group));
  return (
    <>
      <PageHeader
        crumbs={[{ label: t`Organization`, to: paths.people }, { label: t`Guardrails`, to: paths.guardrails }, { label: t`Defaults`, to: paths.guardrailDefaults }]} title={t`Defaults of ${of}`}
        hint={<Trans>What new members and keys start with. The nearest group that names a limit wins, then the organization.</Trans>} actions={<Apply value={value} of={of} may={may} />}
      />
      <Surface><DefaultForm key={value.etag} value={value} may={may} /></Surface>
    </>
  );
}

function Apply({ value, of, may }: { readonly value: GuardrailDefault; readonly of: string; readonly may: boolean }) {
  const { t } = useLingui();
  const rehearsal = useSaving(GuardrailDefaults.method.applyGuardrailDefault);
  const saving = useSaving(GuardrailDefaults.method.applyGuardrailDefault, t`The default was applied.`);
  const [rehearsed, setRehearsed] = useState<ApplyGuardrailDefaultResponse | undefined>(undefined);
  return (
    <Stack gap="xs" align="flex-end">
      <Button variant="default" disabled={!may || value.updateTime === undefined} loading={rehearsal.isPending} onClick={() => rehearsal.save({ name: value.name, validateOnly: true }, setRehearsed)}><Trans>Apply to existing ones…</Trans></Button>
      {rehearsal.isError && <ErrorNotice error={rehearsal.error} />}
      {rehearsed !== undefined && (
        <Confirmation opened close={() => setRehearsed(undefined)} title={<Trans>Apply the default?</Trans>} about={of} verb={<Trans>Apply</Trans>} mutation={saving} confirm={() => saving.save({ name: value.name }, () => setRehearsed(undefined))}>
          <Stack gap="sm">
            <Text size="sm"><Plural value={rehearsed.changedCount} one="# guardrail changes." other="# guardrails change." /> <Trans>Limits that someone set stay.</Trans></Text>
            <List size="sm" listStyleType="none">{rehearsed.changes.slice(0, mostNamed).map((change) => <List.Item key={change.guardrail}>{change.memberDisplayName || idOf(change.guardrail)}: {change.limits.join(", ")}</List.Item>)}</List>
          </Stack>
        </Confirmation>
      )}
    </Stack>
  );
}
