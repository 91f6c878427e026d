import type { Account, Organization } from "@megarouter/admin";
import { Role } from "@megarouter/admin";
import { createContext, useContext } from "react";

/** The organization that the page is about, and who the person is in it. */
export interface Place {
  readonly account: Account;
  readonly accounts: readonly Account[];
  readonly organization: Organization;
}

const PlaceContext = createContext<Place | undefined>(undefined);

export const PlaceProvider = PlaceContext.Provider;

export function usePlace(): Place {
  const place = useContext(PlaceContext);
  if (place === undefined) throw new Error("this page is about no organization");
  return place;
}

/** The id of the organization; `megarouter` on pages about none, such as those of operators. */
export function useOwnerOfFiles(): string {
  return useContext(PlaceContext)?.account.organization.split("/").at(-1) ?? "megarouter";
}

/** The time zone of all times on a page: that of the organization; UTC on pages about none. */
export function useTimeZone(): string {
  return useContext(PlaceContext)?.organization.timeZone || "UTC";
}

/** The name of the organization, `organizations/acme`. */
export function useParent(): string {
  return usePlace().account.organization;
}

/** Whether the person administers others: the pages then show more than their own things. */
export function isAdmin(account: Account): boolean {
  return account.role !== Role.MEMBER;
}
