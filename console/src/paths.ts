/** The addresses of the pages about an organization. Below `/console`, an address is the resource name of what the page shows. */
export interface Paths {
  readonly home: string;
  readonly analytics: string;
  readonly models: string;
  readonly top: string;
  readonly calls: string;
  readonly people: string;
  readonly groups: string;
  readonly members: string;
  readonly keys: string;
  readonly newKey: string;
  readonly alerts: string;
  readonly credit: string;
}

export function pathsOf(organization: string): Paths {
  const home = `/${organization}`;
  return {
    home,
    analytics: `${home}/analytics`,
    models: `${home}/analytics/models`,
    top: `${home}/analytics/top`,
    calls: `${home}/calls`,
    people: `${home}/people`,
    groups: `${home}/groups`,
    members: `${home}/members`,
    keys: `${home}/apiKeys`,
    newKey: `${home}/new/apiKey`,
    alerts: `${home}/notifications`,
    credit: `${home}/credit`,
  };
}

/** The address of the page of a resource. */
export function pathOf(name: string): string {
  return `/${name}`;
}
