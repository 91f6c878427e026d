import { Trans } from "@lingui/react/macro";
import { Text } from "@mantine/core";

import { useParent } from "../hooks/account";
import { pathsOf } from "../paths";
import { AppLink } from "../ui/AppLink";

/** What a credit is. Each deployment decides what one is worth, and says so in its prices. */
export function AboutCredits() {
  const { catalog } = pathsOf(useParent());
  return (
    <Text size="sm" c="dimmed">
      <Trans>Credits are the unit in which this deployment charges calls. What a call costs is on <AppLink to={catalog} underline="always">Models</AppLink>.</Trans>
    </Text>
  );
}
