import { Trans, useLingui } from "@lingui/react/macro";
import { Menu, SegmentedControl, Text, UnstyledButton, VisuallyHidden, useMantineColorScheme } from "@mantine/core";
import { useSuspenseQuery } from "@connectrpc/connect-query";
import { Accounts } from "@megarouter/admin";
import { Link, useNavigate } from "@tanstack/react-router";

import { signOut } from "../api/signing_in";
import { activate, useLanguage } from "../hooks/language";
import { type Language, type Theme, changePreferences } from "../stores/preferences";
import { Icon } from "../ui/Icon";

/** The person, the theme, the language, and the way out. `profile` is the address of the person's profile, on pages about an organization. */
export function SettingsMenu({ profile }: { readonly profile?: string }) {
  const { t } = useLingui();
  const language = useLanguage();
  const navigate = useNavigate();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const { data: user } = useSuspenseQuery(Accounts.method.getUser, { name: "users/me" });
  const who = user.displayName || user.email || t`You`;
  return (
    <Menu width={244} position="top-start" shadow="md" closeOnItemClick={false}>
      <Menu.Target>
        <UnstyledButton px="sm" py={8} style={{ display: "flex", alignItems: "center", gap: 8, borderRadius: 8 }}>
          <Icon name="sun" />
          <Text size="sm" truncate style={{ flex: 1 }}>{who}</Text>
          <VisuallyHidden><Trans>Theme, language, sign out</Trans></VisuallyHidden>
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown p="sm">
        {user.email !== "" && <Text size="xs" c="dimmed" mb="xs" truncate>{user.email}</Text>}
        <Text size="xs" fw={500} mb={4} id="theme-label"><Trans>Theme</Trans></Text>
        <SegmentedControl
          fullWidth size="xs" mb="sm" aria-labelledby="theme-label" value={colorScheme} onChange={(value) => setColorScheme(value as Theme)}
          data={[{ value: "light", label: t`Light` }, { value: "dark", label: t`Dark` }, { value: "auto", label: t`System` }]}
        />
        <Text size="xs" fw={500} mb={4} id="language-label"><Trans>Language</Trans></Text>
        <SegmentedControl
          fullWidth size="xs" mb="sm" aria-labelledby="language-label" value={language}
          onChange={(value) => {
            changePreferences({ language: value as Language });
            activate(value as Language);
          }}
          data={[{ value: "en", label: "English" }, { value: "zh", label: "中文" }]}
        />
        <Menu.Divider />
        {profile !== undefined && <Menu.Item closeMenuOnClick component={Link} to={profile} leftSection={<Icon name="people" size={16} />}><Trans>Profile and access tokens</Trans></Menu.Item>}
        <Menu.Item
          leftSection={<Icon name="out" size={16} />}
          onClick={() => {
            void signOut().then(() => navigate({ to: "/sign-in", search: {} }));
          }}
        >
          <Trans>Sign out</Trans>
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
