import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const repository = join(import.meta.dirname, "../../..");

/** The methods that no page calls, and why. */
const withoutPage: Readonly<Record<string, string>> = {
  "AccessTokens.GetAccessToken": "the list shows all of it",
  "Catalog.GetProvider": "the list shows all of it",
  "ClaimMappings.GetClaimMapping": "the list shows all of it",
  "Credentials.GetCredential": "the list shows all of it",
  "ExportSchedules.GetExportSchedule": "the list shows all of it",
  "Invites.GetInvite": "the list shows all of it",
  "MemberAccessTokens.GetMemberAccessToken": "the list shows all of it",
  "RoutingPolicies.QueryRoutingOutcomes": "its pairs are for the program that measures losses",
  "SignInLinks.GetSignInLink": "the list shows all of it",
  "UsageExports.GetUsageExport": "the list shows all of it",
  "UsageReports.ExportUsageReport": "pages make the same report by an export, which goes on without the page",
};

function methods(): readonly string[] {
  return globSync(join(repository, "protos/megarouter/admin/v1/*.proto")).flatMap((file) => {
    const text = readFileSync(file, "utf8");
    const service = /^service (\w+) \{/m.exec(text)?.[1];
    return [...text.matchAll(/^ {2}rpc (\w+)/gm)].map(([, method]) => `${service}.${method}`);
  });
}

test("every method of the API has a page, or a reason why it has none", () => {
  const sources = globSync(join(repository, "console/src/**/*.{ts,tsx}")).map((file) => readFileSync(file, "utf8")).join("\n");
  const missing = methods().filter((name) => {
    const [service, method = ""] = name.split(".");
    return !new RegExp(`\\b(${service}|Service)\\.method\\.${method.charAt(0).toLowerCase()}${method.slice(1)}\\b`).test(sources) && !new RegExp(`\\.${method.charAt(0).toLowerCase()}${method.slice(1)}\\(`).test(sources);
  });
  expect(missing.toSorted()).toEqual(Object.keys(withoutPage).toSorted());
});
