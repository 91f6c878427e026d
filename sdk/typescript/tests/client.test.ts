import assert from "node:assert/strict";
import { test } from "node:test";

import { create } from "@bufbuild/protobuf";
import { DurationSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type HandlerContext, createRouterTransport } from "@connectrpc/connect";

import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "../generated/google/rpc/error_details_pb.js";
import { ApiKeys, Credits, type TopUpCreditRequest } from "../generated/index.js";
import { MegaRouter } from "../src/client.js";
import { MegaRouterError } from "../src/errors.js";
import { pages } from "../src/paging.js";
import { defaultPolicy, pauseBeforeRetryMs } from "../src/policy.js";

const policy = { ...defaultPolicy, firstBackoffMs: 1, maxBackoffMs: 1 };

/** Returns a client of a server whose TopUpCredit fails `times` times with a code. */
function failing(times: number, code: Code) {
  const requests: TopUpCreditRequest[] = [];
  const contexts: HandlerContext[] = [];
  const transport = createRouterTransport(({ service }) =>
    service(Credits, {
      topUpCredit(request, context) {
        requests.push(request);
        contexts.push(context);
        if (requests.length <= times) throw new ConnectError("not now", code);
        return {};
      },
    }),
  );
  return { router: new MegaRouter(transport, "secret", policy), requests, contexts };
}

test("every call carries the token and a deadline", async () => {
  const { router, contexts } = failing(0, Code.Unavailable);
  await router.credits.topUpCredit({});
  assert.equal(contexts[0]?.requestHeader.get("authorization"), "Bearer secret");
  const remaining = contexts[0]?.timeoutMs() ?? 0;
  assert.ok(remaining > 0 && remaining <= policy.timeoutMs);
});

test("only unavailable is retried, with the same request id", async () => {
  const { router, requests } = failing(2, Code.Unavailable);
  await router.credits.topUpCredit({ parent: "organizations/acme" });
  assert.equal(requests.length, 3);
  assert.match(requests[0]?.requestId ?? "", /^[0-9a-f]{8}-[0-9a-f]{4}-4/);
  assert.equal(new Set(requests.map(({ requestId }) => requestId)).size, 1);

  for (const code of [Code.Internal, Code.Aborted, Code.DeadlineExceeded]) {
    const other = failing(1, code);
    await assert.rejects(other.router.credits.topUpCredit({}), MegaRouterError);
    assert.equal(other.requests.length, 1);
  }
});

test("the number of attempts is bounded", async () => {
  const { router, requests } = failing(100, Code.Unavailable);
  await assert.rejects(router.credits.topUpCredit({}), { code: Code.Unavailable });
  assert.equal(requests.length, policy.maxAttempts);
});

test("a request id from the caller is kept", async () => {
  const { router, requests } = failing(0, Code.Unavailable);
  await router.credits.topUpCredit({ requestId: "mine" });
  assert.equal(requests[0]?.requestId, "mine");
});

test("an error carries the reason, metadata and field violations that the service sent", async () => {
  const transport = createRouterTransport(({ service }) =>
    service(ApiKeys, {
      getApiKey() {
        throw new ConnectError("no", Code.InvalidArgument, undefined, [
          { desc: ErrorInfoSchema, value: { reason: "FIELD_INVALID", domain: "megarouter", metadata: { resource: "r" } } },
          { desc: BadRequestSchema, value: { fieldViolations: [{ field: "name", description: "wrong" }] } },
          { desc: RetryInfoSchema, value: { retryDelay: create(DurationSchema, { seconds: 1n, nanos: 500_000_000 }) } },
        ]);
      },
    }),
  );
  await assert.rejects(new MegaRouter(transport, "secret").apiKeys.getApiKey({}), {
    code: Code.InvalidArgument,
    reason: "FIELD_INVALID",
    metadata: { resource: "r" },
    fieldViolations: [{ field: "name", description: "wrong" }],
    retryAfterMs: 1500,
    message: "InvalidArgument (FIELD_INVALID): no",
  });
});

test("a pause grows, is bounded, and never outlasts the deadline", () => {
  const error = new MegaRouterError(new ConnectError("not now", Code.Unavailable));
  const pause = (attempt: number, remainingMs = 60_000) =>
    pauseBeforeRetryMs({ ...defaultPolicy, maxAttempts: 10 }, error, attempt, remainingMs, () => 1);
  assert.deepEqual([1, 2, 3, 9].map((attempt) => pause(attempt)), [100, 200, 400, 2000]);
  assert.equal(pause(3, 399), undefined);
  assert.equal(pause(10), undefined);
});

test("pages end at an empty token, and a repeated token is an error", async () => {
  const tokens = ["a", "b", ""];
  const asked: string[] = [];
  const next = async (token: string) => ({ nextPageToken: tokens[asked.push(token) - 1] ?? "" });
  for await (const page of pages(next)) assert.ok(page);
  assert.deepEqual(asked, ["", "a", "b"]);
  await assert.rejects(async () => {
    for await (const page of pages(async () => ({ nextPageToken: "same" }))) assert.ok(page);
  });
});
