import { useSuspenseQuery } from "@connectrpc/connect-query";
import { type ExplainRoutingResponse, type ExplainRoutingResponse_Candidate, RoutingPolicies } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Badge, Button, Checkbox, Group, SimpleGrid, Stack, Text, TextInput } from "@mantine/core";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";

import { idOf } from "../../api/names";
import { Part } from "../../components/Part";
import { ScopeChoice } from "../../components/ScopeChoice";
import { isAdmin, usePlace } from "../../hooks/account";
import { useLanguage } from "../../hooks/language";
import { type Column, DataTable } from "../../table/DataTable";
import { EmptyState } from "../../ui/EmptyState";
import { Properties } from "../../ui/Properties";
import { Surface } from "../../ui/Surface";
import { formatCredits } from "../../util/credits";
import { formatPercent } from "../../util/numbers";
import { useMode } from "./labels";

const from = "/organizations/$organization/routingPolicies";

/** Which model would serve a call now, and why not another. The address has the question. */
export function ExplainRouting() {
  const { account } = usePlace();
  const { t } = useLingui();
  const search = useSearch({ from });
  const navigate = useNavigate({ from });
  const [caller, setCaller] = useState(search.caller === undefined ? account.member : `${account.organization}/${search.caller}`);
  const [model, setModel] = useState(search.model ?? "auto");
  const [useCase, setUseCase] = useState(search.useCase ?? "");
  const [tools, setTools] = useState(search.tools === "yes");
  const ask = (event: FormEvent): void => {
    event.preventDefault();
    if (caller === "" || model.trim() === "") return;
    void navigate({ to: ".", search: (now) => ({ ...now, caller: caller.slice(account.organization.length + 1), model: model.trim(), useCase: useCase.trim() || undefined, tools: tools ? ("yes" as const) : undefined }), replace: true });
  };
  return (
    <Surface title={<Trans>Explain</Trans>} hint={<Trans>Which model would serve a call to a virtual model now, and why not another. It decides as a call does and costs nothing.</Trans>}>
      <form onSubmit={ask} noValidate>
        <Stack gap="md" maw={720}>
          <ScopeChoice label={t`Caller`} value={caller} onChange={setCaller} kinds={isAdmin(account) ? ["members", "apiKeys"] : ["apiKeys", "members"]} />
          <SimpleGrid cols={{ base: 1, xs: 2 }}>
            <TextInput label={t`Virtual model`} required maxLength={128} value={model} onChange={(event) => setModel(event.currentTarget.value)} />
            <TextInput label={t`Use case`} description={t`Empty: a call without the tag use-case`} inputWrapperOrder={["label", "input", "description", "error"]} maxLength={64} value={useCase} onChange={(event) => setUseCase(event.currentTarget.value)} />
          </SimpleGrid>
          <Checkbox label={t`The call has tools`} checked={tools} onChange={(event) => setTools(event.currentTarget.checked)} />
          <Group><Button type="submit" variant="default"><Trans>Explain</Trans></Button></Group>
        </Stack>
      </form>
      {search.caller !== undefined && search.model !== undefined && (
        <Part height={200} denied={<EmptyState title={<Trans>You may not ask about this caller</Trans>} />}>
          <Answer caller={`${account.organization}/${search.caller}`} model={search.model} useCase={search.useCase ?? ""} hasTools={search.tools === "yes"} />
        </Part>
      )}
    </Surface>
  );
}

function Answer({ caller, model, useCase, hasTools }: { readonly caller: string; readonly model: string; readonly useCase: string; readonly hasTools: boolean }) {
  const { data } = useSuspenseQuery(RoutingPolicies.method.explainRouting, { name: caller, modelName: model, useCase, hasTools });
  return (
    <Stack gap="md" mt="lg" role="region" aria-live="polite">
      <Text fw={600}>{data.passes ? <Trans>{data.servedModel} would serve the call.</Trans> : <Trans>The call would be refused: {data.message}</Trans>}</Text>
      <Facts answer={data} />
      <Candidates candidates={data.candidates} served={data.servedModel} />
    </Stack>
  );
}

function Facts({ answer }: { readonly answer: ExplainRoutingResponse }) {
  const { t } = useLingui();
  const language = useLanguage();
  const modeName = useMode();
  const reasons: Readonly<Record<string, string>> = {
    cheapest: t`it is the cheapest that is good enough`, none_cheaper: t`none that is good enough is cheaper`, not_measured: t`no candidate is measured for the use case`,
    baseline_unfit: t`the baseline cannot serve the call`, baseline_unhealthy: t`the baseline fails at the moment`, continued: t`it goes on with a conversation`, mode_off: t`routing is off`,
    switched_off: t`the virtual model is switched to its baseline`, returned: t`the use case went back to the baseline`, degraded: t`a budget is nearly used up`,
  };
  return (
    <Properties
      entries={[
        [<Trans>Because</Trans>, reasons[answer.reason] ?? answer.reason],
        [<Trans>Chosen</Trans>, answer.chosenModel === answer.servedModel ? undefined : answer.chosenModel],
        [<Trans>Mode</Trans>, modeName(answer.mode)],
        [<Trans>Most loss</Trans>, formatPercent(answer.maxLossBasisPoints / 100, language, 2)],
        [<Trans>Served at</Trans>, answer.servedDeployment === undefined ? undefined : [idOf(answer.servedDeployment.provider), answer.servedDeployment.region].filter((part) => part !== "").join(", ")],
        [<Trans>Instead, if a budget is nearly used up</Trans>, answer.degradedModels.length === 0 ? undefined : answer.degradedModels.join(", ")],
      ]}
    />
  );
}

function Candidates({ candidates, served }: { readonly candidates: readonly ExplainRoutingResponse_Candidate[]; readonly served: string }) {
  const { t } = useLingui();
  const language = useLanguage();
  const verdicts: Readonly<Record<string, string>> = {
    fits: t`fits`, not_offered: t`not offered to the caller`, lacks_capability: t`cannot do what the call needs`, window_too_small: t`context too small`, below_floor: t`below the lowest tier`,
    too_dear: t`too dear`, loss_unknown: t`not measured`, loss_too_high: t`loss too high`, score_too_high: t`score too high`, unhealthy: t`fails at the moment`,
  };
  const columns: readonly Column<ExplainRoutingResponse_Candidate>[] = [
    { id: "model", header: <Trans>Candidate</Trans>, cell: (one) => <Text span inherit fw={one.modelName === served ? 600 : 400}>{one.modelName}</Text> },
    { id: "verdict", header: <Trans>Verdict</Trans>, cell: (one) => <Badge variant="light" radius="sm" tt="none" color={one.verdict === "fits" ? "teal" : "gray"}>{verdicts[one.verdict] ?? one.verdict}</Badge> },
    { id: "loss", header: <Trans>Loss</Trans>, cell: (one) => (one.lossBasisPoints === undefined ? "—" : formatPercent(one.lossBasisPoints / 100, language, 2)), align: "right", shown: "wide" },
    { id: "cost", header: <Trans>Expected cost</Trans>, cell: (one) => (one.costNanoCredits === undefined ? "—" : formatCredits(one.costNanoCredits, language)), align: "right" },
  ];
  return <DataTable caption={t`Candidates`} columns={columns} rows={candidates} keyOf={(one) => one.modelName} />;
}
