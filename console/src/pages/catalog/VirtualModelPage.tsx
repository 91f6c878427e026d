import { useSuspenseQuery } from "@connectrpc/connect-query";
import { type VirtualModel, VirtualModels, type VirtualModel_MeasuredLoss, type VirtualModel_Return } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Alert, Button, Group, List, SimpleGrid, Stack, Text } from "@mantine/core";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { useState } from "react";

import { idOf } from "../../api/names";
import { Confirmation } from "../../components/Confirmation";
import { ErrorNotice } from "../../components/ErrorNotice";
import { isAdmin, usePlace } from "../../hooks/account";
import { useLanguage } from "../../hooks/language";
import { useSaving } from "../../hooks/saving";
import { PageHeader } from "../../layouts/PageHeader";
import { pathOf, pathsOf } from "../../paths";
import { type Column, DataTable } from "../../table/DataTable";
import { AppLink } from "../../ui/AppLink";
import { Copyable } from "../../ui/Copyable";
import { EmptyState } from "../../ui/EmptyState";
import { Properties } from "../../ui/Properties";
import { SentenceGap } from "../../ui/SentenceGap";
import { Surface } from "../../ui/Surface";
import { Time } from "../../ui/Time";
import { formatCount, formatPercent } from "../../util/numbers";
import { VirtualModelState } from "./VirtualModelList";

export function VirtualModelPage() {
  const { account } = usePlace();
  const { t } = useLingui();
  const paths = pathsOf(account.organization);
  const { model: id } = useParams({ from: "/organizations/$organization/virtualModels/$model" });
  const { data: model } = useSuspenseQuery(VirtualModels.method.getVirtualModel, { name: `${account.organization}/virtualModels/${id}` });
  return (
    <>
      <PageHeader
        crumbs={[{ label: t`Models`, to: paths.catalog }, { label: t`Virtual models`, to: paths.virtualModels }]} title={model.modelName} hint={<VirtualModelState model={model} />}
        actions={isAdmin(account) ? <Actions model={model} /> : null}
      />
      <Stack gap="lg">
        {model.returns.map((one) => <Returned key={one.useCase} model={model} one={one} canLift={isAdmin(account)} />)}
        <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
          <Surface title={<Trans>The virtual model</Trans>}><Facts model={model} /></Surface>
          <Surface flush title={<Trans>Measured losses</Trans>} hint={<Trans>How much worse than the baseline's a candidate's answers are. Without a measurement, a candidate serves no call.</Trans>}><Losses losses={model.measuredLosses} /></Surface>
        </SimpleGrid>
      </Stack>
    </>
  );
}

function Facts({ model }: { readonly model: VirtualModel }) {
  const { account } = usePlace();
  const { t } = useLingui();
  const paths = pathsOf(account.organization);
  return (
    <Properties
      entries={[
        [<Trans>Id</Trans>, <Copyable text={idOf(model.name)} label={t`id`} />],
        [<Trans>Name for calls</Trans>, <Copyable text={model.modelName} label={t`name`} />],
        [<Trans>Owner</Trans>, model.owner === account.organization ? t`the organization` : <AppLink to={pathOf(model.owner)}>{idOf(model.owner)}</AppLink>],
        [<Trans>Baseline</Trans>, <AppLink to={`${paths.catalog}/${model.baselineModel}`}>{model.baselineModel}</AppLink>],
        [<Trans>Candidates</Trans>, <List size="sm" listStyleType="none">{model.candidateModels.map((name) => <List.Item key={name}><AppLink to={`${paths.catalog}/${name}`}>{name}</AppLink></List.Item>)}</List>],
        [<Trans>Revision</Trans>, model.revision],
        [<Trans>Created</Trans>, <Time value={model.createTime} />],
        [<Trans>Changed</Trans>, <Time value={model.updateTime} />],
      ]}
    />
  );
}

function Losses({ losses }: { readonly losses: readonly VirtualModel_MeasuredLoss[] }) {
  const { t } = useLingui();
  const language = useLanguage();
  if (losses.length === 0) return <EmptyState title={<Trans>Nothing is measured</Trans>} step={<Trans>The baseline serves every call until a loss is measured. Operators of the deployment measure it.</Trans>} />;
  const columns: readonly Column<VirtualModel_MeasuredLoss>[] = [
    { id: "use", header: <Trans>Use case</Trans>, cell: (one) => <span className="cut">{one.useCase}</span> },
    { id: "model", header: <Trans>Candidate</Trans>, cell: (one) => <><span className="cut">{one.modelName}</span>{one.scoreLimit !== undefined && <Text size="xs" c="dimmed"><Trans>score {one.scoreLimit.number} at most {one.scoreLimit.atMost}</Trans></Text>}</> },
    { id: "loss", header: <Trans>Loss</Trans>, cell: (one) => formatPercent(one.lossBasisPoints / 100, language, 2), align: "right" },
  ];
  return <DataTable caption={t`Measured losses`} columns={columns} rows={losses} keyOf={(one) => `${one.useCase} ${one.modelName}`} />;
}

/** Says why a use case went back to the baseline, and lets routing choose for it again. */
function Returned({ model, one, canLift }: { readonly model: VirtualModel; readonly one: VirtualModel_Return; readonly canLift: boolean }) {
  const { t } = useLingui();
  const language = useLanguage();
  const [lifting, setLifting] = useState(false);
  const lift = useSaving(VirtualModels.method.liftReturn, t`Routing chooses again.`);
  const percent = (basisPoints: number): string => formatPercent(basisPoints / 100, language, 2);
  const measure = one.measure === "rated_bad" ? t`bad ratings` : t`trouble`;
  const { routedBadSessionCount: badRouted, routedSessionCount: routed, heldOutBadSessionCount: badHeld, heldOutSessionCount: held } = one;
  return (
    <Alert color="orange" variant="light" title={<Trans>The use case {one.useCase} went back to the baseline</Trans>}>
      <Stack gap="sm">
        <Text size="sm" className="figures">
          <Trans>
            Routed conversations had {measure} in {formatCount(badRouted, language)} of {formatCount(routed, language)}, those held out in {formatCount(badHeld, language)} of {formatCount(held, language)}: a loss of {percent(one.lossBasisPoints)}, at least {percent(one.lossBasisPointsLow)}, where {percent(one.allowedLossBasisPoints)} is allowed.
          </Trans><SentenceGap />
          <Time value={one.returnTime} ago />
        </Text>
        {canLift && <div><Button size="xs" variant="default" onClick={() => setLifting(true)}><Trans>Let routing choose again</Trans></Button></div>}
      </Stack>
      <Confirmation
        opened={lifting} close={() => setLifting(false)} title={<Trans>Let routing choose again?</Trans>} about={model.modelName} verb={<Trans>Choose again</Trans>} mutation={lift}
        confirm={() => lift.save({ name: model.name, useCase: one.useCase }, () => setLifting(false))}
      >
        <Trans>Candidates serve calls of {one.useCase} again within a second. Only conversations from now on count for another return.</Trans>
      </Confirmation>
    </Alert>
  );
}

function Actions({ model }: { readonly model: VirtualModel }) {
  const { account } = usePlace();
  const { t } = useLingui();
  const navigate = useNavigate();
  const [removing, setRemoving] = useState(false);
  const update = useSaving(VirtualModels.method.updateVirtualModel);
  const removal = useSaving(VirtualModels.method.deleteVirtualModel, t`The virtual model is deleted.`);
  const { name, etag, disabled } = model;
  return (
    <Group gap="sm">
      {update.isError && <ErrorNotice error={update.error} />}
      <Button variant="default" loading={update.isPending} onClick={() => update.save({ virtualModel: { name, etag, disabled: !disabled }, updateMask: { paths: ["disabled"] } })}>
        {disabled ? <Trans>Let it route</Trans> : <Trans>Only the baseline</Trans>}
      </Button>
      <Button variant="light" color="red" onClick={() => setRemoving(true)}><Trans>Delete</Trans></Button>
      <Button component={Link} to={`${pathOf(name)}/edit`}><Trans>Change</Trans></Button>
      <Confirmation
        opened={removing} close={() => setRemoving(false)} title={<Trans>Delete this virtual model?</Trans>} about={model.modelName} verb={<Trans>Delete</Trans>} mutation={removal} danger
        confirm={() => removal.save({ name }, () => void navigate({ to: pathsOf(account.organization).virtualModels }))}
      >
        <Trans>Calls to {model.modelName} then reach the one of a wider owner or of the catalog, or fail.</Trans>
      </Confirmation>
    </Group>
  );
}
