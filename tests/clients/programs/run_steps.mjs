// Runs steps of a program and prints what each returned or raised, as one line of JSON.
//
// Standard input has the name of the program and the steps, each with the environment variables that it needs.

import { text } from "node:stream/consumers";

/** Returns the names of an error's class and its base classes. */
function classes(error) {
  const names = [error?.name];
  for (let proto = error; proto; proto = Object.getPrototypeOf(proto)) names.push(proto.constructor?.name);
  return names;
}

async function runStep(program, number, step, variables) {
  delete process.env.MEGAROUTER_MODEL;
  Object.assign(process.env, variables);
  try {
    const module = await import(`./${program}.mjs?${number}`); // a program reads the variables when it is imported
    return { returned: await module[step]() };
  } catch (error) {
    const status = error?.status ?? error?.statusCode ?? null;
    return { raised: classes(error), status, message: `${step}: ${error?.stack ?? error}`.slice(0, 2_000) };
  }
}

const { program, steps } = JSON.parse(await text(process.stdin));
const outcomes = [];
for (const [number, [step, variables]] of steps.entries()) {
  outcomes.push(await runStep(program, number, step, variables));
}
console.log(`\n${JSON.stringify(outcomes)}`);
