// Calls a function of a policy in JavaScript for the Rust tests: reads a question from standard input, and writes the answer to
// standard output.
//
// The first argument is the policy's module. A question is {"keys": [scope, object, settings]} or
// {"review": [request, settings, holdings]}, an answer is {"ok": …} or {"error": "one line"}. JSON has null where the contract
// has an option without a value.

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const { rules } = await import(pathToFileURL(resolve(process.argv[2])));

const present = (record) => Object.fromEntries(Object.entries(record).filter(([, value]) => value !== null));

function review({ operation, ...request }, settings, holdings) {
  const question = { ...present(request), operation: operation.toLowerCase() };
  const first = rules.review(question, settings, holdings ?? undefined);
  if (first.tag === "needs") return { needs: first.val };
  return { decided: first.val };
}

let answer;
try {
  const { keys, review: reviewed } = JSON.parse(readFileSync(0, "utf8"));
  answer = { ok: keys ? rules.keys(...keys) : review(...reviewed) };
} catch (error) {
  // The policy throws a string where the contract has a result with an error.
  answer = { error: typeof error === "string" ? error : error.stack };
}
process.stdout.write(JSON.stringify(answer));
