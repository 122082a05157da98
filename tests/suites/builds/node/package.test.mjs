// The functions of the policy's npm package in Node. ORDINANCE_NPM is the package's directory.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

const directory = process.env.ORDINANCE_NPM;
const requireInPackage = createRequire(join(directory, "package.json"));
const policy = requireInPackage("@ordinance/policy");

const volume = (name, path) => ({
  scope: { group: "", version: "v1", resource: "persistentvolumes", name },
  object: JSON.stringify({
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name },
    spec: { accessModes: ["ReadWriteMany"], nfs: { server: "10.0.0.5", path } },
  }),
});
const creation = (volume) => ({ operation: "CREATE", phase: "validate", kind: "PersistentVolume", ...volume });

test("describes the policy", () => {
  const { name, version, watches, reviews, rules, settingsSchema } = policy.describe();
  assert.equal(name, "storage");
  assert.equal(version, requireInPackage("@ordinance/policy/package.json").version);
  assert.ok(watches.some((watch) => watch.resource === "persistentvolumes" && !watch.metadataOnly));
  assert.ok(reviews.some((scope) => scope.resource === "statefulsets" && scope.phases.includes("mutate")));
  assert.equal(rules.find((rule) => rule.id === "shared-export").severity, "deny");
  assert.ok(Object.keys(JSON.parse(settingsSchema).properties).includes("isolation"));
});

test("names the setting that cannot be used", () => {
  assert.deepEqual(policy.checkSettings(), []);
  assert.deepEqual(policy.checkSettings({ mode: "Warn" }), []);
  const [problem] = policy.checkSettings({ isolation: { growth: "Maybe" } });
  assert.equal(problem.field, "isolation.growth");
});

test("returns the keys that the verdict depends on, and decides with holdings", () => {
  const [first, second] = [volume("pv", "/srv/www"), volume("pv2", "/srv/www/")];
  const [key] = policy.keys(first.scope, first.object);
  assert.deepEqual({ ...key, note: "" }, { realm: "nfs://10.0.0.5", path: ["srv", "www"], stance: "holds", note: "" });

  const { needs } = policy.review(creation(second));
  assert.deepEqual(needs[0].path, key.path);
  assert.deepEqual(policy.review(creation(second), undefined, []).decided.findings, []);

  const { decided } = policy.review(creation(second), null, [{ ...key, holder: first.scope, count: 1 }]);
  const [finding] = decided.findings;
  assert.equal(finding.rule, "shared-export");
  assert.equal(finding.severity, "deny");
  assert.equal(finding.field, "spec.nfs.path");
  assert.match(finding.fact, /^PersistentVolume "pv2" shares nfs:\/\/10\.0\.0\.5\/srv\/www with .*"pv"/);
  assert.equal(decided.patch, null);
});

test("returns the same verdict a thousand times in one instance", () => {
  const request = creation(volume("pv", "/srv/www"));
  const first = policy.review(request, {}, []);
  for (let call = 0; call < 1000; call += 1) {
    assert.deepEqual(policy.review(request, {}, []), first);
  }
});

test("throws an error for input that it cannot read, and stays usable", () => {
  assert.throws(() => policy.review({}), /missing field/);
  assert.throws(() => policy.review(creation(volume("pv", "/")), { mode: 1 }, []), Error);
  assert.throws(() => policy.keys(volume("pv", "/").scope, "{"), Error);
  assert.deepEqual(policy.review(creation(volume("pv", "/")), {}, []).decided.findings, []);
});

test("Node imports the same functions as an ES module", async () => {
  const imported = await import(pathToFileURL(requireInPackage.resolve("@ordinance/policy")));
  assert.deepEqual(imported.describe(), policy.describe());
});

test("the web build loads the module from its bytes", async () => {
  const web = await import(pathToFileURL(requireInPackage.resolve("@ordinance/policy/web")));
  const bytes = await readFile(join(directory, "web/ordinance_policy_bg.wasm"));
  await web.default({ module_or_path: bytes });
  assert.deepEqual(web.describe(), policy.describe());
});

test("declares a type for every setting", async () => {
  const { properties, $defs = {} } = JSON.parse(policy.describe().settingsSchema);
  const settings = [properties, ...Object.values($defs).map((type) => type.properties ?? {})].flatMap(Object.keys);
  const types = await readFile(join(directory, "node/ordinance_policy.d.ts"), "utf8");
  assert.deepEqual(settings.filter((setting) => !types.includes(`  ${setting}?: `)), []);
});
