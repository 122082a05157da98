// The examples of the package's README, run where the README says that they run. ORDINANCE_NPM is the package's directory.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { Browser, INSTALL_TIMEOUT as BROWSER_TIMEOUT } from "./browser.mjs";
import { INSTALL_TIMEOUT as PROJECT_TIMEOUT, Project } from "./project.mjs";
import { examples } from "./readme.mjs";
import { serve } from "./server.mjs";

const TEST = { timeout: 600_000 };

const [REVIEW, HOLDINGS, COMMON_JS, BUNDLER, PAGE] = [
  "Review an object",
  "Include other objects",
  "Use CommonJS",
  "Use a bundler",
  "Use a page without a bundler",
];
const code = await examples(process.env.ORDINANCE_NPM);

let project;
let browser;

before(
  async () => {
    project = await Project.create(process.env.ORDINANCE_NPM);
    browser = await Browser.start();
  },
  { timeout: PROJECT_TIMEOUT + BROWSER_TIMEOUT },
);

after(async () => {
  await browser?.close();
  await project?.remove();
});

test("every example of the README has a test", () => {
  assert.deepEqual([...code.keys()], [REVIEW, HOLDINGS, COMMON_JS, BUNDLER, PAGE]);
});

test("Node imports the package and patches a StatefulSet", TEST, async () => {
  assertPatch(await runInNode("review.mjs", REVIEW));
});

test("Node imports the package and denies a volume that shares its export", TEST, async () => {
  assertSharedExport(await runInNode("holdings.mjs", HOLDINGS));
});

test("Node requires the package and names the setting that cannot be used", TEST, async () => {
  assert.match(await runInNode("settings.cjs", COMMON_JS), /^isolation\.growth .+/);
});

test("a page without a bundler denies a sub-path that all replicas share", TEST, async (context) => {
  await project.write("page.html", code.get(PAGE));
  const [line] = await linesOf(context, project.directory, "page.html");
  assertSharedSubPath(line);
});

test("a page that Vite built patches a StatefulSet and denies a shared export", TEST, async (context) => {
  await writeBundledPage();
  await project.run("npx", ["vite", "build"]);
  assertBundledPage(await linesOf(context, join(project.directory, "dist"), "", 2));
});

test("a page that Vite's development server serves does the same", TEST, async (context) => {
  await writeBundledPage();
  const { createServer } = await import(pathToFileURL(join(project.directory, "node_modules/vite/dist/node/index.js")));
  const server = await createServer({
    root: project.directory,
    logLevel: "error",
    server: { host: "127.0.0.1", port: 0 },
  });
  context.after(() => server.close());
  await server.listen();
  const { port } = server.httpServer.address();
  assertBundledPage(await browser.consoleLines(`http://127.0.0.1:${port}/`, 2));
});

test("TypeScript accepts calls and results of each build", TEST, async () => {
  const [, script] = code.get(PAGE).match(/<script type="module">(.*?)<\/script>/s);
  await project.write("review.mjs", code.get(REVIEW));
  await project.write("page.mjs", script);
  await project.write("results.mts", typedResults());
  const strict = ["--noEmit", "--allowJs", "--checkJs", "--strict", "--skipDefaultLibCheck"];
  const options = [...strict, "--target", "esnext", "--lib", "esnext,dom"];
  const files = ["review.mjs", "page.mjs", "results.mts"];
  await project.run("npx", ["tsc", ...options, "--module", "nodenext", ...files]);
  await project.run("npx", ["tsc", ...options, "--module", "preserve", ...files]);
});

/** A module that declares results of the policy by their types. TypeScript rejects a member that is missing or unknown. */
function typedResults() {
  const { checkSettings, describe, keys, review } = createRequire(join(project.directory, "x"))("@ordinance/policy");
  const scope = { group: "", version: "v1", resource: "persistentvolumes", name: "pv" };
  const spec = { accessModes: ["ReadWriteMany"], nfs: { server: "nas.example.com", path: "/srv/www" } };
  const object = JSON.stringify({ apiVersion: "v1", kind: "PersistentVolume", metadata: { name: "pv" }, spec });
  const request = { operation: "CREATE", phase: "validate", scope, kind: "PersistentVolume", object };
  const [key] = keys(scope, object);
  const holdings = [{ ...key, holder: { ...scope, name: "pv2" }, count: 1 }];
  const results = {
    Description: describe(),
    "Problem[]": checkSettings({ mode: "Maybe" }),
    "Key[]": [key],
    "Outcome[]": [review(request), review(request, {}, holdings), review({ ...request, object: "{" })],
  };
  const declarations = Object.entries(results).map(
    ([type, value], index) => `export const result${index}: ${type} = ${JSON.stringify(value)};\n`,
  );
  return `import type { Description, Key, Outcome, Problem } from "@ordinance/policy";\n${declarations.join("")}`;
}

/** Runs an example in Node and returns what it prints. */
async function runInNode(name, heading) {
  await project.write(name, code.get(heading));
  return project.run("node", [name]);
}

/** Serves a directory and returns the first lines that a page of it writes to the console. */
async function linesOf(context, directory, page, count = 1) {
  const { url, close } = await serve(directory);
  context.after(close);
  return browser.consoleLines(`${url}${page}`, count);
}

/** Writes a page that runs two examples, one after the other. */
async function writeBundledPage() {
  await project.write("review.mjs", code.get(REVIEW));
  await project.write("holdings.mjs", code.get(HOLDINGS));
  await project.write("vite.config.js", code.get(BUNDLER));
  await project.write("main.mjs", 'import "./review.mjs";\nimport "./holdings.mjs";\n');
  await project.write("index.html", '<!doctype html>\n<script type="module" src="/main.mjs"></script>\n');
}

function assertBundledPage([first, second]) {
  assertPatch(first);
  assertSharedExport(second);
}

function assertPatch(line) {
  const container = "/spec/template/spec/containers/0";
  const fieldRef = { fieldPath: "metadata.name" };
  assert.deepEqual(JSON.parse(line), [
    { op: "add", path: `${container}/env`, value: [{ name: "ORDINANCE_POD_NAME", valueFrom: { fieldRef } }] },
    { op: "add", path: `${container}/volumeMounts/0/subPathExpr`, value: "$(ORDINANCE_POD_NAME)" },
  ]);
}

function assertSharedExport(line) {
  assert.match(line, /^deny \(shared-export\): PersistentVolume "copy" shares nfs:\/\/nas\.example\.com\/srv\/www with .*"www"/);
}

function assertSharedSubPath(line) {
  assert.match(line, /^deny \(fixed-sub-path\): .*volume "data".*subPath "www"/);
}
