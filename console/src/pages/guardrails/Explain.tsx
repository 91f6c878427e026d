import { skipToken } from "@tanstack/react-query";
import { useQuery, useSuspenseQuery } from "@connectrpc/connect-query";
import { ApiKeyView, ApiKeys, type BudgetUse, Guardrail_Mode, Guardrails, type RateUse, type ScopeAccess } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Alert, Badge, Button, Code, NativeSelect, SimpleGrid, Stack, Text, TextInput } from "@mantine/core";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";

import { idOf, quoted } from "../../api/names";
import { Part } from "../../components/Part";
import { RefusalWords } from "../../components/refusals/RefusalWords";
import { refusedIn } from "../../components/refusals/refused";
import { MemberField } from "../../forms/fields/MemberField";
import { isAdmin, usePlace } from "../../hooks/account";
import { useLanguage } from "../../hooks/language";
import { PageHeader } from "../../layouts/PageHeader";
import { pathOf, pathsOf } from "../../paths";
import { AppLink } from "../../ui/AppLink";
import { Icon } from "../../ui/Icon";
import { Meter } from "../../ui/Meter";
import { Properties } from "../../ui/Properties";
import { Surface } from "../../ui/Surface";
import { Time } from "../../ui/Time";
import { formatCredits } from "../../util/credits";
import { formatCount } from "../../util/numbers";
import { Refusals } from "./Refusals";

const from = "/organizations/$organization/explain";
const mostKeys = 200;

/** Says whether a call would pass now, and what would stop it. It reads the counters of the calls and takes nothing. */
export function Explain() {
  const { account } = usePlace();
  const { t } = useLingui();
  const search = useSearch({ from });
  const parent = account.organization;
  const caller = search.key !== undefined ? `${parent}/apiKeys/${search.key}` : search.serviceAccount !== undefined ? `${parent}/serviceAccounts/${search.serviceAccount}` : search.member !== undefined ? `${parent}/members/${search.member}` : undefined;
  return (
    <>
      <PageHeader crumbs={[{ label: t`Organization`, to: pathsOf(parent).people }, { label: t`Guardrails`, to: pathsOf(parent).guardrails }]} title={<Trans>Why was a call refused?</Trans>} hint={<Trans>What a call would get now, from the same counters. It calls no model and costs nothing.</Trans>} />
      <Stack gap="lg">
        <Surface><Part height={90}><Question key={JSON.stringify(search)} /></Part></Surface>
        <Surface flush title={<Trans>Refused in the last 7 days</Trans>} hint={<Trans>Refused calls are counted, and not kept one by one: they have no page and no id to search for. The answer that the caller got names the reason and the guardrail.</Trans>}>
          <Part height={90}><Refusals caller={caller} /></Part>
        </Surface>
        {caller !== undefined && search.model !== undefined && <Part height={320}><Answer caller={caller} model={search.model} /></Part>}
      </Stack>
    </>
  );
}

function Question() {
  const { account } = usePlace();
  const { t } = useLingui();
  const search = useSearch({ from });
  const navigate = useNavigate({ from });
  const ofMember = search.member ?? (isAdmin(account) || search.key !== undefined ? "" : idOf(account.member));
  const [member, setMember] = useState(ofMember === "" ? "" : `${account.organization}/members/${ofMember}`);
  const [key, setKey] = useState(search.key ?? "");
  const [model, setModel] = useState(search.model ?? "gpt-4o-mini");
  const { data: named } = useQuery(ApiKeys.method.getApiKey, key !== "" ? { name: `${account.organization}/apiKeys/${key}` } : skipToken);
  const { data: keys } = useQuery(ApiKeys.method.listApiKeys, member !== "" ? { parent: account.organization, filter: `member = ${quoted(member)}`, pageSize: mostKeys, view: ApiKeyView.BASIC } : skipToken);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const whose = key !== "" ? { key } : member !== "" ? { member: idOf(member) } : search.serviceAccount === undefined ? {} : { serviceAccount: search.serviceAccount };
    void navigate({ to: ".", search: { ...whose, model: model.trim() || undefined } as never });
  };
  const found = keys?.apiKeys ?? [];
  return (
    <form onSubmit={submit}>
      <SimpleGrid cols={{ base: 1, sm: 2, md: 4 }} style={{ alignItems: "end" }}>
        {isAdmin(account) && search.serviceAccount === undefined && <MemberField label={t`Whose call`} value={member} onChange={(name) => { setMember(name); setKey(""); }} />}
        {search.serviceAccount !== undefined && <TextInput label={t`Service account`} value={search.serviceAccount} readOnly />}
        <NativeSelect
          label={t`With which key`} value={key} onChange={(event) => setKey(event.currentTarget.value)}
          data={[{ value: "", label: t`A key without limits of its own` }, ...(named !== undefined && !found.some(({ name }) => name === named.name) ? [{ value: key, label: named.displayName || key }] : []), ...found.map((one) => ({ value: idOf(one.name), label: one.displayName || idOf(one.name) }))]}
        />
        <TextInput label={t`Model`} value={model} onChange={(event) => setModel(event.currentTarget.value)} required />
        <Button type="submit" disabled={model.trim() === "" || (member === "" && key === "" && search.serviceAccount === undefined)}><Trans>Explain</Trans></Button>
      </SimpleGrid>
    </form>
  );
}

function Answer({ caller, model }: { readonly caller: string; readonly model: string }) {
  const language = useLanguage();
  const { data } = useSuspenseQuery(Guardrails.method.explainAccess, { name: caller, modelName: model });
  const amount = data.amountNanoCredits;
  return (
    <Stack gap="lg">
      {data.passes ? (
        <Alert color="teal" variant="light" title={<Trans>A call would pass now</Trans>} icon={<Icon name="check" />}>
          {amount !== undefined && <Trans>It would hold {formatCredits(amount, language)} credits until its cost is known.</Trans>}
        </Alert>
      ) : (
        <Alert color="red" variant="light" title={<Trans>A call would be refused now</Trans>} icon={<Icon name="close" />}>
          <Stack gap={4}>
            <RefusalWords of={refusedIn(data)} />
            {data.stoppedBy !== "" && <Text size="sm"><Trans>The guardrail of <AppLink to={pathOf(data.stoppedBy)}>{data.stoppedByDisplayName || idOf(data.stoppedBy)}</AppLink> stops it. An admin above can change it.</Trans></Text>}
            <Text size="sm"><Trans>The caller gets the code <Code>{data.reason}</Code></Trans></Text>
          </Stack>
        </Alert>
      )}
      <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
        {data.scopes.map((scope) => <Scope key={scope.guardrail} scope={scope} />)}
        {data.credit !== undefined && <Surface title={<Trans>Credit</Trans>} actions={<Fits fits={data.credit.fits} />}><Budget budget={data.credit} /></Surface>}
      </SimpleGrid>
    </Stack>
  );
}

function Fits({ fits, isShadow = false }: { readonly fits: boolean; readonly isShadow?: boolean }) {
  return <Badge variant="light" radius="sm" tt="none" color={fits ? "teal" : isShadow ? "orange" : "red"}>{fits ? <Trans>Fits</Trans> : isShadow ? <Trans>Over the limit, but allowed</Trans> : <Trans>Stops the call</Trans>}</Badge>;
}

function Scope({ scope }: { readonly scope: ScopeAccess }) {
  const { t } = useLingui();
  const rates: readonly (readonly [React.ReactNode, RateUse | undefined])[] = [[<Trans>Requests per minute</Trans>, scope.requestsPerMinute], [<Trans>Tokens per minute</Trans>, scope.tokensPerMinute], [<Trans>Concurrent calls</Trans>, scope.concurrency], ...scope.rateLimits.flatMap((rate) => [[rate.models || t`Every model`, rate.requests ?? rate.tokens] as const])];
  const present = rates.flatMap(([label, use]) => (use === undefined ? [] : [[label, use] as const]));
  const isEmpty = scope.budget === undefined && present.length === 0 && scope.modelAllowed && scope.modelBudgets.length === 0;
  return (
    <Surface title={<AppLink to={pathOf(scope.guardrail)} size="md" fw={600}>{scope.scopeDisplayName || idOf(scope.guardrail)}</AppLink>} actions={<Fits fits={scope.fits} isShadow={scope.mode === Guardrail_Mode.SHADOW} />}>
      <Stack gap="sm">
        {!scope.modelAllowed && <Text size="sm" c="red"><Trans>Its list of models does not have this one.</Trans></Text>}
        {scope.budget !== undefined && <Budget budget={scope.budget} hidden={scope.figuresHidden} />}
        {scope.modelBudgets.map((one) => one.budget && <div key={one.models}><Text size="sm" fw={500}>{one.models}</Text><Budget budget={one.budget} hidden={scope.figuresHidden} /></div>)}
        {present.length > 0 && <Properties entries={present.map(([label, use]) => [label, <Rate use={use} hidden={scope.figuresHidden} />] as const)} />}
        {scope.temporaryLimitEndTime && <Text size="sm" c="dimmed"><Trans>Temporary limits until <Time value={scope.temporaryLimitEndTime} /></Trans></Text>}
        {isEmpty && <Text size="sm" c="dimmed"><Trans>It limits nothing here.</Trans></Text>}
      </Stack>
    </Surface>
  );
}

function Budget({ budget, hidden = false }: { readonly budget: BudgetUse; readonly hidden?: boolean }) {
  const { t } = useLingui();
  const language = useLanguage();
  const limit = formatCredits(budget.limitNanoCredits, language, 2);
  if (hidden) return <Text size="sm"><Trans>Budget of {limit}; its figures are for admins above.</Trans></Text>;
  return (
    <Stack gap={4}>
      <Text size="sm" className="figures"><Trans>{formatCredits(budget.remainingNanoCredits, language, 2)} left of {limit}</Trans>{budget.heldNanoCredits > 0n && <> · <Trans>{formatCredits(budget.heldNanoCredits, language)} held by open calls</Trans></>}</Text>
      <Meter used={budget.limitNanoCredits - budget.remainingNanoCredits} limit={budget.limitNanoCredits} label={t`Budget`} />
      {budget.resetTime && <Text size="xs" c="dimmed"><Trans>starts again <Time value={budget.resetTime} ago /></Trans></Text>}
    </Stack>
  );
}

function Rate({ use, hidden }: { readonly use: RateUse; readonly hidden: boolean }) {
  const language = useLanguage();
  if (hidden) return <>{formatCount(use.limit, language)}</>;
  return <Text span inherit c={use.fits ? undefined : "red"}><Trans>{formatCount(use.used, language)} of {formatCount(use.limit, language)} used</Trans></Text>;
}
