import { useSuspenseQuery } from "@connectrpc/connect-query";
import { CatalogChanges, type ConfigurationVersion, ConfigurationVersion_State } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Badge, Button, Code, Modal, Stack, Text } from "@mantine/core";
import { useState } from "react";

import { idOf } from "../../../api/names";
import { Part } from "../../../components/Part";
import { useActionName } from "../../../hooks/actions";
import { useFocusReturn } from "../../../hooks/focus";
import { pageSize, usePaging } from "../../../hooks/paging";
import { operatorPaths } from "../../../paths";
import { type Column, DataTable } from "../../../table/DataTable";
import { ListCsv } from "../../../table/ListCsv";
import { Pager } from "../../../table/Pager";
import { AppLink } from "../../../ui/AppLink";
import { Copyable } from "../../../ui/Copyable";
import { EmptyState } from "../../../ui/EmptyState";
import { Properties } from "../../../ui/Properties";
import { Surface } from "../../../ui/Surface";
import { Time } from "../../../ui/Time";
import { LiveFrame } from "./LiveFrame";
import { pageOfChanged } from "./names";

/** Who changed the live configuration, and which changes Envoy refused. */
export function Versions() {
  return (
    <LiveFrame hint={<Trans>Every change of providers, models, limits and own keys, newest first. What an Envoy refused was undone.</Trans>}>
      <Surface flush><Part height={420}><Found /></Part></Surface>
    </LiveFrame>
  );
}

function Found() {
  const { t } = useLingui();
  const actionName = useChangeName();
  const paging = usePaging("");
  const [shown, setShown] = useState<ConfigurationVersion | undefined>(undefined);
  useFocusReturn(shown !== undefined);
  const { data } = useSuspenseQuery(CatalogChanges.method.listConfigurationVersions, { pageSize, pageToken: paging.token });
  if (data.configurationVersions.length === 0 && paging.back === undefined) {
    return <EmptyState title={<Trans>Nothing was changed yet</Trans>} step={<Trans>The gateway runs with what the catalog file says.</Trans>} command="megarouter catalog history" />;
  }
  const columns: readonly Column<ConfigurationVersion>[] = [
    { id: "time", header: <Trans>Time</Trans>, cell: (one) => <Time value={one.createTime} /> },
    { id: "number", header: <Trans>Version</Trans>, cell: (one) => String(one.number), align: "right", shown: "very-wide" },
    { id: "who", header: <Trans>By</Trans>, cell: (one) => <span className="cut">{one.userDisplayName || idOf(one.user)}</span>, shown: "wide" },
    { id: "did", header: <Trans>Did</Trans>, cell: (one) => <><span className="cut">{actionName(one.method)}</span><Text size="xs" c="dimmed" className="cut">{one.resource}</Text>{one.state === ConfigurationVersion_State.REFUSED && <VersionState state={one.state} />}</> },
    { id: "more", header: <Trans>Details</Trans>, cell: (one) => <Button size="compact-xs" variant="subtle" onClick={() => setShown(one)} aria-label={t`Show version ${String(one.number)}`}><Trans>Show</Trans></Button>, align: "right" },
  ];
  return (
    <>
      <DataTable caption={t`Versions of the live configuration`} columns={columns} rows={data.configurationVersions} keyOf={(one) => String(one.number)} open={setShown} />
      <Pager paging={paging} nextToken={data.nextPageToken}><ListCsv file="configuration-versions" method={CatalogChanges.method.listConfigurationVersions} request={{}} /></Pager>
      <Modal opened={shown !== undefined} onClose={() => setShown(undefined)} size="lg" title={<Text fw={600}>{shown === undefined ? "" : actionName(shown.method)}</Text>}>{shown !== undefined && <Version version={shown} />}</Modal>
    </>
  );
}

/** What a version did. The service itself undoes what an Envoy refused. */
function useChangeName(): (method: string) => string {
  const { t } = useLingui();
  const actionName = useActionName();
  return (method) => (idOf(method) === "undo" ? t`Undid a refused change` : actionName(method));
}

function Version({ version }: { readonly version: ConfigurationVersion }) {
  const { t } = useLingui();
  const page = pageOfChanged(version.resource);
  return (
    <Stack gap="md">
      <Properties
        entries={[
          [<Trans>Version</Trans>, String(version.number)],
          [<Trans>Time</Trans>, <Time value={version.createTime} />],
          [<Trans>By</Trans>, version.userDisplayName || idOf(version.user)],
          [<Trans>Resource</Trans>, <Copyable text={version.resource} label={t`name`} />],
          [<Trans>State</Trans>, <VersionState state={version.state} />],
          [<Trans>Page</Trans>, page === undefined ? undefined : <AppLink to={page}><Trans>As it is now</Trans></AppLink>],
          [<Trans>History</Trans>, <AppLink to={operatorPaths.auditLog} search={{ q: version.resource }}><Trans>What was changed</Trans></AppLink>],
        ]}
      />
      {version.refusal !== "" && (
        <div>
          <Text size="sm" fw={600} mb={4}><Trans>What Envoy said</Trans></Text>
          <Code block style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>{version.refusal}</Code>
        </div>
      )}
    </Stack>
  );
}

function VersionState({ state }: { readonly state: ConfigurationVersion_State }) {
  const { t } = useLingui();
  const { label, color } = {
    [ConfigurationVersion_State.UNSPECIFIED]: { label: "", color: "gray" }, [ConfigurationVersion_State.ACCEPTED]: { label: t`Accepted`, color: "teal" },
    [ConfigurationVersion_State.REFUSED]: { label: t`Refused by Envoy`, color: "red" },
  }[state];
  return <Badge variant="light" radius="sm" tt="none" color={color}>{label}</Badge>;
}
