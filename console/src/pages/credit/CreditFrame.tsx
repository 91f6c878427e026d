import { Trans, useLingui } from "@lingui/react/macro";
import { Organization_Kind, Role } from "@megarouter/admin";
import { Button, Group, Menu, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { Part } from "../../components/Part";
import { usePlace } from "../../hooks/account";
import { AreaTabs } from "../../layouts/AreaTabs";
import { PageHeader } from "../../layouts/PageHeader";
import { pathsOf } from "../../paths";
import { EmptyState } from "../../ui/EmptyState";
import { Surface } from "../../ui/Surface";

/** What the pages about the credit have around them. Those who may not see the credit see why. */
export function CreditFrame({ children }: { readonly children: ReactNode }) {
  const { account } = usePlace();
  const paths = pathsOf(account.organization);
  const { t } = useLingui();
  const sees = account.role === Role.SUPER_ADMIN || account.role === Role.L1_ADMIN;
  const denied = <Surface><EmptyState title={<Trans>You may not see the credit</Trans>} step={<Trans>Admins of the organization and of groups on level 1 see it.</Trans>} /></Surface>;
  return (
    <>
      <PageHeader title={<Trans>Credit</Trans>} hint={<Trans>One pool pays for all calls of the organization.</Trans>} actions={sees ? <Actions /> : null} />
      {sees && (
        <AreaTabs
          label={t`Credit`}
          tabs={[
            { to: paths.credit, label: <Trans>Ledger</Trans> }, { to: paths.statement, label: <Trans>Statement</Trans> },
            { to: paths.topUpRequests, label: <Trans>Top-up requests</Trans> }, { to: paths.invoices, label: <Trans>Invoices</Trans> },
          ]}
        />
      )}
      <Part height={480} denied={denied}>{sees ? children : denied}</Part>
    </>
  );
}

function Actions() {
  const { account } = usePlace();
  const paths = pathsOf(account.organization);
  const { t } = useLingui();
  const isSuper = account.role === Role.SUPER_ADMIN;
  const reason = isSuper ? undefined : t`Only Super Admins adjust and refund`;
  if (account.kind === Organization_Kind.PERSONAL) return <Text size="sm" c="dimmed"><Trans>Ask an operator of the deployment for a grant.</Trans></Text>;
  return (
    <Group gap="sm">
      <Menu position="bottom-end" shadow="md" withinPortal={false}>
        <Menu.Target><Button variant="default"><Trans>More</Trans></Button></Menu.Target>
        <Menu.Dropdown miw={220}>
          <Menu.Item component={Link} to={paths.newInvoice}><Trans>Request an invoice</Trans></Menu.Item>
          <Menu.Divider />
          {reason !== undefined && <Menu.Label>{reason}</Menu.Label>}
          <Menu.Item component={Link} to={paths.newAdjustment} disabled={!isSuper}><Trans>Adjust the credit</Trans></Menu.Item>
          <Menu.Item component={Link} to={paths.newRefund} disabled={!isSuper}><Trans>Record a refund</Trans></Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <Button component={Link} to={paths.newTopUp}><Trans>Top up</Trans></Button>
    </Group>
  );
}
