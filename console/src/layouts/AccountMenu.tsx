import { useMutation, useSuspenseQuery } from "@connectrpc/connect-query";
import { Accounts, Operators, Organization_Kind, Organization_State, Role } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Box, Menu, Text, UnstyledButton, VisuallyHidden } from "@mantine/core";
import { Link, useNavigate } from "@tanstack/react-router";

import { Part } from "../components/Part";
import { usePlace } from "../hooks/account";
import { useRoleName } from "../hooks/labels";
import { operatorPaths, pathOf } from "../paths";
import { Icon } from "../ui/Icon";

/** The way to the pages of operators, for them alone. It asks when the menu is opened. */
function ToOperators() {
  useSuspenseQuery(Operators.method.listOrganizationSummaries, { pageSize: 1 });
  return (
    <>
      <Menu.Divider />
      <Menu.Item component={Link} to={operatorPaths.organizations}><Trans>Pages of operators</Trans></Menu.Item>
    </>
  );
}

/** Shows which account the pages are about, and switches to another one. */
export function AccountMenu() {
  const { account, accounts } = usePlace();
  const { t } = useLingui();
  const roleName = useRoleName();
  const navigate = useNavigate();
  const switching = useMutation(Accounts.method.switchAccount);
  const current = account.displayName || t`Personal account`;
  const choose = (organization: string): void => {
    // The choice is remembered for the next sign-in. The page does not wait for that.
    switching.mutate({ organization });
    void navigate({ to: pathOf(organization) });
  };
  return (
    <Menu width="target" position="bottom-start" shadow="md">
      <Menu.Target>
        <UnstyledButton className="surface" px="sm" py={8} style={{ display: "flex", alignItems: "center", gap: 8, borderRadius: 8 }}>
          <Box style={{ minWidth: 0, flex: 1 }}>
            <Text size="sm" fw={600} truncate>{current}</Text>
            <Text size="xs" c="dimmed">{roleName(account.role)}</Text>
          </Box>
          <VisuallyHidden><Trans>Switch account</Trans></VisuallyHidden>
          <Icon name="switch" size={16} />
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label><Trans>Accounts</Trans></Menu.Label>
        {accounts.map((one) => (
          <Menu.Item key={one.organization} onClick={() => choose(one.organization)} rightSection={one.organization === account.organization ? <Icon name="check" size={14} /> : null}>
            <Text size="sm" truncate>{one.kind === Organization_Kind.PERSONAL ? t`Personal account` : one.displayName}</Text>
            {one.kind !== Organization_Kind.PERSONAL && one.role !== Role.UNSPECIFIED && <Text size="xs" c="dimmed">{one.state === Organization_State.DELETED ? t`deleted` : roleName(one.role)}</Text>}
          </Menu.Item>
        ))}
        <Part height={0}><ToOperators /></Part>
      </Menu.Dropdown>
    </Menu>
  );
}
