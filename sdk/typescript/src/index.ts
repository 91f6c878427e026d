/**
 * Client of the MegaRouter Enterprise admin API. Connect with `@megarouter/admin/node` (gRPC) or `@megarouter/admin/web` (gRPC-Web).
 */

export * from "../generated/index.js";
export { MegaRouter } from "./client.js";
export { MegaRouterError, type FieldViolation } from "./errors.js";
export { pages } from "./paging.js";
export { type CallPolicy, defaultPolicy } from "./policy.js";
export { Code } from "@connectrpc/connect";
