import { useLingui } from "@lingui/react/macro";
import { Role } from "@megarouter/admin";

import { isAdmin, usePlace } from "../../hooks/account";
import { operatorPaths, pathsOf, placesOf } from "../../paths";

export interface KnownPage {
  readonly label: string;
  readonly path: string;
  /** The second key of `g`, for the pages that people open most. */
  readonly key?: string;
}

/** The pages that the person may open, by what they are called. */
export function useKnownPages(): readonly KnownPage[] {
  const { account } = usePlace();
  const { t } = useLingui();
  const paths = pathsOf(account.organization);
  const keys = new Map(Object.entries(placesOf(account.organization)).map(([key, path]) => [path, key]));
  const admin = isAdmin(account);
  const isSuper = account.role === Role.SUPER_ADMIN;
  const seesCredit = isSuper || account.role === Role.L1_ADMIN;
  const pages: readonly (readonly [string, string, boolean?])[] = [
    [t`Home`, paths.home], [t`Analytics`, paths.analytics], [t`Explore`, paths.explore], [t`Models by day`, paths.models], [t`Top 20`, paths.top], [t`Anomalies`, paths.anomalies],
    [t`Written analysis`, paths.analysis], [t`Savings`, paths.savings], [t`Calls`, paths.calls], [t`Doubtful usage reports`, paths.findings], [t`Playground`, paths.playground], [t`Organization`, paths.people],
    [t`Groups`, paths.groups, admin], [t`Guardrails`, paths.guardrails, admin], [t`Defaults for new members and keys`, paths.guardrailDefaults, admin],
    [t`Why was a call refused?`, paths.explain], [t`Service accounts`, paths.serviceAccounts, admin], [t`Claim mappings`, paths.claimMappings, admin], [t`Sign-in links`, paths.signInLinks, admin], [t`Settings`, paths.settings, admin], [t`Profile and access tokens`, paths.profile],
    [t`Invites`, paths.invites, admin], [t`Invite people`, paths.newInvite, admin], [t`Import a table of people`, paths.importMembers, admin], [t`API keys`, paths.keys], [t`Create an API key`, paths.newKey], [t`Alerts`, paths.alerts],
    [t`Rules of alerts`, paths.rules, admin], [t`Add a rule`, paths.newRule, admin], [t`Channels of alerts`, paths.channels, admin], [t`Add a channel`, paths.newChannel, admin],
    [t`Deliveries of alerts`, paths.deliveries, admin], [t`Models`, paths.catalog], [t`Virtual models`, paths.virtualModels], [t`Create a virtual model`, paths.newVirtualModel, admin],
    [t`Routing`, paths.routing], [t`Providers`, paths.providers], [t`Own keys at providers`, paths.ownKeys, isSuper], [t`Credit`, paths.credit, seesCredit], [t`Statement`, paths.statement, seesCredit], [t`Top up`, paths.newTopUp, seesCredit],
    [t`Top-up requests`, paths.topUpRequests, seesCredit], [t`Invoices`, paths.invoices, seesCredit], [t`Request an invoice`, paths.newInvoice, seesCredit],
    [t`Adjust the credit`, paths.newAdjustment, isSuper], [t`Record a refund`, paths.newRefund, isSuper], [t`Exports`, paths.exports], [t`Audit log`, paths.auditLog, admin],
    [t`Credentials`, paths.credentials, isSuper], [t`Schedules of exports`, paths.exports], [t`Limits and budgets`, paths.guardrails, admin], [t`Pages of operators`, operatorPaths.organizations, isSuper],
  ];
  // A page that people look for by two names has its key at the first.
  const isFirst = (index: number): boolean => pages.findIndex(([, path]) => path === pages[index]?.[1]) === index;
  return pages.map(([label, path, shown], index) => ({ label, path, shown, ...(keys.has(path) && isFirst(index) ? { key: keys.get(path) ?? "" } : {}) })).filter(({ shown }) => shown !== false);
}
