import type { JsonObject, JsonValue } from "@bufbuild/protobuf";

import { parseCredits } from "../../util/credits";

/** Definitions of providers and models, in the form of the catalog file, as people fill them in. What has no field of its own is JSON. */

export const dialects = ["openai", "anthropic", "gemini"] as const;
export const credentialHeaders = ["authorization", "x-api-key", "x-goog-api-key", "api-key"] as const;
export const endpoints = [
  "chat_completions", "completions", "responses", "embeddings", "messages", "generate_content", "embed_content", "batch_embed_contents", "images", "image_edits", "transcriptions", "translations",
  "speech", "moderations", "rerank", "rerank_v2",
] as const;
export const priceCategories = [
  "input", "output", "cache_read", "cache_write_5m", "cache_write_1h", "reasoning", "input_audio", "input_image", "cache_read_audio", "output_audio", "output_image",
] as const;
export const tiers = ["light", "standard", "top"] as const;

export type Dialect = (typeof dialects)[number];
export type PriceCategory = (typeof priceCategories)[number];

export interface WantedProvider {
  /** The provider that completes what is left out; empty: none. */
  readonly sameAs: string;
  readonly displayName: string;
  readonly header: string;
  /** Empty: as the other provider says. */
  readonly streamOptions: "" | "yes" | "no";
  /** The base URL of each dialect; a dialect without one is not served. */
  readonly urls: Readonly<Partial<Record<Dialect, string>>>;
  readonly others: string;
}

/** `credential_env` is of no use here, as the service keeps the credential. */
const fieldsOfProvider = ["name", "same_as", "display_name", "credential_header", "stream_options", "dialects", "credential_env"];

export function wantedProvider(definition: JsonObject): WantedProvider {
  return {
    sameAs: "", displayName: textOf(definition.display_name), header: textOf(definition.credential_header),
    streamOptions: definition.stream_options === undefined ? "" : definition.stream_options === true ? "yes" : "no",
    urls: Object.fromEntries(Object.entries(objectOf(definition.dialects)).map(([dialect, url]) => [dialect, textOf(url)])), others: othersOf(definition, fieldsOfProvider),
  };
}

/** Returns the definition; undefined if the further fields are not right. */
export function providerDefinition(wanted: WantedProvider): JsonObject | undefined {
  const others = parseOthers(wanted.others, fieldsOfProvider);
  if (others === undefined) return undefined;
  const urls = Object.entries(wanted.urls).map(([dialect, url]) => [dialect, url.trim()] as const).filter(([, url]) => url !== "");
  return {
    ...others, ...given("same_as", wanted.sameAs), ...given("display_name", wanted.displayName.trim()), ...given("credential_header", wanted.header),
    ...(wanted.streamOptions === "" ? {} : { stream_options: wanted.streamOptions === "yes" }), ...(urls.length === 0 ? {} : { dialects: Object.fromEntries(urls) }),
  };
}

export interface WantedDeployment {
  readonly provider: string;
  readonly upstreamName: string;
  readonly region: string;
  readonly weight: string;
  readonly priority: string;
  /** What it has besides. */
  readonly rest: JsonObject;
}

export interface WantedPrice {
  readonly category: PriceCategory;
  /** In credits for a million tokens. */
  readonly credits: string;
}

export interface WantedModel {
  readonly deployments: readonly WantedDeployment[];
  readonly endpoints: readonly string[];
  readonly context: string;
  readonly output: string;
  readonly reserve: string;
  readonly aliases: readonly string[];
  readonly tier: string;
  /** Without any, the prices stay as they are. */
  readonly prices: readonly WantedPrice[];
  readonly effectiveDate: string;
  readonly others: string;
}

const fieldsOfModel = [
  "name", "provider", "upstream_name", "deployments", "endpoints", "context_window_tokens", "max_output_tokens", "default_output_reserve_tokens", "aliases", "tier",
  "prices_nano_credits_per_million_tokens", "effective_date",
];
export const emptyDeployment: WantedDeployment = { provider: "", upstreamName: "", region: "", weight: "", priority: "", rest: {} };

export function wantedModel(definition: JsonObject): WantedModel {
  const places = listOf(definition.deployments).map(objectOf);
  return {
    deployments: (places.length === 0 ? [definition] : places).map((one) => wantedDeployment(one, places.length > 0)), endpoints: listOf(definition.endpoints).map(textOf),
    context: textOf(definition.context_window_tokens), output: textOf(definition.max_output_tokens), reserve: textOf(definition.default_output_reserve_tokens),
    aliases: listOf(definition.aliases).map(textOf), tier: textOf(definition.tier), prices: [], effectiveDate: "", others: othersOf(definition, fieldsOfModel),
  };
}

function wantedDeployment(one: JsonObject, isOfSeveral: boolean): WantedDeployment {
  const { provider, upstream_name: upstreamName, region, weight, priority, ...rest } = one;
  return {
    provider: textOf(provider), upstreamName: textOf(upstreamName), region: isOfSeveral ? textOf(region) : "", weight: isOfSeveral ? textOf(weight) : "", priority: isOfSeveral ? textOf(priority) : "",
    rest: isOfSeveral ? rest : {},
  };
}

/** Returns the definition; undefined if a number, a price or the further fields are not right. */
export function modelDefinition(wanted: WantedModel): JsonObject | undefined {
  const others = parseOthers(wanted.others, fieldsOfModel);
  const prices = wanted.prices.map(({ category, credits }) => [category, parseCredits(credits)] as const);
  const places = wanted.deployments.map(deploymentDefinition);
  const [context, output, reserve] = [wanted.context, wanted.output, wanted.reserve].map(wholeNumber);
  if (others === undefined || prices.some(([, price]) => price === undefined) || places.includes(undefined)) return undefined;
  if (context === undefined || output === undefined || reserve === undefined) return undefined;
  const [first] = places;
  const isPlain = places.length === 1 && first !== undefined && Object.keys(first).length === 2;
  return {
    ...others, ...(isPlain ? first : { deployments: places.filter((one) => one !== undefined) }), endpoints: [...wanted.endpoints], context_window_tokens: context, max_output_tokens: output,
    default_output_reserve_tokens: reserve, ...(wanted.aliases.length === 0 ? {} : { aliases: [...wanted.aliases] }), ...given("tier", wanted.tier),
    ...(prices.length === 0 ? {} : { prices_nano_credits_per_million_tokens: Object.fromEntries(prices.map(([category, price]) => [category, Number(price)])), effective_date: wanted.effectiveDate }),
  };
}

function deploymentDefinition({ provider, upstreamName, region, weight, priority, rest }: WantedDeployment): JsonObject | undefined {
  const [share, rank] = [weight, priority].map((text) => (text.trim() === "" ? null : wholeNumber(text)));
  if (share === undefined || rank === undefined) return undefined;
  return { ...rest, provider, upstream_name: upstreamName.trim(), ...given("region", region.trim()), ...(share === null ? {} : { weight: share }), ...(rank === null ? {} : { priority: rank }) };
}

/** Reads the further fields of a model; undefined if they are not right. */
export function othersOfModel(text: string): JsonObject | undefined {
  return parseOthers(text, fieldsOfModel);
}

/** Whether prices are complete. Without any, they stay as they are, which only a model that has some can do. */
export function pricesAreRight({ prices, effectiveDate }: WantedModel): boolean {
  const categories = new Set(prices.map((one) => one.category));
  const areRight = prices.every(({ credits }) => parseCredits(credits) !== undefined);
  return prices.length === 0 || (categories.size === prices.length && categories.has("input") && categories.has("output") && areRight && effectiveDate !== "");
}

/** Reads a whole number such as `128000`; undefined if it is none. */
export function wholeNumber(text: string): number | undefined {
  return /^\d{1,9}$/.test(text.trim()) ? Number(text.trim()) : undefined;
}

/** Reads the further fields; undefined if they are no JSON object, or name what has a field of its own. */
export function parseOthers(text: string, taken: readonly string[]): JsonObject | undefined {
  if (text.trim() === "") return {};
  try {
    const found = JSON.parse(text) as JsonValue;
    return isObject(found) && !Object.keys(found).some((name) => taken.includes(name)) ? found : undefined;
  } catch {
    return undefined;
  }
}

function othersOf(definition: JsonObject, taken: readonly string[]): string {
  const others = Object.entries(definition).filter(([name]) => !taken.includes(name));
  return others.length === 0 ? "" : JSON.stringify(Object.fromEntries(others), undefined, 2);
}

function given(name: string, text: string): JsonObject {
  return text === "" ? {} : { [name]: text };
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return isObject(value) ? value : {};
}

function listOf(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? value : [];
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : typeof value === "number" ? String(value) : "";
}
