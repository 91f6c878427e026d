import { createRoute, lazyRouteComponent } from "@tanstack/react-router";

import { isMonth } from "../util/months";
import { organization } from "./frame";
import { type Search, defined, oneOf } from "./search";

const credit = createRoute({
  getParentRoute: () => organization,
  path: "/credit",
  validateSearch: (search: Search) => defined({ order: oneOf(search.order, ["newest", "oldest"]) }),
  component: lazyRouteComponent(() => import("../pages/credit/Credit"), "Credit"),
});

const transaction = createRoute({
  getParentRoute: () => organization,
  path: "/creditTransactions/$transaction",
  component: lazyRouteComponent(() => import("../pages/credit/TransactionPage"), "TransactionPage"),
});

const statement = createRoute({
  getParentRoute: () => organization,
  path: "/creditStatement",
  validateSearch: (search: Search) => defined({ month: isMonth(search.month) ? search.month : undefined, by: oneOf(search.by, ["group", "member"]) }),
  component: lazyRouteComponent(() => import("../pages/credit/Statement"), "Statement"),
});

const topUpRequests = createRoute({
  getParentRoute: () => organization,
  path: "/topUpRequests",
  validateSearch: (search: Search) => defined({ state: oneOf(search.state, ["pending", "approved", "rejected"]) }),
  component: lazyRouteComponent(() => import("../pages/credit/TopUpRequests"), "TopUpRequests"),
});

const topUpRequest = createRoute({
  getParentRoute: () => organization,
  path: "/topUpRequests/$request",
  component: lazyRouteComponent(() => import("../pages/credit/TopUpRequests"), "TopUpRequestPage"),
});

const invoices = createRoute({
  getParentRoute: () => organization,
  path: "/invoiceRequests",
  component: lazyRouteComponent(() => import("../pages/credit/Invoices"), "Invoices"),
});

const invoice = createRoute({
  getParentRoute: () => organization,
  path: "/invoiceRequests/$invoice",
  component: lazyRouteComponent(() => import("../pages/credit/Invoices"), "InvoicePage"),
});

const newTopUp = createRoute({
  getParentRoute: () => organization,
  path: "/new/topUp",
  component: lazyRouteComponent(() => import("../pages/credit/NewMove"), "NewTopUp"),
});

const newAdjustment = createRoute({
  getParentRoute: () => organization,
  path: "/new/adjustment",
  component: lazyRouteComponent(() => import("../pages/credit/NewMove"), "NewAdjustment"),
});

const newRefund = createRoute({
  getParentRoute: () => organization,
  path: "/new/refund",
  component: lazyRouteComponent(() => import("../pages/credit/NewMove"), "NewRefund"),
});

const newInvoice = createRoute({
  getParentRoute: () => organization,
  path: "/new/invoiceRequest",
  component: lazyRouteComponent(() => import("../pages/credit/NewMove"), "NewInvoice"),
});

export const creditRoutes = [credit, transaction, statement, topUpRequests, topUpRequest, invoices, invoice, newTopUp, newAdjustment, newRefund, newInvoice] as const;
