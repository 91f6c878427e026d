import { useSuspenseQuery } from "@connectrpc/connect-query";
import { type NotificationRule, NotificationRules } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Badge, Button, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";

import { idOf } from "../../api/names";
import { Part } from "../../components/Part";
import { useParent } from "../../hooks/account";
import { pageSize, usePaging } from "../../hooks/paging";
import { pathOf, pathsOf } from "../../paths";
import { type Column, DataTable } from "../../table/DataTable";
import { ListCsv } from "../../table/ListCsv";
import { Pager } from "../../table/Pager";
import { AppLink } from "../../ui/AppLink";
import { EmptyState } from "../../ui/EmptyState";
import { Surface } from "../../ui/Surface";
import { AlertsFrame } from "./AlertsFrame";
import { useFrequency } from "./labels";
import { useRecipient, useThresholds } from "./rule_texts";

/** Which alerts go to whom. */
export function RuleList() {
  const parent = useParent();
  const denied = <EmptyState title={<Trans>You may not see the rules</Trans>} step={<Trans>Admins see those of their groups.</Trans>} />;
  return (
    <AlertsFrame hint={<Trans>What is worth an alert, and who gets it</Trans>} actions={<Button component={Link} to={pathsOf(parent).newRule}><Trans>Add a rule</Trans></Button>}>
      <Surface flush><Part height={320} denied={denied}><Found /></Part></Surface>
    </AlertsFrame>
  );
}

function Found() {
  const parent = useParent();
  const { t } = useLingui();
  const frequency = useFrequency();
  const thresholds = useThresholds();
  const recipient = useRecipient();
  const paging = usePaging(parent);
  const question = { parent };
  const { data } = useSuspenseQuery(NotificationRules.method.listNotificationRules, { ...question, pageSize, pageToken: paging.token });
  if (data.notificationRules.length === 0 && paging.back === undefined) {
    return <EmptyState title={<Trans>No rules yet</Trans>} step={<Trans>A rule tells people or a chat when a budget is nearly spent. Choose “Add a rule” above.</Trans>} command="megarouter alerts add-rule Team --at 80% --to owner" />;
  }
  const columns: readonly Column<NotificationRule>[] = [
    {
      id: "name", header: <Trans>Name</Trans>,
      cell: (rule) => <><AppLink to={pathOf(rule.name)} fw={500} className="cut">{rule.displayName}</AppLink>{rule.inheritedFrom !== "" && <Text size="xs" c="dimmed"><Trans>inherited</Trans></Text>}</>,
    },
    { id: "scope", header: <Trans>About</Trans>, cell: (rule) => <span className="cut">{rule.scopeDisplayName || idOf(rule.scope)}</span>, shown: "wide" },
    { id: "at", header: <Trans>At</Trans>, cell: (rule) => thresholds(rule) || "—", shown: "wide" },
    { id: "to", header: <Trans>To</Trans>, cell: (rule) => <span className="cut">{rule.recipients.map(recipient).join(", ")}</span>, shown: "very-wide" },
    { id: "sent", header: <Trans>Sent</Trans>, cell: (rule) => frequency(rule.frequency), shown: "very-wide" },
    { id: "state", header: <Trans>State</Trans>, cell: (rule) => <RuleState rule={rule} /> },
  ];
  return (
    <>
      <DataTable caption={t`Rules`} columns={columns} rows={data.notificationRules} keyOf={(rule) => rule.name} />
      <Pager paging={paging} nextToken={data.nextPageToken}><ListCsv file="rules" method={NotificationRules.method.listNotificationRules} request={question} /></Pager>
    </>
  );
}

export function RuleState({ rule }: { readonly rule: NotificationRule }) {
  const { t } = useLingui();
  if (rule.overriddenBy !== "") return <Badge variant="light" radius="sm" tt="none" color="gray">{t`Overridden`}</Badge>;
  return rule.disabled ? <Badge variant="light" radius="sm" tt="none" color="gray">{t`Off`}</Badge> : <Badge variant="light" radius="sm" tt="none" color="teal">{t`On`}</Badge>;
}
