import { Trans, useLingui } from "@lingui/react/macro";
import type { ReactNode } from "react";

import { isAdmin, usePlace } from "../../hooks/account";
import { AreaTabs } from "../../layouts/AreaTabs";
import { PageHeader } from "../../layouts/PageHeader";
import { pathsOf } from "../../paths";

/** What the lists about alerts have around them. A member has only the inbox. */
export function AlertsFrame({ hint, actions, children }: { readonly hint: ReactNode; readonly actions?: ReactNode; readonly children: ReactNode }) {
  const { account } = usePlace();
  const paths = pathsOf(account.organization);
  const { t } = useLingui();
  return (
    <>
      <PageHeader title={<Trans>Alerts</Trans>} hint={hint} actions={actions} />
      {isAdmin(account) && (
        <AreaTabs
          label={t`Alerts`}
          tabs={[
            { to: paths.alerts, label: <Trans>Inbox</Trans> }, { to: paths.rules, label: <Trans>Rules</Trans> }, { to: paths.channels, label: <Trans>Channels</Trans> },
            { to: paths.deliveries, label: <Trans>Deliveries</Trans> },
          ]}
        />
      )}
      {children}
    </>
  );
}
