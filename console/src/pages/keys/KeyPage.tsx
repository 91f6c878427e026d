import { useSuspenseQuery } from "@connectrpc/connect-query";
import { type ApiKey, ApiKey_State, ApiKeys } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Badge, SimpleGrid, Stack, Text } from "@mantine/core";
import { useParams } from "@tanstack/react-router";
import { useState } from "react";

import { idOf } from "../../api/names";
import { GuardrailSummary } from "../../components/GuardrailSummary";
import { NewSecret } from "../../components/NewSecret";
import { Part } from "../../components/Part";
import { Samples } from "../../components/Samples";
import { KeyActions } from "../../forms/keys/KeyActions";
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
        actions={key.state === ApiKey_State.DELETED ? null : <KeyActions of={key} onSecret={setRotated} />}
      />
      <Stack gap="lg">
        {rotated !== undefined && <Part><NewSecret name={key.name} secret={rotated} /></Part>}
        <Spend key_={key} />
        <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
          <Surface title={<Trans>The key</Trans>}><Facts key_={key} /></Surface>
          <GuardrailSummary scope={key.name} />
        </SimpleGrid>
        {key.state === ApiKey_State.ACTIVE && rotated === undefined && <Surface title={<Trans>Use it in a program</Trans>}><Part><Samples /></Part></Surface>}
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
        note={budget === undefined ? <Trans>in total, no budget</Trans> : <Stack gap={4} mt={4}><Meter used={key.spentNanoCredits} limit={budget} label={t`Budget`} /><span className="figures"><Trans>of {formatCredits(budget, language, 2)}</Trans></span></Stack>}
      />
      <Figure label={<Trans>Calls</Trans>} value={formatCount(key.callCount, language)} note={<><AppLink to={pathsOf(account.organization).calls} search={{ key: idOf(key.name), period: "30d" }}><Trans>See them</Trans></AppLink>{" · "}<AppLink to={pathsOf(account.organization).explain} search={{ key: idOf(key.name) }}><Trans>Why was a call refused?</Trans></AppLink></>} />
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
        [<Trans>Owner</Trans>, <AppLink to={pathOf(key.member || key.serviceAccount)}>{key.memberDisplayName || idOf(key.member || key.serviceAccount)}</AppLink>],
        [<Trans>Created</Trans>, <Time value={key.createTime} />],
        [<Trans>Changed</Trans>, <Time value={key.updateTime} />],
        [<Trans>Ends</Trans>, key.expireTime === undefined ? t`Never` : <Time value={key.expireTime} />],
        [<Trans>Addresses</Trans>, key.ipAllowList.length === 0 ? t`every address` : key.ipAllowList.join(", ")],
        [<Trans>Set from above</Trans>, key.limitOrigins.length === 0 ? undefined : key.limitOrigins.map((origin) => `${origin.limit} (${idOf(origin.scope)})`).join(", ")],
        [<Trans>Disabled</Trans>, key.disableTime === undefined ? undefined : <Time value={key.disableTime} />],
        [<Trans>Old secret valid until</Trans>, key.overlapEndTime === undefined ? undefined : <Time value={key.overlapEndTime} />],
      ]}
    />
  );
}
