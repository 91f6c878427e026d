import { useSuspenseQuery } from "@connectrpc/connect-query";
import { VirtualModels } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { useNavigate, useParams } from "@tanstack/react-router";

import { Part } from "../../components/Part";
import { VirtualModelForm } from "../../forms/routing/VirtualModelForm";
import { useParent } from "../../hooks/account";
import { PageHeader } from "../../layouts/PageHeader";
import { pathOf, pathsOf } from "../../paths";

export function EditVirtualModel() {
  const parent = useParent();
  const { t } = useLingui();
  const navigate = useNavigate();
  const { model: id } = useParams({ from: "/organizations/$organization/virtualModels/$model/edit" });
  const { data: model } = useSuspenseQuery(VirtualModels.method.getVirtualModel, { name: `${parent}/virtualModels/${id}` });
  return (
    <>
      <PageHeader crumbs={[{ label: t`Virtual models`, to: pathsOf(parent).virtualModels }, { label: model.modelName, to: pathOf(model.name) }]} title={<Trans>Change the virtual model</Trans>} />
      <Part height={420}><VirtualModelForm model={model} onDone={(name) => void navigate({ to: pathOf(name) })} /></Part>
    </>
  );
}

export function NewVirtualModel() {
  const { t } = useLingui();
  const navigate = useNavigate();
  const paths = pathsOf(useParent());
  return (
    <>
      <PageHeader crumbs={[{ label: t`Models`, to: paths.catalog }, { label: t`Virtual models`, to: paths.virtualModels }]} title={<Trans>Create a virtual model</Trans>} />
      <Part height={420}><VirtualModelForm onDone={(name) => void navigate({ to: pathOf(name) })} /></Part>
    </>
  );
}
