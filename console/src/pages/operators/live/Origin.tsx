import { CatalogOrigin } from "@megarouter/admin";
import { Trans } from "@lingui/react/macro";
import { Badge, Group, Text } from "@mantine/core";

import { EmptyState } from "../../../ui/EmptyState";

/** Where a provider or a model comes from, which says where it is changed. */
export function Origin({ origin }: { readonly origin: CatalogOrigin }) {
  if (origin === CatalogOrigin.UNSPECIFIED) return null;
  return (
    <Badge variant="light" radius="sm" tt="none" color={origin === CatalogOrigin.API ? "teal" : "gray"}>
      {origin === CatalogOrigin.API ? <Trans>Changed here</Trans> : <Trans>Catalog file</Trans>}
    </Badge>
  );
}

/** The same with what follows from it. */
export function WhereFrom({ origin }: { readonly origin: CatalogOrigin }) {
  return <Group gap="xs"><Origin origin={origin} />{origin === CatalogOrigin.FILE && <Text span inherit><Trans>Change it in the catalog file.</Trans></Text>}</Group>;
}

/** Takes the place of a form for what only the catalog file changes. */
export function OfFile() {
  return <EmptyState title={<Trans>It comes from the catalog file</Trans>} step={<Trans>Change it there. admin_service reads the file when it starts.</Trans>} />;
}
