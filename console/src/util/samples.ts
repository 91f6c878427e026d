/** A program that makes one call and prints the answer. */
export interface Sample {
  readonly title: string;
  readonly code: string;
  /** What installs the packages that it needs; empty without any. */
  readonly install: string;
}

/** Programs for the gateway at an address, all with the key in the variable `MEGAROUTER_API_KEY`. */
export function samplesFor(origin: string): readonly Sample[] {
  return [
    { title: "curl", install: "", code: `curl ${origin}/v1/chat/completions \\
  -H "Authorization: Bearer $MEGAROUTER_API_KEY" -H "Content-Type: application/json" \\
  -d '{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello!"}]}'` },
    { title: "Python (OpenAI)", install: "pip install openai", code: `import os

from openai import OpenAI

client = OpenAI(base_url="${origin}/v1", api_key=os.environ["MEGAROUTER_API_KEY"])
answer = client.chat.completions.create(
    model="gpt-4o-mini",
    messages=[{"role": "user", "content": "Hello!"}],
)
print(answer.choices[0].message.content)` },
    { title: "Python (Anthropic)", install: "pip install anthropic", code: `import os

from anthropic import Anthropic

client = Anthropic(base_url="${origin}", auth_token=os.environ["MEGAROUTER_API_KEY"])
answer = client.messages.create(
    model="claude-haiku-4-5",
    max_tokens=300,
    messages=[{"role": "user", "content": "Hello!"}],
)
print(answer.content[0].text)` },
    { title: "JavaScript", install: "", code: `const response = await fetch("${origin}/v1/chat/completions", {
  method: "POST",
  headers: { authorization: \`Bearer \${process.env.MEGAROUTER_API_KEY}\`, "content-type": "application/json" },
  body: JSON.stringify({ model: "gpt-4o-mini", messages: [{ role: "user", content: "Hello!" }] }),
});
const answer = await response.json();
if (!response.ok) throw new Error(answer.error.message);
console.log(answer.choices[0].message.content);` },
    { title: "TypeScript (OpenAI)", install: "npm install openai", code: `import OpenAI from "openai";

const client = new OpenAI({ baseURL: "${origin}/v1", apiKey: process.env.MEGAROUTER_API_KEY });
const answer = await client.chat.completions.create({
  model: "gpt-4o-mini",
  messages: [{ role: "user", content: "Hello!" }],
});
console.log(answer.choices[0]?.message.content);` },
    { title: "Claude Code", install: "npm install -g @anthropic-ai/claude-code", code: `export ANTHROPIC_BASE_URL=${origin}
export ANTHROPIC_AUTH_TOKEN=$MEGAROUTER_API_KEY
claude --print "Hello!"` },
  ];
}
