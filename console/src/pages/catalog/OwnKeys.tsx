import { useSuspenseQuery } from "@connectrpc/connect-query";
import { Catalog, type OwnProviderCredential, OwnProviderCredentials, Role } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Badge, Button, Checkbox, Code, Group, Text } from "@mantine/core";
import { useState } from "react";

import { idOf } from "../../api/names";
import { Confirmation } from "../../components/Confirmation";
import { Part } from "../../components/Part";
import { SetProviderKey } from "../../forms/SetProviderKey";
import { useParent, usePlace } from "../../hooks/account";
import { useSaving } from "../../hooks/saving";
import { type Column, DataTable } from "../../table/DataTable";
import { ListCsv } from "../../table/ListCsv";
import { EmptyState } from "../../ui/EmptyState";
import { Surface } from "../../ui/Surface";
import { Time } from "../../ui/Time";
import { CatalogFrame } from "./CatalogFrame";

/** More than a deployment has of providers and an organization of own keys. */
const most = 1000;

/** A provider, and what is known of the organization's own key there. */
interface Place {
  readonly id: string;
  readonly displayName: string;
  readonly key: OwnProviderCredential | undefined;
}

/** At which providers the organization has a key of its own. */
export function OwnKeys() {
  const denied = <EmptyState title={<Trans>You may not see the organization's own keys</Trans>} step={<Trans>Super Admins see and set them.</Trans>} />;
  return (
    <CatalogFrame hint={<Trans>Calls to a provider at which you set a key of your own carry that key. No page shows a key again.</Trans>}>
      <Surface flush><Part height={420} denied={denied}><Found /></Part></Surface>
    </CatalogFrame>
  );
}

function Found() {
  const parent = useParent();
  const { t } = useLingui();
  const isSuper = usePlace().account.role === Role.SUPER_ADMIN;
  const [act, setAct] = useState<{ readonly kind: "set" | "clear"; readonly place: Place } | undefined>(undefined);
  const { data: own } = useSuspenseQuery(OwnProviderCredentials.method.listOwnProviderCredentials, { parent, pageSize: most });
  const { data: offered } = useSuspenseQuery(Catalog.method.listProviders, { pageSize: most });
  const places = placesOf(offered.providers, own.ownProviderCredentials);
  if (places.length === 0) return <EmptyState title={<Trans>No providers</Trans>} step={<Trans>The operator of the deployment names them in the catalog.</Trans>} />;
  const columns: readonly Column<Place>[] = [
    { id: "provider", header: <Trans>Provider</Trans>, cell: (one) => <><Text size="sm" fw={500} className="cut">{one.displayName}</Text><Text size="xs" c="dimmed" className="cut">{one.id}</Text></> },
    { id: "state", header: <Trans>Key in use</Trans>, cell: (one) => <Carried place={one} /> },
    { id: "fingerprint", header: <Trans>Fingerprint</Trans>, cell: (one) => (one.key === undefined ? "—" : <Code style={{ background: "transparent", padding: 0 }}>{one.key.fingerprint}</Code>), shown: "very-wide" },
    { id: "who", header: <Trans>Set by</Trans>, cell: (one) => <span className="cut">{one.key === undefined ? "—" : one.key.setterDisplayName || idOf(one.key.setter)}</span>, shown: "wide" },
    { id: "when", header: <Trans>Set</Trans>, cell: (one) => <Time value={one.key?.setTime} />, shown: "very-wide" },
    {
      id: "actions", header: <Trans>Actions</Trans>, align: "right",
      cell: (one) =>
        isSuper ? (
          <Group gap="xs" justify="flex-end">
            {one.key !== undefined && <Button size="compact-xs" variant="light" color="red" onClick={() => setAct({ kind: "clear", place: one })} aria-label={t`Remove the key at ${one.displayName}`}><Trans>Remove…</Trans></Button>}
            <Button size="compact-xs" variant="default" onClick={() => setAct({ kind: "set", place: one })} aria-label={one.key === undefined ? t`Set a key at ${one.displayName}` : t`Replace the key at ${one.displayName}`}>{one.key === undefined ? <Trans>Set…</Trans> : <Trans>Replace…</Trans>}</Button>
          </Group>
        ) : "—",
    },
  ];
  return (
    <>
      <DataTable caption={t`Own keys at providers`} columns={columns} rows={places} keyOf={(one) => one.id} />
      <Group p="md"><ListCsv file="own-keys" method={OwnProviderCredentials.method.listOwnProviderCredentials} request={{ parent }} /></Group>
      {act?.kind === "set" && <SetKey place={act.place} close={() => setAct(undefined)} />}
      {act?.kind === "clear" && <ClearKey place={act.place} close={() => setAct(undefined)} />}
    </>
  );
}

/** The providers on offer, and those that have gone and still have a key. */
function placesOf(providers: readonly { readonly name: string; readonly displayName: string }[], keys: readonly OwnProviderCredential[]): readonly Place[] {
  const keyAt = new Map(keys.map((key) => [idOf(key.name), key]));
  const offered = providers.map(({ name, displayName }) => ({ id: idOf(name), displayName: displayName || idOf(name), key: keyAt.get(idOf(name)) }));
  const gone = [...keyAt].filter(([id]) => !offered.some((one) => one.id === id)).map(([id, key]) => ({ id, displayName: id, key }));
  return [...offered, ...gone].toSorted((one, other) => Number(other.key !== undefined) - Number(one.key !== undefined));
}

function Carried({ place }: { readonly place: Place }) {
  if (place.key === undefined) return <Badge variant="light" radius="sm" tt="none" color="gray"><Trans>Gateway's</Trans></Badge>;
  return (
    <>
      <Badge variant="light" radius="sm" tt="none" color="teal"><Trans>Your own</Trans></Badge>
      {place.key.gatewayFallback && <Text size="xs" c="dimmed"><Trans>other providers: gateway's</Trans></Text>}
    </>
  );
}

interface ActProps {
  readonly place: Place;
  readonly close: () => void;
}

function SetKey({ place, close }: ActProps) {
  const parent = useParent();
  const { t } = useLingui();
  const saving = useSaving(OwnProviderCredentials.method.setOwnProviderCredential, t`Calls carry the key now.`);
  const { displayName } = place;
  const [gatewayFallback, setGatewayFallback] = useState(place.key?.gatewayFallback ?? false);
  const options = (
    <Checkbox
      label={t`Other providers may serve with the gateway's key`} checked={gatewayFallback} onChange={(event) => setGatewayFallback(event.currentTarget.checked)}
      description={t`Otherwise, a model that several providers serve goes only to those where the organization has a key.`}
    />
  );
  return (
    <SetProviderKey
      title={place.key === undefined ? <Trans>Set your own key?</Trans> : <Trans>Replace your own key?</Trans>} about={displayName} label={t`Key at ${displayName}`} description={t`8 to 4,096 characters. It is not shown again.`}
      saving={saving} save={(secret, saved) => saving.save({ name: nameOf(parent, place), secret, gatewayFallback }, saved)} close={close} options={options}
    >
      <Trans>The next calls of the organization to {displayName} carry this key. Whether {displayName} accepts it is not checked: if it does not, callers get its error. Calls are charged in credits as before, and {displayName} bills your account besides.</Trans>
    </SetProviderKey>
  );
}

function ClearKey({ place, close }: ActProps) {
  const parent = useParent();
  const { t } = useLingui();
  const saving = useSaving(OwnProviderCredentials.method.clearOwnProviderCredential, t`The key is removed.`);
  const { displayName } = place;
  return (
    <Confirmation opened close={close} danger title={<Trans>Remove your own key?</Trans>} about={displayName} verb={<Trans>Remove</Trans>} mutation={saving} confirm={() => saving.save({ name: nameOf(parent, place) }, close)}>
      <Trans>The next calls of the organization to {displayName} carry the gateway's key. Calls that run end with the key they began with. {displayName} no longer finds files and responses that it stored for your account.</Trans>
    </Confirmation>
  );
}

function nameOf(parent: string, { id }: Place): string {
  return `${parent}/providerCredentials/${id}`;
}
