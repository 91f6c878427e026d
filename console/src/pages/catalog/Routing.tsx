import { useSuspenseQuery } from "@connectrpc/connect-query";
import { RoutingPolicies, Role } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Stack } from "@mantine/core";
import { useNavigate, useSearch } from "@tanstack/react-router";

import { idOf } from "../../api/names";
import { Part } from "../../components/Part";
import { ScopeChoice } from "../../components/ScopeChoice";
import { PolicyForm } from "../../forms/routing/PolicyForm";
import { usePlace } from "../../hooks/account";
import { EmptyState } from "../../ui/EmptyState";
import { Surface } from "../../ui/Surface";
import { CatalogFrame } from "./CatalogFrame";
import { ExplainRouting } from "./ExplainRouting";

const from = "/organizations/$organization/routingPolicies";

/** Whether calls to virtual models are routed, and why a model would serve a call. */
export function Routing() {
  const { account } = usePlace();
  const { t } = useLingui();
  const search = useSearch({ from });
  const navigate = useNavigate({ from });
  const scope = search.of === undefined ? account.organization : `${account.organization}/${search.of}`;
  const choose = (chosen: string): void => {
    if (chosen !== "") void navigate({ to: ".", search: (now) => ({ ...now, of: chosen === account.organization ? undefined : chosen.slice(account.organization.length + 1) }), replace: true });
  };
  const denied = <EmptyState title={<Trans>You may not see this policy</Trans>} step={<Trans>You see those of your own groups and keys.</Trans>} />;
  return (
    <CatalogFrame hint={<Trans>Whether calls to virtual models are routed, and how much worse an answer may be for it</Trans>}>
      <Stack gap="lg">
        <Surface title={<Trans>Policy</Trans>} hint={<Trans>Empty settings come from the scope above. Without any policy, the mode is shadow and the loss 1 percent.</Trans>}>
          <Stack gap="lg">
            <div style={{ maxWidth: 720 }}><ScopeChoice key={scope} label={t`Of`} value={scope} onChange={choose} kinds={["organization", "groups", "apiKeys"]} /></div>
            <Part height={320} denied={denied}><Policy scope={scope} /></Part>
          </Stack>
        </Surface>
        <Part height={240}><ExplainRouting key={JSON.stringify([search.caller, search.model, search.useCase, search.tools])} /></Part>
      </Stack>
    </CatalogFrame>
  );
}

function Policy({ scope }: { readonly scope: string }) {
  const { account } = usePlace();
  const { t } = useLingui();
  const { data: policy } = useSuspenseQuery(RoutingPolicies.method.getRoutingPolicy, { name: policyName(scope) });
  const isWhole = scope === account.organization;
  const blocked = account.role === Role.SUPER_ADMIN ? undefined : isWhole ? t`Only Super Admins change the policy of the organization.` : account.role === Role.MEMBER ? t`Admins of the group change it.` : undefined;
  return <PolicyForm key={`${policy.name} ${policy.etag}`} policy={policy} blocked={blocked} />;
}

function policyName(scope: string): string {
  const [organizations = "", organization = "", collection] = scope.split("/");
  const last = collection === undefined ? "organization" : `${collection === "groups" ? "group" : "apikey"}-${idOf(scope)}`;
  return `${organizations}/${organization}/routingPolicies/${last}`;
}
