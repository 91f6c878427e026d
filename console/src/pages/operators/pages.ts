/** What the routes of operators show. */
export { OperatorAuditLog } from "./OperatorAuditLog";
export { OrganizationList } from "./OrganizationList";
export { OrganizationPage } from "./OrganizationPage";
export { RequestList } from "./RequestList";
export { EditModel, NewModel } from "./live/EditModel";
export { EditProvider, NewProvider } from "./live/EditProvider";
export { Limits } from "./live/Limits";
export { OfferedModelPage } from "./live/OfferedModelPage";
export { OfferedModels } from "./live/OfferedModels";
export { ProviderList } from "./live/ProviderList";
export { ProviderPage } from "./live/ProviderPage";
export { Versions } from "./live/Versions";
