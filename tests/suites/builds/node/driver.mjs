// Answers questions about the policy's npm package: a line of JSON in, a line of JSON out.
//
// The first argument is the package's directory. {"keys": [scope, object, settings]} and
// {"review": [request, settings, holdings]} are answered by {"ok": …} or {"error": "one line"}.

import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";

const inside = createRequire(join(process.argv[2], "package.json"));
const policy = inside("@ordinance/policy");

const answer = ({ keys, review }) => (keys ? policy.keys(...keys) : policy.review(...review));

for await (const line of createInterface({ input: process.stdin })) {
  let reply;
  try {
    reply = { ok: answer(JSON.parse(line)) };
  } catch (error) {
    reply = { error: error.message };
  }
  process.stdout.write(`${JSON.stringify(reply)}\n`);
}
