import { useSuspenseQuery } from "@connectrpc/connect-query";
import { CatalogChanges, CatalogOrigin } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { useNavigate, useParams } from "@tanstack/react-router";

import { Part } from "../../../components/Part";
import { ProviderForm } from "../../../forms/operators/ProviderForm";
import { wantedProvider } from "../../../forms/operators/definitions";
import { PageHeader } from "../../../layouts/PageHeader";
import { operatorPaths } from "../../../paths";
import { OfFile } from "./Origin";
import { providerPageOf } from "./names";

export function EditProvider() {
  const { t } = useLingui();
  const navigate = useNavigate();
  const { provider: id } = useParams({ from: "/operators/providers/$provider/edit" });
  const { data: provider } = useSuspenseQuery(CatalogChanges.method.getProviderConfiguration, { name: `providers/${id}/configuration` });
  const displayName = wantedProvider(provider.definition ?? {}).displayName || id;
  return (
    <>
      <PageHeader
        crumbs={[{ label: t`Providers`, to: operatorPaths.providers }, { label: displayName, to: providerPageOf(provider.name) }]} title={<Trans>Change the provider</Trans>}
        hint={<Trans>Every Envoy has the change when it is saved. Calls that run end where they are.</Trans>}
      />
      {provider.origin === CatalogOrigin.FILE ? <OfFile /> : <Part height={420}><ProviderForm provider={provider} onDone={(name) => void navigate({ to: providerPageOf(name) })} /></Part>}
    </>
  );
}

export function NewProvider() {
  const { t } = useLingui();
  const navigate = useNavigate();
  return (
    <>
      <PageHeader
        crumbs={[{ label: t`Live configuration`, to: operatorPaths.providers }, { label: t`Providers`, to: operatorPaths.providers }]} title={<Trans>Add a provider</Trans>}
        hint={<Trans>It receives calls once it has a credential and a model.</Trans>}
      />
      <Part height={420}><ProviderForm onDone={(name) => void navigate({ to: providerPageOf(name) })} /></Part>
    </>
  );
}
