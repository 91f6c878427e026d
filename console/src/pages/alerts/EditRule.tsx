import { useSuspenseQuery } from "@connectrpc/connect-query";
import { NotificationRules } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";

import { RuleForm } from "../../forms/alerts/RuleForm";
import { Part } from "../../components/Part";
import { useParent } from "../../hooks/account";
import { PageHeader } from "../../layouts/PageHeader";
import { pathOf, pathsOf } from "../../paths";

export function EditRule() {
  const parent = useParent();
  const { t } = useLingui();
  const navigate = useNavigate();
  const { rule: id } = useParams({ from: "/organizations/$organization/notificationRules/$rule/edit" });
  const { data: rule } = useSuspenseQuery(NotificationRules.method.getNotificationRule, { name: `${parent}/notificationRules/${id}` });
  return (
    <>
      <PageHeader crumbs={[{ label: t`Rules`, to: pathsOf(parent).rules }, { label: rule.displayName, to: pathOf(rule.name) }]} title={<Trans>Change the rule</Trans>} />
      <Part height={480}><RuleForm rule={rule} onDone={(name) => void navigate({ to: pathOf(name) })} /></Part>
    </>
  );
}

export function NewRule() {
  const { t } = useLingui();
  const paths = pathsOf(useParent());
  const { overrides } = useSearch({ from: "/organizations/$organization/new/notificationRule" });
  return (
    <>
      <PageHeader crumbs={[{ label: t`Alerts`, to: paths.alerts }, { label: t`Rules`, to: paths.rules }]} title={<Trans>Add a rule</Trans>} />
      <Part height={480}>{overrides === undefined ? <Plain /> : <Override id={overrides} />}</Part>
    </>
  );
}

function Plain() {
  const navigate = useNavigate();
  return <RuleForm onDone={(name) => void navigate({ to: pathOf(name) })} />;
}

function Override({ id }: { readonly id: string }) {
  const navigate = useNavigate();
  const { data: rule } = useSuspenseQuery(NotificationRules.method.getNotificationRule, { name: `${useParent()}/notificationRules/${id}` });
  return <RuleForm overrides={rule} onDone={(name) => void navigate({ to: pathOf(name) })} />;
}
