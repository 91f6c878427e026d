import "@mantine/core/styles/Kbd.css";

import { useLingui } from "@lingui/react/macro";
import { Kbd, Modal, Text } from "@mantine/core";
import type { ReactNode } from "react";

import { useFocusReturn } from "../../hooks/focus";
import { Properties } from "../../ui/Properties";
import { useKnownPages } from "./pages";

/** The keys that do something everywhere. */
export function ShortcutList({ opened, close }: { readonly opened: boolean; readonly close: () => void }) {
  useFocusReturn(opened);
  const { t } = useLingui();
  const pages = useKnownPages().filter((page) => page.key !== undefined);
  const entries: readonly (readonly [ReactNode, ReactNode])[] = [
    [<Kbd>Ctrl K</Kbd>, t`Go to a page, a member, a group, a key or a call`],
    [<Kbd>?</Kbd>, t`Show this list`],
    ...pages.map((page) => [<><Kbd>g</Kbd> <Kbd>{page.key}</Kbd></>, page.label] as const),
  ];
  return <Modal opened={opened} onClose={close} title={<Text fw={600}>{t`Keys`}</Text>}><Properties entries={entries} /></Modal>;
}
