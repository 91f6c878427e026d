// Vercel's AI SDK with its models of OpenAI, Anthropic and Google.

import { createAnthropic } from "@ai-sdk/anthropic";
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import { embedMany, generateText, Output, streamText, tool } from "ai";
import { z } from "zod";

const base = process.env.MEGAROUTER_BASE_URL;
const apiKey = process.env.MEGAROUTER_API_KEY;
const prompt = "Tell me about the sea.";
const openai = createOpenAI({ baseURL: `${base}/v1`, apiKey });
const gpt = openai(process.env.MEGAROUTER_MODEL ?? "gpt-5-mini");

export async function plain() {
  return (await generateText({ model: gpt, prompt })).text;
}

export async function stream() {
  let text = "";
  for await (const piece of streamText({ model: gpt, prompt }).textStream) text += piece;
  return text;
}

export async function plain_claude() {
  const model = createAnthropic({ baseURL: `${base}/v1`, apiKey })("claude-haiku-4-5");
  return (await generateText({ model, prompt, maxOutputTokens: 500 })).text;
}

export async function plain_gemini() {
  const model = createGoogleGenerativeAI({ baseURL: `${base}/v1beta`, apiKey })("gemini-2.5-flash");
  return (await generateText({ model, prompt })).text;
}

export async function tool_call() {
  const weather = tool({ description: "The weather", inputSchema: z.object({ city: z.string() }) });
  const { toolCalls } = await generateText({ model: gpt, prompt, tools: { weather }, toolChoice: "required" });
  return { name: toolCalls[0].toolName, arguments: toolCalls[0].input };
}

export async function structured() {
  const schema = z.object({ name: z.string(), inhabitants: z.int() });
  return (await generateText({ model: gpt, prompt, output: Output.object({ schema }) })).output;
}

export async function embeddings() {
  const model = openai.embedding("text-embedding-3-small");
  return (await embedMany({ model, values: ["a", "b"] })).embeddings[1].length;
}
