import { useSuspenseQuery } from "@connectrpc/connect-query";
import { type ServiceAccount, ServiceAccount_State, ServiceAccounts } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, Group, SimpleGrid, Stack } from "@mantine/core";
import { Link, useParams } from "@tanstack/react-router";
import { useState } from "react";

import { idOf } from "../../api/names";
import { ErrorNotice } from "../../components/ErrorNotice";
import { GuardrailSummary } from "../../components/GuardrailSummary";
import { Part } from "../../components/Part";
import { SpendOf } from "../../components/SpendOf";
import { type ServiceAccountAct, ServiceAccountDialog } from "../../forms/organization/ServiceAccountForms";
import { usePlace } from "../../hooks/account";
import { useSaving } from "../../hooks/saving";
import { PageHeader } from "../../layouts/PageHeader";
import { pathOf, pathsOf } from "../../paths";
import { AppLink } from "../../ui/AppLink";
import { Copyable } from "../../ui/Copyable";
import { Properties } from "../../ui/Properties";
import { Surface } from "../../ui/Surface";
import { Time } from "../../ui/Time";
import { KeysOf } from "./KeysOf";
import { ServiceAccountState } from "./ServiceAccounts";

export function ServiceAccountPage() {
  const { account } = usePlace();
  const paths = pathsOf(account.organization);
  const { t } = useLingui();
  const { serviceAccount: id } = useParams({ from: "/organizations/$organization/serviceAccounts/$serviceAccount" });
  const name = `${account.organization}/serviceAccounts/${id}`;
  const { data: of } = useSuspenseQuery(ServiceAccounts.method.getServiceAccount, { name });
  return (
    <>
      <PageHeader crumbs={[{ label: t`Organization`, to: paths.people }, { label: t`Service accounts`, to: paths.serviceAccounts }]} title={of.displayName} hint={<ServiceAccountState state={of.state} />} actions={<Actions of={of} />} />
      <Stack gap="lg">
        <SpendOf scope={name} spent={of.spentNanoCredits} budget={of.budgetNanoCredits} carried={of.carriedNanoCredits} links={<AppLink to={paths.explain} search={{ serviceAccount: id }}><Trans>Why was a call refused?</Trans></AppLink>} />
        <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
          <Surface title={<Trans>The service account</Trans>}>
            <Properties
              entries={[
                [<Trans>Id</Trans>, <Copyable text={id} label={t`id`} />],
                [<Trans>Group</Trans>, of.group === "" ? t`none` : <AppLink to={pathOf(of.group)}>{of.groupDisplayName || idOf(of.group)}</AppLink>],
                [<Trans>Created</Trans>, <Time value={of.createTime} />],
                [<Trans>Changed</Trans>, <Time value={of.updateTime} />],
              ]}
            />
          </Surface>
          <GuardrailSummary scope={name} />
        </SimpleGrid>
        <Surface flush title={<Trans>Keys</Trans>} actions={<Button component={Link} to={paths.newKey} search={{ serviceAccount: id } as never} size="xs" variant="default"><Trans>Create a key</Trans></Button>}><Part><KeysOf owner={name} /></Part></Surface>
      </Stack>
    </>
  );
}

function Actions({ of }: { readonly of: ServiceAccount }) {
  const { t } = useLingui();
  const [act, setAct] = useState<ServiceAccountAct | undefined>(undefined);
  const enable = useSaving(ServiceAccounts.method.enableServiceAccount, t`The service account was enabled.`);
  const restore = useSaving(ServiceAccounts.method.undeleteServiceAccount, t`The service account was restored.`);
  const { name, etag } = of;
  if (of.state === ServiceAccount_State.DELETED) {
    return <Stack gap="xs" align="flex-end"><Button variant="default" loading={restore.isPending} onClick={() => restore.save({ name, etag })}><Trans>Restore</Trans></Button>{restore.isError && <ErrorNotice error={restore.error} />}</Stack>;
  }
  return (
    <Stack gap="xs" align="flex-end">
      <Group gap="sm">
        <Button variant="default" onClick={() => setAct("rename")}><Trans>Rename…</Trans></Button>
        <Button variant="default" onClick={() => setAct("move")}><Trans>Move…</Trans></Button>
        {of.state === ServiceAccount_State.DISABLED
          ? <Button variant="default" loading={enable.isPending} onClick={() => enable.save({ name, etag })}><Trans>Enable</Trans></Button>
          : <Button variant="default" onClick={() => setAct("disable")}><Trans>Disable</Trans></Button>}
        <Button variant="light" color="red" onClick={() => setAct("delete")}><Trans>Delete</Trans></Button>
      </Group>
      {enable.isError && <ErrorNotice error={enable.error} />}
      <ServiceAccountDialog act={act} of={of} close={() => setAct(undefined)} />
    </Stack>
  );
}
