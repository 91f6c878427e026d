import { Role } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import type { ReactNode } from "react";

import { usePlace } from "../../hooks/account";
import { AreaTabs } from "../../layouts/AreaTabs";
import { PageHeader } from "../../layouts/PageHeader";
import { pathsOf } from "../../paths";

/** What the pages about models have around them. */
export function CatalogFrame({ hint, actions, children }: { readonly hint: ReactNode; readonly actions?: ReactNode; readonly children: ReactNode }) {
  const { account } = usePlace();
  const paths = pathsOf(account.organization);
  const { t } = useLingui();
  return (
    <>
      <PageHeader title={<Trans>Models</Trans>} hint={hint} actions={actions} />
      <AreaTabs
        label={t`Models`}
        tabs={[
          { to: paths.catalog, label: <Trans>Catalog</Trans> }, { to: paths.virtualModels, label: <Trans>Virtual models</Trans> },
          { to: paths.routing, label: <Trans>Routing</Trans> }, { to: paths.providers, label: <Trans>Providers</Trans> },
          ...(account.role === Role.SUPER_ADMIN ? [{ to: paths.ownKeys, label: <Trans>Own keys</Trans> }] : []),
        ]}
      />
      {children}
    </>
  );
}
