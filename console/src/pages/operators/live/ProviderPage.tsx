import { useSuspenseQuery } from "@connectrpc/connect-query";
import { CatalogChanges, CatalogOrigin, type ProviderConfiguration } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, Code, Group, SimpleGrid, Stack, Text } from "@mantine/core";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { useState } from "react";

import { idOf } from "../../../api/names";
import { Confirmation } from "../../../components/Confirmation";
import { SetProviderKey } from "../../../forms/SetProviderKey";
import { wantedProvider } from "../../../forms/operators/definitions";
import { useSaving } from "../../../hooks/saving";
import { PageHeader } from "../../../layouts/PageHeader";
import { operatorPaths } from "../../../paths";
import { AppLink } from "../../../ui/AppLink";
import { Copyable } from "../../../ui/Copyable";
import { Properties } from "../../../ui/Properties";
import { Surface } from "../../../ui/Surface";
import { Time } from "../../../ui/Time";
import { Definition } from "./Definition";
import { WhereFrom } from "./Origin";
import { providerOf, providerPageOf } from "./names";

export function ProviderPage() {
  const { t } = useLingui();
  const { provider: id } = useParams({ from: "/operators/providers/$provider" });
  const { data: provider } = useSuspenseQuery(CatalogChanges.method.getProviderConfiguration, { name: `providers/${id}/configuration` });
  return (
    <>
      <PageHeader
        crumbs={[{ label: t`Live configuration`, to: operatorPaths.providers }, { label: t`Providers`, to: operatorPaths.providers }]} title={wantedProvider(provider.definition ?? {}).displayName || id}
        hint={<WhereFrom origin={provider.origin} />} actions={<Actions provider={provider} />}
      />
      <Stack gap="lg">
        <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
          <Surface title={<Trans>The provider</Trans>}><Facts provider={provider} /></Surface>
          <Surface title={<Trans>Its credential</Trans>} hint={<Trans>With which the gateway calls it. No page and no call shows it.</Trans>}><Credential provider={provider} /></Surface>
        </SimpleGrid>
        <Definition definition={provider.definition} />
      </Stack>
    </>
  );
}

function Facts({ provider }: { readonly provider: ProviderConfiguration }) {
  const { t } = useLingui();
  const { urls, header } = wantedProvider(provider.definition ?? {});
  const id = providerOf(provider.name);
  return (
    <Properties
      entries={[
        [<Trans>Id</Trans>, <Copyable text={id} label={t`id`} />],
        ...Object.entries(urls).map(([dialect, url]) => [dialect, <Copyable text={url} label={t`URL`} />] as const),
        [<Trans>Header of the credential</Trans>, header],
        [<Trans>Models</Trans>, <AppLink to={operatorPaths.models} search={{ provider: id }}><Trans>Models that it serves</Trans></AppLink>],
        [<Trans>History</Trans>, <AppLink to={operatorPaths.auditLog} search={{ q: provider.name }}><Trans>Who changed it</Trans></AppLink>],
      ]}
    />
  );
}

function Credential({ provider }: { readonly provider: ProviderConfiguration }) {
  const { t } = useLingui();
  const [act, setAct] = useState<"set" | "clear" | undefined>(undefined);
  const setting = useSaving(CatalogChanges.method.setProviderCredential, t`The credential is set. Every Envoy has it.`);
  const removal = useSaving(CatalogChanges.method.clearProviderCredential, t`The credential is removed.`);
  const displayName = wantedProvider(provider.definition ?? {}).displayName || providerOf(provider.name);
  const { credential, name } = provider;
  const isOfFile = provider.origin === CatalogOrigin.FILE;
  const close = (): void => setAct(undefined);
  return (
    <Stack gap="md">
      {credential === undefined
        ? <Text size="sm">{isOfFile ? <Trans>None is set here. Envoy takes the one of its environment, if it has one.</Trans> : <Trans>None is set. The provider receives no calls until it has one.</Trans>}</Text>
        : <Properties entries={[[<Trans>Fingerprint</Trans>, <Code style={{ background: "transparent", padding: 0 }}>{credential.fingerprint}</Code>], [<Trans>Set by</Trans>, credential.setterDisplayName || idOf(credential.setter)], [<Trans>Set</Trans>, <Time value={credential.setTime} />]]} />}
      <Group gap="sm">
        <Button variant="default" size="xs" onClick={() => setAct("set")}>{credential === undefined ? <Trans>Set the credential</Trans> : <Trans>Replace the credential</Trans>}</Button>
        {credential !== undefined && <Button variant="light" color="red" size="xs" onClick={() => setAct("clear")}><Trans>Remove the credential</Trans></Button>}
      </Group>
      {act === "set" && (
        <SetProviderKey
          title={credential === undefined ? <Trans>Set the credential?</Trans> : <Trans>Replace the credential?</Trans>} about={displayName} label={t`Credential at ${displayName}`}
          description={t`For AWS, ACCESS_KEY_ID:SECRET_ACCESS_KEY. It is not shown again.`} saving={setting} save={(secret, saved) => setting.save({ name, secret }, saved)} close={close}
        >
          {isOfFile
            ? <Trans>The next call of every organization without an own key carries it, in place of the one in Envoy's environment. Whether {displayName} accepts it is not checked.</Trans>
            : <Trans>The next call of every organization without an own key carries it. Whether {displayName} accepts it is not checked.</Trans>}
        </SetProviderKey>
      )}
      <Confirmation opened={act === "clear"} close={close} danger title={<Trans>Remove the credential?</Trans>} about={displayName} verb={<Trans>Remove</Trans>} mutation={removal} confirm={() => removal.save({ name }, close)}>
        {isOfFile ? <Trans>The next calls carry the credential in Envoy's environment. Without one there, they fail.</Trans> : <Trans>The next calls to {displayName} without an own key of an organization fail until a credential is set again.</Trans>}
      </Confirmation>
    </Stack>
  );
}

function Actions({ provider }: { readonly provider: ProviderConfiguration }) {
  const { t } = useLingui();
  const navigate = useNavigate();
  const [removing, setRemoving] = useState(false);
  const removal = useSaving(CatalogChanges.method.removeProvider, t`The provider is removed.`);
  const { name, etag } = provider;
  const displayName = wantedProvider(provider.definition ?? {}).displayName || providerOf(name);
  const why = provider.origin === CatalogOrigin.FILE ? t`It comes from the catalog file: change it there` : undefined;
  return (
    <Group gap="sm">
      <Button variant="light" color="red" disabled={why !== undefined} title={why} onClick={() => setRemoving(true)}><Trans>Remove</Trans></Button>
      {why === undefined ? <Button component={Link} to={`${providerPageOf(name)}/edit`}><Trans>Change</Trans></Button> : <Button disabled title={why}><Trans>Change</Trans></Button>}
      <Confirmation
        opened={removing} close={() => setRemoving(false)} danger title={<Trans>Remove this provider?</Trans>} about={displayName} verb={<Trans>Remove</Trans>} mutation={removal}
        confirm={() => removal.save({ name, etag }, () => void navigate({ to: operatorPaths.providers }))}
      >
        <Trans>It goes from every Envoy, with its credential. Calls that run go on to their end. A provider of a model on offer cannot be removed.</Trans>
      </Confirmation>
    </Group>
  );
}
