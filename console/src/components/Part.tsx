import { QueryErrorResetBoundary } from "@tanstack/react-query";
import { Skeleton } from "@mantine/core";
import { Component, type ReactNode, Suspense } from "react";

import { isDenied } from "../api/errors";
import { ErrorNotice } from "./ErrorNotice";

interface PartProps {
  readonly height?: number;
  /** Shown to those who may not see this part: nothing by default. */
  readonly denied?: ReactNode;
  readonly children: ReactNode;
}

/** A part of a page that loads, and fails, by itself: what one role may not see must not take the page from it. */
export function Part({ height = 120, denied = null, children }: PartProps) {
  return (
    <QueryErrorResetBoundary>
      {({ reset }) => (
        <Boundary reset={reset} denied={denied}>
          <Suspense fallback={<Skeleton height={height} radius={12} />}>{children}</Suspense>
        </Boundary>
      )}
    </QueryErrorResetBoundary>
  );
}

interface BoundaryProps {
  readonly reset: () => void;
  readonly denied: ReactNode;
  readonly children: ReactNode;
}

class Boundary extends Component<BoundaryProps, { readonly error?: unknown; readonly failed: boolean }> {
  override state: { readonly error?: unknown; readonly failed: boolean } = { failed: false };

  static getDerivedStateFromError(error: unknown) {
    return { error, failed: true };
  }

  private readonly retry = (): void => {
    this.props.reset();
    this.setState({ failed: false });
  };

  override render(): ReactNode {
    if (!this.state.failed) return this.props.children;
    if (isDenied(this.state.error)) return this.props.denied;
    return <ErrorNotice error={this.state.error} retry={this.retry} />;
  }
}
