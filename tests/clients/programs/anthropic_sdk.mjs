// Anthropic's SDK for JavaScript.

import assert from "node:assert";
import Anthropic from "@anthropic-ai/sdk";

const model = process.env.MEGAROUTER_MODEL ?? "claude-haiku-4-5-20251001"; // a dated name of a model in the catalog
const messages = [{ role: "user", content: "Tell me about the sea." }];
const weather = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const city = {
  type: "object",
  properties: { name: { type: "string" }, inhabitants: { type: "integer" } },
  required: ["name", "inhabitants"],
  additionalProperties: false,
};
const client = new Anthropic({ baseURL: process.env.MEGAROUTER_BASE_URL, apiKey: process.env.MEGAROUTER_API_KEY });

export async function plain() {
  return (await client.messages.create({ model, max_tokens: 500, messages })).content[0].text;
}

export async function stream() {
  return await client.messages.stream({ model, max_tokens: 500, messages }).finalText();
}

export async function tool_call() {
  const tools = [{ name: "weather", input_schema: weather }];
  const asked = { model, max_tokens: 500, messages, tools, tool_choice: { type: "any" } };
  const [call] = (await client.messages.create(asked)).content;
  const streamed = await client.messages.stream(asked).finalMessage();
  assert.deepEqual(streamed.content[0].input, call.input);
  return { name: call.name, arguments: call.input };
}

export async function structured() {
  const output_config = { format: { type: "json_schema", schema: city } };
  const answer = await client.messages.create({ model, max_tokens: 500, messages, output_config });
  return JSON.parse(answer.content[0].text);
}

export async function models() {
  return (await Array.fromAsync(client.models.list())).map(({ id }) => id);
}

export async function count_tokens() {
  return (await client.messages.countTokens({ model, messages })).input_tokens;
}
