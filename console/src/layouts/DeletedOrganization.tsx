import { Organizations, Role } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Alert, Button, Stack } from "@mantine/core";

import { ErrorNotice } from "../components/ErrorNotice";
import { usePlace } from "../hooks/account";
import { useSaving } from "../hooks/saving";
import { Time } from "../ui/Time";
import { PageHeader } from "./PageHeader";

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
