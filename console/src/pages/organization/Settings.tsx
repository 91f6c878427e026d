import { Organization_State, Organizations } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, Group, Stack, TextInput } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";

import { idOf } from "../../api/names";
import { Confirmation } from "../../components/Confirmation";
import { ErrorNotice } from "../../components/ErrorNotice";
import { FormDialog } from "../../components/FormDialog";
import { Part } from "../../components/Part";
import { SettingsForm } from "../../forms/organization/SettingsForm";
import { usePlace } from "../../hooks/account";
import { useSaving } from "../../hooks/saving";
import { pathsOf } from "../../paths";
import { AppLink } from "../../ui/AppLink";
import { Copyable } from "../../ui/Copyable";
import { Properties } from "../../ui/Properties";
import { Surface } from "../../ui/Surface";
import { Time } from "../../ui/Time";
import { AnalysisSettingsForm } from "../../forms/organization/AnalysisSettingsForm";
import { OrganizationHeader } from "./OrganizationHeader";

export function Settings() {
  const { account, organization } = usePlace();
  const { t } = useLingui();
  const paths = pathsOf(account.organization);
  return (
    <>
      <OrganizationHeader hint={<Trans>How the organization works</Trans>} />
      <Stack gap="lg">
        <Surface title={<Trans>The organization</Trans>}>
          <Stack gap="lg">
            <Properties entries={[[<Trans>Id</Trans>, <Copyable text={idOf(organization.name)} label={t`id`} />], [<Trans>Created</Trans>, <Time value={organization.createTime} />], [<Trans>Changed</Trans>, <Time value={organization.updateTime} />]]} />
            <SettingsForm key={organization.etag} organization={organization} />
          </Stack>
        </Surface>
        <Surface title={<Trans>Limits</Trans>} hint={<Trans>Limits of the whole organization, and those that new members and keys start with</Trans>}>
          <Group gap="lg"><AppLink to={`${paths.guardrails}/organization`}><Trans>Guardrail of the organization</Trans></AppLink><AppLink to={`${paths.guardrailDefaults}/organization`}><Trans>Defaults for new members and keys</Trans></AppLink></Group>
        </Surface>
        <Surface title={<Trans>Written analysis</Trans>} hint={<Trans>Which model writes it, and which key pays. The model sees no figures and no names.</Trans>}><Part><AnalysisSettingsForm /></Part></Surface>
        <Surface title={<Trans>Stop or delete</Trans>}><Ending /></Surface>
      </Stack>
    </>
  );
}

function Ending() {
  const { account, organization } = usePlace();
  const { t } = useLingui();
  const navigate = useNavigate();
  const [act, setAct] = useState<"suspend" | "delete" | undefined>(undefined);
  const [typed, setTyped] = useState("");
  const suspend = useSaving(Organizations.method.suspendOrganization, t`The organization was suspended.`);
  const resume = useSaving(Organizations.method.resumeOrganization, t`The organization was resumed.`);
  const remove = useSaving(Organizations.method.deleteOrganization, t`The organization was deleted.`);
  const { name, etag } = organization;
  const close = (): void => setAct(undefined);
  const isSuspended = organization.state === Organization_State.SUSPENDED;
  return (
    <Stack gap="sm">
      <Group gap="sm">
        {isSuspended
          ? <Button variant="default" loading={resume.isPending} onClick={() => resume.save({ name, etag })}><Trans>Resume the organization</Trans></Button>
          : <Button variant="default" onClick={() => setAct("suspend")}><Trans>Suspend the organization…</Trans></Button>}
        <Button variant="light" color="red" onClick={() => setAct("delete")}><Trans>Delete the organization…</Trans></Button>
      </Group>
      {resume.isError && <ErrorNotice error={resume.error} />}
      <Confirmation opened={act === "suspend"} close={close} danger title={<Trans>Suspend the whole organization?</Trans>} about={organization.displayName || idOf(name)} verb={<Trans>Suspend</Trans>} mutation={suspend} confirm={() => suspend.save({ name, etag }, close)}>
        <Trans>All calls of all its keys are refused within a second, and nothing in it can be changed until you resume it. Running calls go on and are charged.</Trans>
      </Confirmation>
      <FormDialog
        opened={act === "delete"} close={close} danger title={<Trans>Delete {organization.displayName}?</Trans>} about={undefined} verb={<Trans>Delete</Trans>} saving={remove} submit={() => remove.save({ name, etag }, () => void navigate({ to: "/" }))}
        blocked={typed === idOf(account.organization) ? undefined : <Trans>Type {idOf(account.organization)} to go on.</Trans>}
      >
        <Stack gap="md">
          <Trans>All calls of all its keys are refused within a second. Credit and everything else stay as they are. For 30 days, a Super Admin can undelete it: it stays in the list of accounts.</Trans>
          <TextInput label={t`Id of the organization`} value={typed} onChange={(event) => setTyped(event.currentTarget.value)} />
        </Stack>
      </FormDialog>
    </Stack>
  );
}
