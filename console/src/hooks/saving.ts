import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { useMutation } from "@connectrpc/connect-query";

import { violationsOf } from "../api/errors";
import { queryClient } from "../api/queries";
import { say } from "../stores/toasts";

/** A change that a form or a confirmation makes. An error stays with it, and is shown there. */
export interface Saving<Input extends DescMessage, Output extends DescMessage> {
  readonly isPending: boolean;
  readonly isError: boolean;
  readonly error: unknown;
  /** What the service says of a field of the request, by its path, such as `group.display_name`. */
  readonly violation: (field: string) => string | undefined;
  readonly save: (request: MessageInitShape<Input>, saved?: (answer: MessageShape<Output>) => void) => void;
  readonly reset: () => void;
}

/** Makes a change by a method. Afterwards, everything on the page is asked for again, and `done` is said. */
export function useSaving<Input extends DescMessage, Output extends DescMessage>(method: DescMethodUnary<Input, Output>, done?: string): Saving<Input, Output> {
  const mutation = useMutation(method);
  const violations = violationsOf(mutation.error);
  return {
    isPending: mutation.isPending,
    isError: mutation.isError,
    error: mutation.error,
    violation: (field) => violations.get(field),
    save: (request, saved) =>
      mutation.mutate(request, {
        onSuccess: (answer) => {
          void queryClient.invalidateQueries();
          if (done !== undefined) say(done);
          saved?.(answer);
        },
      }),
    reset: () => mutation.reset(),
  };
}
