import { useMutation, useSuspenseQuery } from "@connectrpc/connect-query";
import { type ApiKey, ApiKey_State, ApiKeys } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Badge, Button, Group, List, SimpleGrid, Stack, Text } from "@mantine/core";
import { useNavigate, useParams } from "@tanstack/react-router";
import { useState } from "react";

import { idOf } from "../../api/names";
import { queryClient } from "../../api/queries";
import { Confirmation } from "../../components/Confirmation";
import { ErrorNotice } from "../../components/ErrorNotice";
import { NewSecret } from "../../components/NewSecret";
import { Part } from "../../components/Part";
import { usePlace } from "../../hooks/account";
import { useKeyState } from "../../hooks/labels";
import { useLanguage } from "../../hooks/language";
import { PageHeader } from "../../layouts/PageHeader";
import { pathOf, pathsOf } from "../../paths";
import { AppLink } from "../../ui/AppLink";
import { Amount } from "../../ui/Amount";
import { Copyable } from "../../ui/Copyable";
import { Figure } from "../../ui/Figure";
import { Meter } from "../../ui/Meter";
import { Properties } from "../../ui/Properties";
import { Surface } from "../../ui/Surface";
import { Time } from "../../ui/Time";
import { formatCredits } from "../../util/credits";
import { formatCount } from "../../util/numbers";
import { colorOf } from "./KeyList";

type Act = "rotate" | "disable" | "delete";

export function KeyPage() {
  const { account } = usePlace();
  const { t } = useLingui();
  const stateName = useKeyState();
  const { key: id } = useParams({ from: "/organizations/$organization/apiKeys/$key" });
  const { data: key } = useSuspenseQuery(ApiKeys.method.getApiKey, { name: `${account.organization}/apiKeys/${id}` });
  const [rotated, setRotated] = useState<string | undefined>(undefined);
  return (
    <>
      <PageHeader
        crumbs={[{ label: t`API keys`, to: pathsOf(account.organization).keys }]} title={key.displayName || idOf(key.name)}
        hint={<Badge variant="light" radius="sm" tt="none" color={colorOf(key.state)}>{stateName(key.state)}</Badge>}
        actions={key.state === ApiKey_State.DELETED ? null : <Actions key_={key} onSecret={setRotated} />}
      />
      <Stack gap="lg">
        {rotated !== undefined && <Part><NewSecret name={key.name} secret={rotated} /></Part>}
        <Spend key_={key} />
        <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
          <Surface title={<Trans>The key</Trans>}><Facts key_={key} /></Surface>
          <Surface title={<Trans>Limits of the key</Trans>} hint={<Trans>The limits of its owner, the groups and the organization also apply.</Trans>}><Limits key_={key} /></Surface>
        </SimpleGrid>
      </Stack>
    </>
  );
}

function Spend({ key_: key }: { readonly key_: ApiKey }) {
  const { account } = usePlace();
  const { t } = useLingui();
  const language = useLanguage();
  const budget = key.budgetNanoCredits === undefined ? undefined : key.budgetNanoCredits + key.carriedNanoCredits;
  return (
    <SimpleGrid cols={{ base: 1, xs: 3 }} spacing="lg" className="surface" p={20}>
      <Figure
        label={<Trans>Spent</Trans>} value={<Amount nanoCredits={key.spentNanoCredits} />}
        note={budget === undefined ? <Trans>No budget</Trans> : <Stack gap={4} mt={4}><Meter used={key.spentNanoCredits} limit={budget} label={t`Budget`} /><span className="figures"><Trans>of {formatCredits(budget, language, 2)}</Trans></span></Stack>}
      />
      <Figure label={<Trans>Calls</Trans>} value={formatCount(key.callCount, language)} note={<AppLink to={pathsOf(account.organization).calls} search={{ key: idOf(key.name), period: "30d" }}><Trans>See them</Trans></AppLink>} />
      <Figure label={<Trans>Last used</Trans>} value={key.lastUseTime === undefined ? <Trans>Never</Trans> : <Time value={key.lastUseTime} ago />} />
    </SimpleGrid>
  );
}

function Facts({ key_: key }: { readonly key_: ApiKey }) {
  const { t } = useLingui();
  return (
    <Properties
      entries={[
        [<Trans>Id</Trans>, <Copyable text={idOf(key.name)} label={t`id`} />],
        [<Trans>Key</Trans>, <Text span inherit ff="monospace">{key.obfuscatedKey}</Text>],
        [<Trans>Owner</Trans>, key.member === "" ? key.memberDisplayName || idOf(key.serviceAccount) : <AppLink to={pathOf(key.member)}>{key.memberDisplayName || idOf(key.member)}</AppLink>],
        [<Trans>Created</Trans>, <Time value={key.createTime} />],
        [<Trans>Changed</Trans>, <Time value={key.updateTime} />],
        [<Trans>Ends</Trans>, key.expireTime === undefined ? t`Never` : <Time value={key.expireTime} />],
        [<Trans>Disabled</Trans>, key.disableTime === undefined ? undefined : <Time value={key.disableTime} />],
        [<Trans>Old secret valid until</Trans>, key.overlapEndTime === undefined ? undefined : <Time value={key.overlapEndTime} />],
      ]}
    />
  );
}

function Limits({ key_: key }: { readonly key_: ApiKey }) {
  const { t } = useLingui();
  const language = useLanguage();
  const texts = (values: readonly string[]) => (values.length === 0 ? t`none` : <List size="sm" listStyleType="none">{values.map((value) => <List.Item key={value}>{value}</List.Item>)}</List>);
  return (
    <Properties
      entries={[
        [<Trans>Budget</Trans>, key.budgetNanoCredits === undefined ? t`none` : formatCredits(key.budgetNanoCredits, language)],
        [<Trans>Models</Trans>, key.modelWhitelist === undefined ? t`every model` : texts(key.modelWhitelist.entries)],
        [<Trans>Addresses</Trans>, key.ipAllowList.length === 0 ? t`every address` : texts(key.ipAllowList)],
        [<Trans>Set from above</Trans>, key.limitOrigins.length === 0 ? undefined : texts(key.limitOrigins.map((origin) => `${origin.limit}: ${idOf(origin.scope)}`))],
      ]}
    />
  );
}

function Actions({ key_: key, onSecret }: { readonly key_: ApiKey; readonly onSecret: (secret: string) => void }) {
  const [act, setAct] = useState<Act | undefined>(undefined);
  const navigate = useNavigate();
  const { account } = usePlace();
  const rotate = useMutation(ApiKeys.method.rotateApiKey);
  const disable = useMutation(ApiKeys.method.disableApiKey);
  const enable = useMutation(ApiKeys.method.enableApiKey);
  const remove = useMutation(ApiKeys.method.deleteApiKey);
  const { name, etag } = key;
  const done = (): void => {
    setAct(undefined);
    void queryClient.invalidateQueries();
  };
  const leave = (): void => {
    done();
    void navigate({ to: pathsOf(account.organization).keys });
  };
  const close = (): void => setAct(undefined);
  return (
    <Group gap="sm">
      {key.state === ApiKey_State.DISABLED ? (
        <Button variant="default" loading={enable.isPending} onClick={() => enable.mutate({ name, etag }, { onSuccess: done })}><Trans>Enable</Trans></Button>
      ) : (
        <Button variant="default" onClick={() => setAct("disable")}><Trans>Disable</Trans></Button>
      )}
      <Button variant="default" onClick={() => setAct("rotate")}><Trans>Rotate</Trans></Button>
      <Button variant="light" color="red" onClick={() => setAct("delete")}><Trans>Delete</Trans></Button>
      {enable.isError && <ErrorNotice error={enable.error} />}
      <Confirmation
        opened={act === "disable"} close={close} title={<Trans>Disable this key?</Trans>} verb={<Trans>Disable</Trans>} mutation={disable}
        confirm={() => disable.mutate({ name, etag }, { onSuccess: done })}
      >
        <Trans>Calls with it are refused within a second. Running calls go on. You can enable it again.</Trans>
      </Confirmation>
      <Confirmation
        opened={act === "rotate"} close={close} title={<Trans>Give this key a new secret?</Trans>} verb={<Trans>Rotate</Trans>} mutation={rotate}
        confirm={() => rotate.mutate({ name, etag }, { onSuccess: ({ secret }) => { onSecret(secret); done(); } })}
      >
        <Trans>The new secret is shown once. The old one stays valid for 24 hours.</Trans>
      </Confirmation>
      <Confirmation
        opened={act === "delete"} close={close} title={<Trans>Delete this key for good?</Trans>} verb={<Trans>Delete</Trans>} mutation={remove} danger
        confirm={() => remove.mutate({ name, etag }, { onSuccess: leave })}
      >
        <Trans>Calls with it are refused within a second, and it cannot be brought back. Its usage stays.</Trans>
      </Confirmation>
    </Group>
  );
}
