import { Trans } from "@lingui/react/macro";
import { Button, Group, Text } from "@mantine/core";

import type { Paging } from "../hooks/paging";

/** The way to the next and the previous page; nothing for a list of one page. */
export function Pager({ paging, nextToken }: { readonly paging: Paging; readonly nextToken: string }) {
  if (paging.back === undefined && nextToken === "") return null;
  const { number } = paging;
  return (
    <Group justify="flex-end" gap="sm" p="md">
      <Text size="sm" c="dimmed"><Trans>Page {number}</Trans></Text>
      <Button variant="default" size="xs" disabled={paging.back === undefined} onClick={paging.back}><Trans>Previous</Trans></Button>
      <Button variant="default" size="xs" disabled={nextToken === ""} onClick={() => paging.next(nextToken)}><Trans>Next</Trans></Button>
    </Group>
  );
}
