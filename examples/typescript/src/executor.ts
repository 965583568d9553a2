/**
 * An executor: changes the files of one folder, and only as a token allows.
 *
 *     node dist/executor.js executor.json grant.json
 *
 * The grant is what `countersign authorize --grant FILE` writes. Prints one JSON document: `{"done": …}` with exit
 * code 0, `{"refused": CODE, …}` with 120 (denied) or 122 (undetermined), or `{"failed": …}` with 1. The settings:
 *
 *     {"id": "https://exec.example/files",       this executor, as registered with the sidecar
 *      "domain": "https://acme.example",         the trust domain
 *      "roots": [{"kty": "OKP", …}],             its pinned root keys
 *      "resource": "files:site",                 the one resource that it changes …
 *      "folder": "site",                         … and where that is
 *      "used": "used"}                           the tokens that were used
 */

import { lstatSync, mkdirSync, readFileSync, realpathSync, unlinkSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { Condition } from "./conditions.js";
import { isObject, type Json, JsonError, read } from "./json.js";
import { Key } from "./jws.js";
import { Operation, OperationError } from "./operation.js";
import { Refusal } from "./refusal.js";
import { FolderGuard } from "./replay.js";
import { Anchor } from "./trust.js";
import { type Plan, Verifier } from "./verify.js";

/** The conditions that `fit` keeps to; they are registered for this executor with the sidecar. */
const ENFORCES: ReadonlySet<string> = new Set(["canary", "dry_run"]);

interface Settings {
  readonly id: string;
  readonly domain: string;
  readonly roots: Json[];
  readonly resource: string;
  readonly folder: string;
  readonly used: string;
  readonly min_approvals?: number;
}

interface Grant {
  readonly token: string;
  readonly certificates: string[];
  readonly evidence: string[];
  readonly operation: string;
}

/** What is done to each target. */
type Steps = ReadonlyMap<string, () => string>;

/** An operation that this executor can't do, whoever allowed it. */
class Unfit extends Error {}

/** The resource: a folder, and what can be done in it. */
class Files {
  private readonly folder: string;

  constructor(
    private readonly resource: string,
    folder: string,
  ) {
    mkdirSync(folder, { recursive: true });
    this.folder = realpathSync(folder);
  }

  /** What the operation does to each of its targets, from its hashed bytes alone. Nothing is done yet. */
  steps({ action, resource, parameters }: Operation): Steps {
    if (resource !== this.resource) throw new Unfit(`no resource \`${resource}\` here`);
    const { path, text, version, targets } = parameters ?? {};
    const form = `${action} ${Object.keys(parameters ?? {}).sort().join(" ")}`;
    if (form === "files.write path text" && typeof path === "string" && typeof text === "string") {
      return new Map([[path, this.write(path, text)]]);
    }
    if (form === "files.delete path" && typeof path === "string") {
      return new Map([[path, this.delete(path)]]);
    }
    if (form === "deploy.release targets version" && typeof version === "string" && isList(targets)) {
      return new Map(targets.map(word).map((target) => [target, this.write(`${target}/VERSION`, version)]));
    }
    throw new Unfit(`no action \`${action}\` with these parameters`);
  }

  private write(path: string, text: string): () => string {
    const file = this.inside(path);
    return () => {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
      return `wrote ${path}`;
    };
  }

  private delete(path: string): () => string {
    const file = this.inside(path);
    return () => {
      unlinkSync(file);
      return `deleted ${path}`;
    };
  }

  private inside(path: string): string {
    const file = resolve(this.folder, path);
    if (!file.startsWith(`${this.folder}/`) || path.includes("\0")) throw new Unfit(`\`${path}\` is not in the folder`);
    for (let part = file; part !== this.folder; part = dirname(part)) {
      // A link may lead out of the folder, however the path looks.
      if (lstatSync(part, { throwIfNoEntry: false })?.isSymbolicLink()) throw new Unfit(`\`${path}\` has a link in it`);
    }
    return file;
  }
}

function isList(value: Json | undefined): value is Json[] {
  return Array.isArray(value) && value.length > 0;
}

function word(value: Json): string {
  if (typeof value === "string" && /^[^/\n]+$/.test(value)) return value;
  throw new Unfit("a target is a name");
}

/** The steps that are left under these conditions. */
function fit(steps: Steps, conditions: readonly Condition[]): Steps {
  let most = steps.size;
  for (const condition of conditions) {
    if (condition.type !== "canary") continue;
    const limit =
      "max_targets" in condition
        ? condition.max_targets
        : Math.max(1, Math.floor((steps.size * condition.max_percent) / 100));
    most = Math.min(most, limit);
  }
  return new Map([...steps].slice(0, most));
}

/** Verifies, then acts, on nothing but what was verified. */
async function execute(files: Files, verifier: Verifier, grant: Grant, everywhere: boolean): Promise<string[]> {
  let chosen: Steps = new Map();
  let dryRun = false;
  const plan: Plan = (operation, conditions) => {
    const steps = files.steps(operation);
    chosen = everywhere ? steps : fit(steps, conditions);
    dryRun = !everywhere && conditions.some((condition) => condition.type === "dry_run");
    return { targets: chosen.size, allTargets: steps.size, targetNames: [...chosen.keys()], dryRun };
  };
  const operation = Operation.fromOpBytes(Buffer.from(grant.operation));
  const evidence = grant.evidence.map((vote) => Buffer.from(vote));
  await verifier.verify({ token: grant.token, certificates: grant.certificates, operation, evidence }, plan);
  return [...chosen].map(([name, step]) => (dryRun ? `would do: ${name}` : step()));
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      /** Ignores canaries, to see the verifier refuse. */
      everywhere: { type: "boolean", default: false },
      /** As an executor from before there were conditions. */
      "knows-no-conditions": { type: "boolean", default: false },
    },
  });
  const [settingsFile, grantFile] = positionals;
  if (settingsFile === undefined || grantFile === undefined) {
    console.error("usage: executor [--everywhere] [--knows-no-conditions] SETTINGS GRANT");
    return 2;
  }
  const settings = load<Settings>(settingsFile);
  const here = dirname(settingsFile);
  try {
    const verifier = new Verifier({
      executor: settings.id,
      enforces: values["knows-no-conditions"] ? new Set() : ENFORCES,
      anchor: new Anchor(settings.domain, settings.roots.map((root) => Key.fromJwk(root))),
      guard: new FolderGuard(join(here, settings.used)),
      minApprovals: settings.min_approvals ?? 0,
    });
    const files = new Files(settings.resource, join(here, settings.folder));
    const done = await execute(files, verifier, load<Grant>(grantFile), values.everywhere);
    return say(0, { done });
  } catch (error) {
    if (error instanceof Refusal) {
      const { code, verdict, detail } = error;
      return say(verdict === "denied" ? 120 : 122, { refused: code, verdict, detail });
    }
    if (error instanceof JsonError || error instanceof OperationError) {
      return say(120, { refused: error.code, verdict: "denied", detail: "these bytes are no operation" });
    }
    return say(1, { failed: String(error) });
  }
}

function load<T>(path: string): T {
  const value = read(readFileSync(path));
  if (!isObject(value)) throw new Error(`\`${path}\` is not a JSON object`);
  return value as unknown as T;
}

function say(exitCode: number, answer: object): number {
  console.log(JSON.stringify(answer));
  return exitCode;
}

process.exitCode = await main();
