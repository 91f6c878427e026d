import { Trans } from "@lingui/react/macro";
import { Button, Group, Text } from "@mantine/core";
import type { ReactNode } from "react";

import type { Paging } from "../hooks/paging";

interface PagerProps {
  readonly paging: Paging;
  readonly nextToken: string;
  /** What is done with the whole list, such as downloading it. */
  readonly children?: ReactNode;
}

/** The way to the next and the previous page, which a list of one page does not have. */
export function Pager({ paging, nextToken, children }: PagerProps) {
  const isOne = paging.back === undefined && nextToken === "";
  if (isOne && children === undefined) return null;
  const { number } = paging;
  return (
    <Group justify="space-between" gap="sm" p="md">
      <div>{children}</div>
      {!isOne && (
        <Group gap="sm">
          <Text size="sm" c="dimmed"><Trans>Page {number}</Trans></Text>
          <Button variant="default" size="xs" disabled={paging.back === undefined} onClick={paging.back}><Trans>Previous</Trans></Button>
          <Button variant="default" size="xs" disabled={nextToken === ""} onClick={() => paging.next(nextToken)}><Trans>Next</Trans></Button>
        </Group>
      )}
    </Group>
  );
}
