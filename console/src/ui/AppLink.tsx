import { Anchor, type AnchorProps } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

interface AppLinkProps extends AnchorProps {
  readonly to: string;
  readonly search?: Readonly<Record<string, string | undefined>>;
  /** The whole text, where it may be cut. */
  readonly title?: string;
  readonly children: ReactNode;
}

/** A link to another page of the console. Its address is made by `paths`, and the page checks what the search says. */
export function AppLink({ to, search, ...rest }: AppLinkProps) {
  return <Anchor component={Link} to={to} search={search as never} size="sm" {...rest} />;
}
