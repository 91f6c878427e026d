import { Text } from "@mantine/core";

import { idOf } from "../../api/names";

/** What somebody did, in words, and the method of the API that did it. */
export function Did({ method, name }: { readonly method: string; readonly name: string }) {
  return (
    <div style={{ minWidth: 0 }}>
      <span style={{ whiteSpace: "normal" }}>{name}</span>
      {name !== idOf(method) && <Text size="xs" c="dimmed" ff="monospace" className="cut">{idOf(method)}</Text>}
    </div>
  );
}
