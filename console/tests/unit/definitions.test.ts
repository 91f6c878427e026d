import type { JsonObject } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";

import { emptyDeployment, modelDefinition, othersOfModel, pricesAreRight, providerDefinition, wantedModel, wantedProvider } from "../../src/forms/operators/definitions";

const provider = {
  display_name: "Our GPUs", credential_header: "api-key", credential_env: "GPUS_API_KEY", stream_options: false, dialects: { openai: "http://gpus:8000/v1" }, fees: { web_search: 10 }, betas: ["one"],
};
const model = {
  provider: "gpus", upstream_name: "llama", endpoints: ["chat_completions"], context_window_tokens: 131072, max_output_tokens: 8192, default_output_reserve_tokens: 1024, aliases: ["llama-8b"],
  tier: "light", capabilities: ["tools"],
};

describe("the definition of a provider", () => {
  test("stays as it is when nothing is changed, except for the variable that is of no use", () => {
    const { credential_env: _, ...rest } = provider;
    expect(providerDefinition(wantedProvider(provider))).toEqual(rest);
  });

  test("leaves to another provider what it leaves out", () => {
    expect(providerDefinition({ ...wantedProvider({}), sameAs: "openai", urls: { openai: " https://eu.example/v1 ", gemini: "" } })).toEqual({ same_as: "openai", dialects: { openai: "https://eu.example/v1" } });
  });

  test.each(["[1]", "{", '{"dialects": {}}', "null"])("is none with the further fields %s", (others) => {
    expect(providerDefinition({ ...wantedProvider(provider), others })).toBeUndefined();
  });
});

describe("the definition of a model", () => {
  test("stays as it is when nothing is changed", () => {
    expect(modelDefinition(wantedModel(model))).toEqual(model);
  });

  test("keeps several places with what they have besides", () => {
    const { provider: _, upstream_name: __, ...rest } = model;
    const places: JsonObject[] = [{ provider: "a", upstream_name: "m", weight: 3, first_byte_timeout_ms: 500 }, { provider: "b", upstream_name: "m", priority: 1, region: "eu" }];
    const definition = { ...model, provider: "a", upstream_name: "m", deployments: places };
    expect(modelDefinition(wantedModel(definition))).toEqual({ ...rest, deployments: places });
  });

  test("has a list of places once one has a region", () => {
    const wanted = wantedModel(model);
    const definition = modelDefinition({ ...wanted, deployments: wanted.deployments.map((one) => ({ ...one, region: "eu" })) });
    expect(definition).toMatchObject({ deployments: [{ provider: "gpus", upstream_name: "llama", region: "eu" }] });
    expect(definition).not.toHaveProperty("provider");
  });

  test("has prices in nano-credits, and the day from which they count", () => {
    const prices = [{ category: "input", credits: "0.25" }, { category: "output", credits: "12" }] as const;
    expect(modelDefinition({ ...wantedModel(model), prices, effectiveDate: "2026-12-01" })).toMatchObject({
      prices_nano_credits_per_million_tokens: { input: 250_000_000, output: 12_000_000_000 }, effective_date: "2026-12-01",
    });
  });

  test("is none with a number that is none", () => {
    expect(modelDefinition({ ...wantedModel(model), context: "many" })).toBeUndefined();
    expect(modelDefinition({ ...wantedModel(model), deployments: [{ ...emptyDeployment, weight: "x" }] })).toBeUndefined();
  });

  test("names no field twice", () => {
    expect(othersOfModel('{"tier": "top"}')).toBeUndefined();
    expect(othersOfModel('{"capabilities": ["tools"]}')).toEqual({ capabilities: ["tools"] });
  });
});

test("prices are complete with input, output and a day, or not there at all", () => {
  const wanted = wantedModel(model);
  const [input, output] = [{ category: "input", credits: "1" }, { category: "output", credits: "2" }] as const;
  expect(pricesAreRight(wanted)).toBe(true);
  expect(pricesAreRight({ ...wanted, prices: [input, output], effectiveDate: "2026-12-01" })).toBe(true);
  expect(pricesAreRight({ ...wanted, prices: [input, output] })).toBe(false);
  expect(pricesAreRight({ ...wanted, prices: [input], effectiveDate: "2026-12-01" })).toBe(false);
  expect(pricesAreRight({ ...wanted, prices: [input, output, output], effectiveDate: "2026-12-01" })).toBe(false);
  expect(pricesAreRight({ ...wanted, prices: [input, { ...output, credits: "two" }], effectiveDate: "2026-12-01" })).toBe(false);
});
