// Calls the policy's npm package for the Rust tests: reads a call per line from standard input, and writes its result as a
// line to standard output.
//
// The first argument is the directory of the package. A call is {"keys": [scope, object, settings]} or
// {"review": [request, settings, holdings]}, a result is {"ok": …} or {"error": "one line"}.

import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";

const requireInPackage = createRequire(join(process.argv[2], "package.json"));
const policy = requireInPackage("@ordinance/policy");

const call = ({ keys, review }) => (keys ? policy.keys(...keys) : policy.review(...review));

for await (const line of createInterface({ input: process.stdin })) {
  let reply;
  try {
    reply = { ok: call(JSON.parse(line)) };
  } catch (error) {
    reply = { error: error.message };
  }
  process.stdout.write(`${JSON.stringify(reply)}\n`);
}
