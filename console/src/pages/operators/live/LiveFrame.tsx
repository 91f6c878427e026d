import { Trans, useLingui } from "@lingui/react/macro";
import type { ReactNode } from "react";

import { AreaTabs } from "../../../layouts/AreaTabs";
import { PageHeader } from "../../../layouts/PageHeader";
import { operatorPaths } from "../../../paths";

/** What the pages about the live configuration have around them. */
export function LiveFrame({ hint, actions, children }: { readonly hint: ReactNode; readonly actions?: ReactNode; readonly children: ReactNode }) {
  const { t } = useLingui();
  return (
    <>
      <PageHeader title={<Trans>Live configuration</Trans>} hint={hint} actions={actions} />
      <AreaTabs
        label={t`Live configuration`}
        tabs={[
          { to: operatorPaths.providers, label: <Trans>Providers</Trans> }, { to: operatorPaths.models, label: <Trans>Models</Trans> },
          { to: operatorPaths.limits, label: <Trans>Limits of listeners</Trans> }, { to: operatorPaths.versions, label: <Trans>Versions</Trans> },
        ]}
      />
      {children}
    </>
  );
}
