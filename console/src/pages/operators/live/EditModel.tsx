import { useSuspenseQuery } from "@connectrpc/connect-query";
import { CatalogChanges, CatalogOrigin } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { useNavigate, useParams } from "@tanstack/react-router";

import { Part } from "../../../components/Part";
import { ModelForm } from "../../../forms/operators/ModelForm";
import { PageHeader } from "../../../layouts/PageHeader";
import { operatorPaths } from "../../../paths";
import { OfFile } from "./Origin";
import { modelPageOf, publicNameOf } from "./names";

export function EditModel() {
  const { t } = useLingui();
  const navigate = useNavigate();
  const { _splat: id = "" } = useParams({ from: "/operators/edit/models/$" });
  const { data: model } = useSuspenseQuery(CatalogChanges.method.getModelConfiguration, { name: `models/${id}` });
  return (
    <>
      <PageHeader
        crumbs={[{ label: t`Models`, to: operatorPaths.models }, { label: publicNameOf(model.name), to: modelPageOf(model.name) }]} title={model.retired ? <Trans>Offer the model again</Trans> : <Trans>Change the model</Trans>}
        hint={<Trans>Every Envoy has the change when it is saved. Calls that run are charged at the prices that they began with.</Trans>}
      />
      {model.origin === CatalogOrigin.FILE && !model.retired ? <OfFile /> : <Part height={420}><ModelForm model={model} onDone={(name) => void navigate({ to: modelPageOf(name) })} /></Part>}
    </>
  );
}

export function NewModel() {
  const { t } = useLingui();
  const navigate = useNavigate();
  return (
    <>
      <PageHeader
        crumbs={[{ label: t`Live configuration`, to: operatorPaths.providers }, { label: t`Models`, to: operatorPaths.models }]} title={<Trans>Offer a model</Trans>}
        hint={<Trans>Every organization may call it at once, unless its whitelists do not have it.</Trans>}
      />
      <Part height={420}><ModelForm onDone={(name) => void navigate({ to: modelPageOf(name) })} /></Part>
    </>
  );
}
