// Tests of `ordinance.js`, which `ordinance new --lang js` writes. ORDINANCE_JS names the file.

import assert from "node:assert/strict";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

const { KubernetesObject, Patch, Verdict, deny, policy } = await import(pathToFileURL(process.env.ORDINANCE_JS));

const objectOf = (json) => new KubernetesObject({ name: "web" }, json);

test("a field that is missing or null has no value, whatever objects inherit", () => {
  const object = objectOf({ spec: { replicas: null, rules: [] } });
  assert.equal(object.number("spec", "replicas"), undefined);
  assert.equal(object.string("spec", "template", "name"), undefined);
  assert.equal(object.value("constructor"), undefined);
  assert.equal(object.string("spec", "rules", 0, "host"), undefined);
  assert.deepEqual([object.list("spec", "hosts"), object.map("spec", "labels")], [[], {}]);
});

test("a field of another type is named", () => {
  const object = objectOf({ spec: { replicas: "two", rules: [{ host: 1 }] } });
  assert.throws(() => object.number("spec", "replicas"), { message: "spec.replicas is not a number" });
  assert.throws(() => object.string("spec", "rules", 0, "host"), { message: "spec.rules[0].host is not a string" });
  assert.throws(() => object.string("spec", "rules", "host"), { message: "spec.rules is not an object" });
  assert.throws(() => object.list("spec", "replicas", 0), { message: "spec.replicas is not a list" });
});

test("a patch adds parents once and escapes names", () => {
  const object = objectOf({ metadata: { labels: { app: "web" } }, spec: { containers: [{}] } });
  const patch = new Patch(object);
  patch.addMissing(["metadata", "annotations", "example.com/a~b"], "1");
  patch.addMissing(["metadata", "annotations", "example.com/c"], "2");
  patch.addMissing(["metadata", "labels", "app"], "other");
  patch.addMissing(["spec", "containers", 0, "image"], "nginx");
  assert.deepEqual(JSON.parse(patch.toString()), [
    { op: "add", path: "/metadata/annotations", value: { "example.com/a~b": "1" } },
    { op: "add", path: "/metadata/annotations/example.com~1c", value: "2" },
    { op: "add", path: "/spec/containers/0/image", value: "nginx" },
  ]);
  const missing = { message: "spec.containers[1].image is missing" };
  assert.throws(() => patch.addMissing(["spec", "containers", 1, "image"], "nginx"), missing);
  assert.deepEqual(object.map("metadata"), { labels: { app: "web" } }, "the object is not changed");
});

test("a verdict that denies has no patch", () => {
  const rule = deny({ id: "a", title: "A" });
  const verdict = new Verdict("mutate");
  const patch = new Patch(objectOf({}));
  patch.addMissing(["a/b"], 1);
  verdict.demand(patch, rule, { fact: "lacks it" });
  assert.equal(verdict.toContract().patch, '[{"op":"add","path":"/a~1b","value":1}]');
  verdict.report(rule, { fact: "is wrong" });
  assert.equal(verdict.toContract().patch, undefined);
});

const withSettings = (settings) => policy({ name: "a", version: "0.1.0", reviews: [], rules: [], settings, review() {} });

test("settings are completed with the defaults of their schema", () => {
  const volume = { type: "object", properties: { size: { type: "integer", default: 2 } } };
  const { checkSettings } = withSettings({
    type: "object",
    properties: { volume, volumes: { type: "array", items: volume }, note: { type: "string" } },
  });
  assert.deepEqual(JSON.parse(checkSettings("")), { volume: { size: 2 } });
  const given = '{"volume": {"size": 3}, "volumes": [{}], "other": 1}';
  assert.deepEqual(JSON.parse(checkSettings(given)), { volume: { size: 3 }, volumes: [{ size: 2 }], other: 1 });
});

test("each setting that is wrong is named with what is valid", () => {
  const { checkSettings } = withSettings({
    type: "object",
    additionalProperties: false,
    required: ["mode"],
    properties: {
      mode: { type: "string", enum: ["Warn", "Enforce"] },
      share: { type: "number", maximum: 1 },
      hosts: { type: "array", minItems: 1, items: { type: "string", minLength: 2, pattern: "^[a-z]+$" } },
    },
  });
  const refused = (settings, expected) => {
    let problems = [];
    try {
      checkSettings(settings);
    } catch (thrown) {
      problems = thrown.map(({ field, message }) => `${field}: ${message}`);
    }
    assert.deepEqual(problems, expected);
  };
  refused("[]", [": must be an object"]);
  refused("{}", ["mode: is missing"]);
  refused('{"mode": "Off", "share": 1.5, "hosts": []}', [
    "mode: must be one of Warn, Enforce",
    "share: must be 1 or less",
    "hosts: must have 1 or more items",
  ]);
  refused('{"mode": "Warn", "hosts": ["a", "B1", null]}', [
    "hosts[0]: must have 2 or more characters",
    "hosts[1]: must match ^[a-z]+$",
    "hosts[2]: must be a string",
  ]);
  refused('{"mode": "Warn", "modes": 1}', ["modes: is no setting; there are mode, share, hosts"]);
});

test("a schema that would not be checked is an error", () => {
  assert.throws(() => withSettings({ oneOf: [] }), { message: "settings: ordinance.js does not check the keyword oneOf" });
  const inner = { type: "object", properties: { a: { type: ["string", "null"] } } };
  assert.throws(() => withSettings(inner), /^Error: settings\.a: the type must be one of object, array/);
});
