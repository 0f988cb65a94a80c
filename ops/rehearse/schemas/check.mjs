// Checks custom resources: a JSON list of objects on standard input, a JSON list of findings on standard output.
// Run as `node --input-type=module --eval SCRIPT SCHEMAS` in the folder where `npm ci` installed the packages of
// package.json, which it finds there; SCHEMAS is the folder of this file.
//
// Every field path is held against the kind's type declaration, as if it were a TypeScript literal; then the package's own
// validator adds what types cannot say: patterns, formats, lengths and ranges. `<group>/<version>/<kind>.d.ts` is a
// declaration of ours where no package has the kind, or lacks fields of it; each names its source.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";

const PACKAGES = {
  "acme.cert-manager.io": "cert-manager",
  "cert-manager.io": "cert-manager",
  "cloud.google.com": "gke",
  "external-secrets.io": "external-secrets",
  "gateway.envoyproxy.io": "envoy-gateway",
  "gateway.networking.k8s.io": "gateway-api",
  "generators.external-secrets.io": "external-secrets",
  "kafka.strimzi.io": "strimzi-kafka-operator",
  "karpenter.k8s.aws": "karpenter",
  "karpenter.sh": "karpenter",
  "keda.sh": "keda",
  "monitoring.coreos.com": "prometheus-operator",
  "opentelemetry.io": "opentelemetry-operator",
};
const OURS = process.argv.at(-1);
const HERE = process.cwd();

// Where the kind is declared and validated: undefined where that is nowhere.
async function schemaOf({ apiVersion, kind }) {
  const [group] = apiVersion.split("/");
  const module = `@kubernetes-models/${PACKAGES[group]}/${apiVersion}`;
  const Model = PACKAGES[group] && (await load(module))?.[kind];
  const own = existsSync(join(OURS, apiVersion, `${kind}.d.ts`));
  if (!Model && !own) return undefined;
  const version = Model && JSON.parse(readFileSync(packageFile(group))).version;
  const by = [Model && `@kubernetes-models/${PACKAGES[group]} ${version}`, own && "a declaration of ours"];
  return { Model, declared: own ? `./schemas/${apiVersion}/${kind}` : module, by: by.filter(Boolean).join(" and ") };
}

const packageFile = (group) => join("node_modules", "@kubernetes-models", PACKAGES[group], "package.json");

async function load(module) {
  try {
    return await import(module);
  } catch {
    return undefined;
  }
}

// One source file for each object; our declarations appear beside the packages, so that they may import them.
function programOf(sources) {
  const options = { strict: true, noEmit: true, skipLibCheck: true, types: [], lib: ["lib.es2022.d.ts"] };
  Object.assign(options, { module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler });
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile } = host;
  const moved = (path) => path.replace(join(HERE, "schemas"), OURS);
  host.fileExists = (path) => sources.has(path) || fileExists(moved(path));
  host.readFile = (path) => sources.get(path) ?? readFile(moved(path));
  host.directoryExists = undefined; // ours are not where they seem to be
  return ts.createProgram({ rootNames: [...sources.keys()], options, host });
}

// `spec.budgets.0.nodes`: where in the object a piece of its literal stands.
function pathOf(node) {
  const steps = [];
  for (let at = node; at.parent; at = at.parent) {
    if (ts.isPropertyAssignment(at)) steps.unshift(at.name.text);
    if (ts.isArrayLiteralExpression(at.parent)) steps.unshift(at.parent.elements.indexOf(at));
  }
  return steps.join(".");
}

function* unknownFields(node, checker) {
  const type = ts.isObjectLiteralExpression(node) && checker.getContextualType(node);
  if (type) {
    const allowed = (type.isUnion() ? type.types : [type]).map((one) => checker.getNonNullableType(one));
    const open = allowed.some((one) => one.flags & ts.TypeFlags.Any || checker.getIndexInfosOfType(one).length);
    const names = new Set(allowed.flatMap((one) => one.getProperties().map((field) => field.name)));
    for (const { name } of node.properties) {
      if (open || names.has(name.text)) continue;
      yield { path: pathOf(name.parent), message: `is an unknown field (allowed: ${[...names].sort().join(", ")})` };
    }
  }
  for (const child of node.getChildren()) yield* unknownFields(child, checker);
}

const UNKNOWN_FIELD = new Set([2353, 2561]); // found above, all of them at once

function* wrongTypes(file, program) {
  for (const found of program.getSemanticDiagnostics(file)) {
    if (UNKNOWN_FIELD.has(found.code)) continue;
    let node = file;
    const within = (child) => child.getStart() <= found.start && found.start < child.end;
    for (let next = file; next; next = ts.forEachChild(node, (child) => (within(child) ? child : undefined))) node = next;
    const message = ts
      .flattenDiagnosticMessageText(found.messageText, "\n")
      .split("\n")[0] // the rest explains how the compiler saw it
      .replace(/^Property '(.+?)' is missing in type .*/, "misses $1")
      .replace(/^Type .* is missing the following properties from type .*: (.+)$/, "misses $1")
      .replace(/^Type '(.*)' is not assignable to type '(.*)'\.$/, "is $1 (allowed: $2)");
    yield { path: pathOf(node), message };
  }
}

function violations(Model, object) {
  try {
    new Model(object).validate();
    return [];
  } catch (error) {
    if (!error.errors) throw error;
    return error.errors.map(({ instancePath, keyword, params, message }) => ({
      path: instancePath.slice(1).replaceAll("/", "."),
      message: keyword === "enum" ? `must be one of ${params.allowedValues.join(", ")}` : message,
    }));
  }
}

const objects = JSON.parse(readFileSync(0, "utf8"));
const schemas = await Promise.all(objects.map(schemaOf));
const sources = new Map();
for (const [number, schema] of schemas.entries()) {
  if (!schema) continue;
  const { kind } = objects[number];
  const literal = JSON.stringify(objects[number]);
  const text = `import type { I${kind} } from "${schema.declared}";\nexport const object: I${kind} = ${literal};\n`;
  sources.set(join(HERE, `object-${number}.ts`), text);
}
const program = programOf(sources);
const checker = program.getTypeChecker();
const findings = schemas.map((schema, number) => {
  if (!schema) return { by: "", limits: [], problems: [] };
  const file = program.getSourceFile(join(HERE, `object-${number}.ts`));
  const validated = schema.Model ? violations(schema.Model, objects[number]) : [];
  const said = new Set(validated.map(({ path }) => path)); // in better words than the compiler's
  const typed = [...wrongTypes(file, program)].filter(({ path }) => !said.has(path));
  const limits = schema.Model ? [] : ["patterns and ranges"];
  return { by: schema.by, limits, problems: [...validated, ...typed, ...unknownFields(file, checker)] };
});
process.stdout.write(JSON.stringify(findings));
