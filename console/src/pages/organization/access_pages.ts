/** What the routes of accounts, claims and sign-in links show. */
export { ClaimMappings } from "./ClaimMappings";
export { ServiceAccountPage } from "./ServiceAccountPage";
export { ServiceAccounts } from "./ServiceAccounts";
export { SignInLinks } from "./SignInLinks";
