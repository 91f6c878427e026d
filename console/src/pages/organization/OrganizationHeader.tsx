import { Role } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import type { ReactNode } from "react";

import { isAdmin, usePlace } from "../../hooks/account";
import { AreaTabs } from "../../layouts/AreaTabs";
import { PageHeader } from "../../layouts/PageHeader";
import { pathsOf } from "../../paths";

/** The head of the pages about an organization: what they are, and the way between them. A role sees the pages that it has. */
export function OrganizationHeader({ hint, actions }: { readonly hint: ReactNode; readonly actions?: ReactNode }) {
  const { account } = usePlace();
  const { t } = useLingui();
  const paths = pathsOf(account.organization);
  const admin = isAdmin(account);
  const tabs = [
    { to: paths.people, label: <Trans>People</Trans> },
    { to: paths.groups, label: <Trans>Groups</Trans> },
    { to: paths.guardrails, label: <Trans>Guardrails</Trans> },
    ...(admin ? [{ to: paths.invites, label: <Trans>Invites</Trans> }, { to: paths.signInLinks, label: <Trans>Sign-in links</Trans> }, { to: paths.serviceAccounts, label: <Trans>Service accounts</Trans> }, { to: paths.claimMappings, label: <Trans>Claim mappings</Trans> }] : []),
    ...(account.role === Role.SUPER_ADMIN ? [{ to: paths.settings, label: <Trans>Settings</Trans> }] : []),
  ];
  return (
    <>
      <PageHeader title={<Trans>Organization</Trans>} hint={hint} actions={actions} />
      <AreaTabs label={t`Organization`} tabs={tabs} />
    </>
  );
}
