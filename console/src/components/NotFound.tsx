import { Trans } from "@lingui/react/macro";
import { Button, Title } from "@mantine/core";
import { Link } from "@tanstack/react-router";

import { EmptyState } from "../ui/EmptyState";

export function NotFound() {
  return (
    <EmptyState
      title={<Title order={1}><Trans>There is no such page</Trans></Title>} step={<Trans>Check the address, or go to the home page.</Trans>}
      action={<Button component={Link} to="/" variant="default"><Trans>Go to home page</Trans></Button>}
    />
  );
}
