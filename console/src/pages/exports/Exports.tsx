import { useSuspenseQuery } from "@connectrpc/connect-query";
import { UsageExport_State, UsageExports } from "@megarouter/admin";
import { Trans } from "@lingui/react/macro";
import { Stack } from "@mantine/core";

import { Part } from "../../components/Part";
import { useParent } from "../../hooks/account";
import { pageSize, usePaging } from "../../hooks/paging";
import { PageHeader } from "../../layouts/PageHeader";
import { Pager } from "../../table/Pager";
import { AppLink } from "../../ui/AppLink";
import { EmptyState } from "../../ui/EmptyState";
import { Surface } from "../../ui/Surface";
import { ExportTable } from "./ExportTable";
import { NewExport } from "./NewExport";
import { Schedules } from "./Schedules";

const pollMs = 1000;

/** Files of usage that the service makes in the background: the person's own. */
export function Exports() {
  return (
    <>
      <PageHeader
        title={<Trans>Exports</Trans>} hint={<Trans>Reports for people and files for programs. They go on when you leave the page.</Trans>}
        actions={<AppLink to="/verify"><Trans>Check a report</Trans></AppLink>}
      />
      <Stack gap="lg">
        <NewExport />
        <Surface flush title={<Trans>Your exports</Trans>} hint={<Trans>Only you can download them, until they expire. You can share a report by a link.</Trans>}><Part height={200}><Found /></Part></Surface>
        <Schedules />
      </Stack>
    </>
  );
}

function isOpen(state: UsageExport_State): boolean {
  return state === UsageExport_State.QUEUED || state === UsageExport_State.RUNNING;
}

function Found() {
  const parent = useParent();
  const paging = usePaging(parent);
  const { data } = useSuspenseQuery(UsageExports.method.listUsageExports, { parent, pageSize, pageToken: paging.token }, {
    refetchInterval: (query) => (query.state.data?.usageExports.some(({ state }) => isOpen(state)) === true ? pollMs : false),
  });
  if (data.usageExports.length === 0 && paging.back === undefined) {
    return <EmptyState title={<Trans>No exports</Trans>} step={<Trans>Make one above.</Trans>} command="megarouter usage export --background --since 30d --output calls.csv" />;
  }
  return (
    <>
      <ExportTable exports={data.usageExports} />
      <Pager paging={paging} nextToken={data.nextPageToken} />
    </>
  );
}
