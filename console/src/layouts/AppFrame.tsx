import { Trans, useLingui } from "@lingui/react/macro";
import { AppShell, Box, Burger, Group, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useRouterState } from "@tanstack/react-router";
import { type ReactNode, useEffect } from "react";

import { Toasts } from "../components/Toasts";
import { SettingsMenu } from "./SettingsMenu";

interface AppFrameProps {
  /** What is above the navigation, such as which account the pages are about. */
  readonly top: ReactNode;
  readonly navigation: ReactNode;
  readonly profile?: string;
  readonly children: ReactNode;
}

/** The navigation at the side, on a narrow screen behind a button, and the page. */
export function AppFrame({ top, navigation, profile, children }: AppFrameProps) {
  const [opened, { toggle, close }] = useDisclosure(false);
  const { t } = useLingui();
  const path = useRouterState({ select: (state) => state.location.pathname });
  useEffect(close, [path, close]);
  return (
    <AppShell header={{ height: { base: 56, sm: 0 } }} navbar={{ width: 248, breakpoint: "sm", collapsed: { mobile: !opened } }} padding={0} layout="alt">
      <a className="skip" href="#main"><Trans>Skip to the page</Trans></a>
      <AppShell.Header hiddenFrom="sm" px="md" style={{ background: "var(--surface)", borderColor: "var(--line)" }}>
        <Group h="100%" justify="space-between"><Brand /><Burger opened={opened} onClick={toggle} size="sm" aria-label={t`Menu`} /></Group>
      </AppShell.Header>
      <AppShell.Navbar p="sm" style={{ background: "var(--surface)", borderColor: "var(--line)" }}>
        <Group justify="space-between" p={6} mb="sm"><Brand /><Burger hiddenFrom="sm" opened={opened} onClick={toggle} size="sm" aria-label={t`Close the menu`} /></Group>
        {top}
        <Box component="nav" mt="md" style={{ flex: 1, overflowY: "auto" }} aria-label={t`Pages`}>{navigation}</Box>
        <SettingsMenu {...(profile === undefined ? {} : { profile })} />
      </AppShell.Navbar>
      <AppShell.Main id="main" tabIndex={-1}>
        <Box mx="auto" px={{ base: "md", md: 40 }} py={{ base: "md", md: 36 }} maw="calc(var(--page-width) + 80px)">{children}</Box>
      </AppShell.Main>
      <Toasts />
    </AppShell>
  );
}

function Brand() {
  return (
    <Group gap={8} wrap="nowrap">
      <svg width="24" height="24" viewBox="0 0 32 32" aria-hidden="true">
        <rect width="32" height="32" rx="8" fill="#4f46e5" />
        <path d="M7 23V10l9 8 9-8v13" fill="none" stroke="#fff" strokeWidth="3.4" strokeLinecap="round" strokeLinejoin="round" />
      </svg>
      <Text fw={650} span>MegaRouter</Text>
    </Group>
  );
}
