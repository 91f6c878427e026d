import { Trans, useLingui } from "@lingui/react/macro";
import { Text, TextInput } from "@mantine/core";
import { useState } from "react";

import { Surface } from "../../ui/Surface";

const fewestDigits = 8;

/** Compares a hash that a person reads from a printed page with that of the file. A part of it is enough. */
export function PrintedHash({ dataSha256, isProved }: { readonly dataSha256: string; readonly isProved: boolean }) {
  const { t } = useLingui();
  const [text, setText] = useState("");
  const digits = text.toLowerCase().replaceAll(/[\s…-]/g, "");
  const isLong = digits.length >= fewestDigits;
  const isSame = isLong && dataSha256.toLowerCase().includes(digits);
  return (
    <Surface title={<Trans>Do you have it on paper?</Trans>} hint={<Trans>Every printed page has the hash of the figures in its footer. Enter its first characters, or all of them.</Trans>}>
      <TextInput label={t`Hash in the footer`} value={text} onChange={(event) => setText(event.currentTarget.value)} ff="monospace" maw={520} autoComplete="off" spellCheck={false} />
      <Text size="sm" mt="xs" aria-live="polite" c={!isLong ? "dimmed" : !isSame ? "red" : isProved ? "teal" : "dimmed"}>
        {!isLong ? <Trans>At least {fewestDigits} characters</Trans> : !isSame ? <Trans>The page belongs to another file, or was altered.</Trans> : isProved ? <Trans>The page belongs to this file.</Trans> : <Trans>The page has the same hash. That proves nothing, because the file has no valid signature of this deployment.</Trans>}
      </Text>
    </Surface>
  );
}
