// Google's SDK for JavaScript.

import assert from "node:assert";
import { FunctionCallingConfigMode, GoogleGenAI, Type } from "@google/genai";

const model = process.env.MEGAROUTER_MODEL ?? "gemini-2.5-flash";
const contents = "Tell me about the sea.";
const client = new GoogleGenAI({
  apiKey: process.env.MEGAROUTER_API_KEY,
  httpOptions: { baseUrl: process.env.MEGAROUTER_BASE_URL },
});

export async function plain() {
  return (await client.models.generateContent({ model, contents })).text;
}

export async function stream() {
  let text = "";
  for await (const chunk of await client.models.generateContentStream({ model, contents })) text += chunk.text;
  return text;
}

export async function tool_call() {
  const parameters = { type: Type.OBJECT, properties: { city: { type: Type.STRING } } };
  const config = {
    tools: [{ functionDeclarations: [{ name: "weather", parameters }] }],
    toolConfig: { functionCallingConfig: { mode: FunctionCallingConfigMode.ANY } },
  };
  const [call] = (await client.models.generateContent({ model, contents, config })).functionCalls;
  const [chunk] = await Array.fromAsync(await client.models.generateContentStream({ model, contents, config }));
  assert.deepEqual(chunk.functionCalls[0].args, call.args);
  return { name: call.name, arguments: call.args };
}

export async function structured() {
  const properties = { name: { type: Type.STRING }, inhabitants: { type: Type.INTEGER } };
  const config = { responseMimeType: "application/json", responseSchema: { type: Type.OBJECT, properties } };
  return JSON.parse((await client.models.generateContent({ model, contents, config })).text);
}

export async function embeddings() {
  const answer = await client.models.embedContent({ model: "gemini-embedding-001", contents: ["a", "b"] });
  return answer.embeddings[1].values.length;
}

export async function models() {
  return (await Array.fromAsync(await client.models.list())).map(({ name }) => name);
}

export async function count_tokens() {
  return (await client.models.countTokens({ model, contents })).totalTokens;
}
