/** The addresses of the pages about an organization. Below `/console`, an address is the resource name of what the page shows. */
export interface Paths {
  readonly home: string;
  readonly analytics: string;
  readonly explore: string;
  readonly models: string;
  readonly top: string;
  readonly anomalies: string;
  readonly anomaly: string;
  readonly analysis: string;
  readonly savings: string;
  readonly calls: string;
  readonly findings: string;
  readonly people: string;
  readonly groups: string;
  readonly members: string;
  readonly invites: string;
  readonly newInvite: string;
  readonly importMembers: string;
  readonly serviceAccounts: string;
  readonly claimMappings: string;
  readonly signInLinks: string;
  readonly guardrails: string;
  readonly guardrailDefaults: string;
  readonly explain: string;
  readonly settings: string;
  readonly profile: string;
  readonly keys: string;
  readonly newKey: string;
  readonly alerts: string;
  readonly rules: string;
  readonly newRule: string;
  readonly channels: string;
  readonly newChannel: string;
  readonly deliveries: string;
  readonly auditLog: string;
  readonly catalog: string;
  readonly virtualModels: string;
  readonly newVirtualModel: string;
  readonly routing: string;
  readonly providers: string;
  readonly ownKeys: string;
  readonly credentials: string;
  readonly credit: string;
  readonly exports: string;
  readonly playground: string;
  readonly transactions: string;
  readonly statement: string;
  readonly topUpRequests: string;
  readonly invoices: string;
  readonly newTopUp: string;
  readonly newAdjustment: string;
  readonly newRefund: string;
  readonly newInvoice: string;
}

export function pathsOf(organization: string): Paths {
  const home = `/${organization}`;
  return {
    home,
    analytics: `${home}/analytics`,
    explore: `${home}/analytics/explore`,
    models: `${home}/analytics/models`,
    top: `${home}/analytics/top`,
    anomaly: `${home}/anomalies`,
    anomalies: `${home}/analytics/anomalies`,
    analysis: `${home}/analytics/analysis`,
    savings: `${home}/analytics/savings`,
    calls: `${home}/calls`,
    findings: `${home}/usageFindings`,
    people: `${home}/people`,
    groups: `${home}/groups`,
    members: `${home}/members`,
    invites: `${home}/invites`,
    newInvite: `${home}/new/invite`,
    importMembers: `${home}/new/members`,
    serviceAccounts: `${home}/serviceAccounts`,
    claimMappings: `${home}/claimMappings`,
    signInLinks: `${home}/signInLinks`,
    guardrails: `${home}/guardrails`,
    guardrailDefaults: `${home}/guardrailDefaults`,
    explain: `${home}/explain`,
    settings: `${home}/settings`,
    profile: `${home}/profile`,
    keys: `${home}/apiKeys`,
    newKey: `${home}/new/apiKey`,
    alerts: `${home}/notifications`,
    rules: `${home}/notificationRules`,
    newRule: `${home}/new/notificationRule`,
    channels: `${home}/notificationChannels`,
    newChannel: `${home}/new/notificationChannel`,
    deliveries: `${home}/notificationDeliveries`,
    auditLog: `${home}/auditLogEntries`,
    catalog: `${home}/models`,
    virtualModels: `${home}/virtualModels`,
    newVirtualModel: `${home}/new/virtualModel`,
    routing: `${home}/routingPolicies`,
    providers: `${home}/providers`,
    ownKeys: `${home}/providerCredentials`,
    credentials: `${home}/credentials`,
    credit: `${home}/credit`,
    exports: `${home}/usageExports`,
    playground: `${home}/playground`,
    transactions: `${home}/creditTransactions`,
    statement: `${home}/creditStatement`,
    topUpRequests: `${home}/topUpRequests`,
    invoices: `${home}/invoiceRequests`,
    newTopUp: `${home}/new/topUp`,
    newAdjustment: `${home}/new/adjustment`,
    newRefund: `${home}/new/refund`,
    newInvoice: `${home}/new/invoiceRequest`,
  };
}

/** The address of the page of a resource. */
export function pathOf(name: string): string {
  return `/${name}`;
}

/** The addresses of the pages of operators. */
export const operatorPaths = {
  organizations: "/operators",
  organization: "/operators/organizations",
  requests: "/operators/topUpRequests",
  auditLog: "/operators/auditLog",
  providers: "/operators/providers",
  models: "/operators/models",
  limits: "/operators/listenerLimits",
  versions: "/operators/configurationVersions",
} as const;

/** The second keys of `g` with the addresses where they lead. */
export function placesOf(organization: string): Readonly<Record<string, string>> {
  const paths = pathsOf(organization);
  return {
    h: paths.home, a: paths.analytics, c: paths.calls, p: paths.playground, o: paths.people, k: paths.keys, n: paths.alerts, m: paths.catalog, w: paths.credit, e: paths.exports,
    l: paths.auditLog,
  };
}
