import { Organization_Kind, Organization_State, Organizations, Role } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Alert, Button, Stack } from "@mantine/core";

import { ErrorNotice } from "../components/ErrorNotice";
import { usePlace } from "../hooks/account";
import { useSaving } from "../hooks/saving";
import { pathsOf } from "../paths";
import { AppLink } from "../ui/AppLink";
import { Time } from "../ui/Time";
import { PageHeader } from "./PageHeader";

/** Says on every page of a suspended organization what that means, and who can end it. */
export function SuspensionNotice() {
  const { account, organization } = usePlace();
  const toSettings = <AppLink to={pathsOf(account.organization).settings}><Trans>Settings</Trans></AppLink>;
  const meaning = <Trans>Calls of its keys are refused, and nothing in it can be changed.</Trans>;
  if (organization.state !== Organization_State.SUSPENDED) return null;
  if (organization.kind === Organization_Kind.PERSONAL) {
    return <Alert color="red" variant="light" mb="lg" title={<Trans>This account is suspended</Trans>}>{meaning} <Trans>Ask an operator of the deployment to resume it.</Trans></Alert>;
  }
  return (
    <Alert color="red" variant="light" mb="lg" title={<Trans>This organization is suspended</Trans>}>
      {meaning}{" "}
      {account.role === Role.SUPER_ADMIN ? <Trans>Resume it in its {toSettings}. If an operator of the deployment suspended it, only an operator can end that.</Trans> : <Trans>A Super Admin can resume it. If an operator of the deployment suspended it, only an operator can end that.</Trans>}
    </Alert>
  );
}

/** All that is left to see of a deleted organization. */
export function DeletedOrganization() {
  const { account, organization } = usePlace();
  const { name, etag, purgeTime } = organization;
  const { t } = useLingui();
  const restore = useSaving(Organizations.method.undeleteOrganization, t`The organization was restored.`);
  const isSuper = account.role === Role.SUPER_ADMIN;
  return (
    <>
      <PageHeader title={organization.displayName} />
      <Alert color="red" variant="light" title={<Trans>This organization is deleted</Trans>}>
        <Stack gap="md" align="flex-start">
          {isSuper ? <span><Trans>Calls of its keys are refused. You can bring back everything in it until <Time value={purgeTime} />.</Trans></span> : <span><Trans>Calls of its keys are refused. A Super Admin can bring back everything in it until <Time value={purgeTime} />.</Trans></span>}
          {restore.isError && <ErrorNotice error={restore.error} />}
          {isSuper && <Button variant="default" loading={restore.isPending} onClick={() => restore.save({ name, etag })}><Trans>Undelete the organization</Trans></Button>}
        </Stack>
      </Alert>
    </>
  );
}
