import { Trans } from "@lingui/react/macro";
import { Box, Group, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";

import { useTimeZone } from "../hooks/account";
import { AppLink } from "../ui/AppLink";
import { Icon } from "../ui/Icon";

export interface Crumb {
  readonly label: string;
  readonly to: string;
}

interface PageHeaderProps {
  readonly title: ReactNode;
  readonly crumbs?: readonly Crumb[];
  readonly hint?: ReactNode;
  readonly actions?: ReactNode;
}

export function PageHeader({ title, crumbs = [], hint, actions }: PageHeaderProps) {
  const timeZone = useTimeZone();
  return (
    <Group justify="space-between" align="flex-end" mb="lg" gap="md">
      <Box style={{ minWidth: 0, flex: "1 1 400px" }}>
        {crumbs.length > 0 && (
          <Group component="nav" gap={4} mb={4} c="dimmed" aria-label={crumbs.map((crumb) => crumb.label).join(" / ")}>
            {crumbs.map((crumb, index) => (
              <Group key={crumb.to} gap={4} wrap="nowrap" maw="100%">
                {index > 0 && <Icon name="right" size={12} />}
                <AppLink to={crumb.to} c="dimmed" className="cut" maw="36ch" title={crumb.label}>{crumb.label}</AppLink>
              </Group>
            ))}
          </Group>
        )}
        <Title order={1} lineClamp={2} title={typeof title === "string" ? title : undefined} style={{ overflowWrap: "anywhere" }}>{title}</Title>
        {hint !== undefined && <Text component="div" c="dimmed" size="sm" mt={4}>{hint}</Text>}
        <Text className="zone" c="dimmed" size="xs" mt={4}><Trans>Times and days in {timeZone}</Trans></Text>
      </Box>
      {actions}
    </Group>
  );
}
