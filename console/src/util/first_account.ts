/**
 * Returns the account that a person begins with: the current one, or the only organization of a person whose current account is the
 * personal one, as it is for everybody who never chose.
 */
export function firstAccount(current: string, organizations: readonly string[]): string {
  const [only, ...others] = organizations;
  return only === undefined || others.length > 0 || organizations.includes(current) ? current : only;
}
