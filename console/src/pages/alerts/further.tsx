import { Trans } from "@lingui/react/macro";
import type { ReactNode } from "react";

import { useParent } from "../../hooks/account";
import { pathsOf } from "../../paths";
import { AppLink } from "../../ui/AppLink";

/** The events after which calls are refused. */
const refusing: ReadonlySet<string> = new Set(["budget.exhausted", "rate_limit.sustained", "credit.exhausted"]);
/** The events about an export, which its page has. */
const aboutExports: ReadonlySet<string> = new Set(["export.ready", "export.failed"]);

/** Where an alert leads: to what explains its refusals, or to its export. Undefined for most types of events. */
export function useFurther(): (eventType: string) => ReactNode {
  const { explain, exports } = pathsOf(useParent());
  return (eventType) => {
    if (refusing.has(eventType)) return <AppLink to={explain} underline="always"><Trans>Why was a call refused?</Trans></AppLink>;
    if (aboutExports.has(eventType)) return <AppLink to={exports} underline="always"><Trans>To the exports</Trans></AppLink>;
    return undefined;
  };
}
