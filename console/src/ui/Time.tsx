import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { timestampDate } from "@bufbuild/protobuf/wkt";

import { useTimeZone } from "../hooks/account";
import { useLanguage } from "../hooks/language";
import { formatAgo, formatTime } from "../util/times";

/** A moment. `ago` shows how long ago it was, and the moment itself on hover. */
export function Time({ value, ago = false }: { readonly value: Timestamp | undefined; readonly ago?: boolean }) {
  const language = useLanguage();
  const timeZone = useTimeZone();
  if (value === undefined) return <>—</>;
  const full = formatTime(value, language, timeZone);
  return (
    <time dateTime={timestampDate(value).toISOString()} title={full}>
      {ago ? formatAgo(value, new Date(), language) : full}
    </time>
  );
}
