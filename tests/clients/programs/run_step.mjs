// Runs one step of a program and prints what it returned or raised, as one line of JSON.

const [program, step] = process.argv.slice(2);

/** Returns the names of an error's class and its base classes. */
function classes(error) {
  const names = [error?.name];
  for (let proto = error; proto; proto = Object.getPrototypeOf(proto)) names.push(proto.constructor?.name);
  return names;
}

let outcome;
try {
  const module = await import(`./${program}.mjs`);
  outcome = { returned: await module[step]() };
} catch (error) {
  const status = error?.status ?? error?.statusCode ?? null;
  outcome = { raised: classes(error), status, message: String(error?.stack ?? error).slice(0, 2_000) };
}
console.log(`\n${JSON.stringify(outcome)}`);
