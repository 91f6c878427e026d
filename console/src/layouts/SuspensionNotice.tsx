import { Organization_Kind, Organization_State, Role } from "@megarouter/admin";
import { Trans } from "@lingui/react/macro";
import { Alert } from "@mantine/core";

import { usePlace } from "../hooks/account";
import { pathsOf } from "../paths";
import { AppLink } from "../ui/AppLink";
import { SentenceGap } from "../ui/SentenceGap";

/** Says on every page of a suspended organization what that means, and who can end it. */
export function SuspensionNotice() {
  const { account, organization } = usePlace();
  const toSettings = <AppLink to={pathsOf(account.organization).settings} underline="always"><Trans>Settings</Trans></AppLink>;
  const meaning = <Trans>Calls of its keys are refused, and nothing in it can be changed.</Trans>;
  if (organization.state !== Organization_State.SUSPENDED) return null;
  if (organization.kind === Organization_Kind.PERSONAL) {
    return <Alert color="red" variant="light" mb="lg" title={<Trans>This account is suspended</Trans>}>{meaning} <Trans>Ask an operator of the deployment to resume it.</Trans></Alert>;
  }
  return (
    <Alert color="red" variant="light" mb="lg" title={<Trans>This organization is suspended</Trans>}>
      {meaning}<SentenceGap />
      {account.role === Role.SUPER_ADMIN ? <Trans>Resume it in its {toSettings}. If an operator of the deployment suspended it, only an operator can end that.</Trans> : <Trans>A Super Admin can resume it. If an operator of the deployment suspended it, only an operator can end that.</Trans>}
    </Alert>
  );
}
