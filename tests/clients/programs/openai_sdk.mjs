// OpenAI's SDK for JavaScript.

import assert from "node:assert";
import OpenAI from "openai";

const model = process.env.MEGAROUTER_MODEL ?? "gpt-4o-mini";
const question = "Tell me about the sea.";
const messages = [{ role: "user", content: question }];
const weather = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const city = {
  type: "object",
  properties: { name: { type: "string" }, inhabitants: { type: "integer" } },
  required: ["name", "inhabitants"],
  additionalProperties: false,
};
const client = new OpenAI({
  baseURL: `${process.env.MEGAROUTER_BASE_URL}/v1`,
  apiKey: process.env.MEGAROUTER_API_KEY,
});

export async function plain() {
  return (await client.chat.completions.create({ model, messages })).choices[0].message.content;
}

export async function stream() {
  let text = "";
  for await (const chunk of await client.chat.completions.create({ model, messages, stream: true })) {
    text += chunk.choices[0].delta.content ?? "";
  }
  return text;
}

export async function response() {
  return (await client.responses.create({ model: "gpt-5-mini", input: question })).output_text;
}

export async function tool_call() {
  const tools = [{ type: "function", function: { name: "weather", parameters: weather } }];
  const asked = { model, messages, tools, tool_choice: "required" };
  const [call] = (await client.chat.completions.create(asked)).choices[0].message.tool_calls;
  const streamed = await client.chat.completions.stream(asked).finalChatCompletion();
  assert.equal(streamed.choices[0].message.tool_calls[0].function.arguments, call.function.arguments);
  return { name: call.function.name, arguments: JSON.parse(call.function.arguments) };
}

export async function structured() {
  const form = { type: "json_schema", json_schema: { name: "city", schema: city, strict: true } };
  const answer = await client.chat.completions.parse({ model, messages, response_format: form });
  return JSON.parse(answer.choices[0].message.content);
}

export async function embeddings() {
  const answer = await client.embeddings.create({ model: "text-embedding-3-small", input: ["a", "b"] });
  return answer.data[1].embedding.length;
}

export async function models() {
  return (await Array.fromAsync(client.models.list())).map(({ id }) => id);
}

export async function count_tokens() {
  return (await client.responses.inputTokens.count({ model: "gpt-5-mini", input: question })).input_tokens;
}
