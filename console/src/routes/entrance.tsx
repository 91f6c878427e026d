import { createRoute, lazyRouteComponent } from "@tanstack/react-router";

import { Entry } from "../pages/Entry";
import { SignIn } from "../pages/SignIn";
import { root } from "./frame";
import { type Search, defined, textOf } from "./search";

/** Where a sign-in may lead back to. */
const places = ["/organizations/", "/operators", "/invite"];

const signIn = createRoute({
  getParentRoute: () => root,
  path: "/sign-in",
  validateSearch: (search: Search) => {
    const to = textOf(search.to);
    return defined({ to: to !== undefined && places.some((place) => to.startsWith(place)) ? to : undefined });
  },
  component: SignIn,
});

const callback = createRoute({
  getParentRoute: () => root,
  path: "/sign-in/callback",
  component: lazyRouteComponent(() => import("../pages/SignInCallback"), "SignInCallback"),
});

const invite = createRoute({
  getParentRoute: () => root,
  path: "/invite",
  component: lazyRouteComponent(() => import("../pages/AcceptInvite"), "AcceptInvite"),
});

const entry = createRoute({ getParentRoute: () => root, path: "/", component: Entry });

export const entranceRoutes = [signIn, callback, invite, entry] as const;
