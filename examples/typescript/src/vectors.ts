/**
 * Runs the project's vectors, and other people's, through this wrapper: `node dist/vectors.js`.
 *
 * Ours lie in ../../tests/vectors; others' are looked for in COUNTERSIGN_VECTORS, else in ../../../shared/vectors.
 */

import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { Facts } from "./conditions.js";
import { canonical, type Json, JsonError, PARAMETERS, read } from "./json.js";
import { Key } from "./jws.js";
import { Operation, OperationError } from "./operation.js";
import { Denied, Refusal, Undetermined } from "./refusal.js";
import { MemoryGuard, type ReplayGuard } from "./replay.js";
import { Anchor, readBundle, readRevocations } from "./trust.js";
import { type Assurance, type Claims, Verifier } from "./verify.js";

const OURS = resolve(import.meta.dirname, "../../../tests/vectors");
const OTHERS = process.env["COUNTERSIGN_VECTORS"] || resolve(OURS, "../../../shared/vectors");

/** A name, what must come out, and what makes it. */
type Check = readonly [name: string, expected: unknown, make: () => unknown];

async function main(): Promise<number> {
  let passed = 0;
  let failed = 0;
  for (const [name, expected, make] of checks()) {
    let found: unknown;
    try {
      found = await make();
    } catch (error) {
      const known = error instanceof JsonError || error instanceof OperationError || error instanceof Refusal;
      found = known ? error.code : error; // a crash is a failure of that vector and of no other
    }
    if (isDeepStrictEqual(found, expected)) {
      passed += 1;
    } else {
      failed += 1;
      console.log(name, "expected", expected, "found", found);
    }
  }
  console.log(`${passed} passed, ${failed} failed`);
  return failed > 0 || passed === 0 ? 1 : 0;
}

function* checks(): Generator<Check> {
  yield* tokens();
  yield* operations();
  if (existsSync(OTHERS)) {
    yield* jsonParsing();
    yield* jcs();
    yield* foreignTokens();
  } else if (process.env["CI"] !== undefined) {
    yield ["others' vectors", "a folder", () => `nothing at ${OTHERS}`];
  } else {
    console.log(`not run: others' vectors, nothing at ${OTHERS}`);
  }
}

function load<T>(...path: string[]): T {
  return JSON.parse(readFileSync(join(...path), "utf8")) as T;
}

interface Statement {
  readonly token: string;
  readonly certificates: string[];
  readonly last_seq: number | null;
}

/** One of our tokens; ../../tests/vectors/token/README.md says what each member means. */
interface TokenCase {
  readonly expect: string;
  readonly now: number | null;
  readonly executor: {
    readonly id: string;
    readonly plain: boolean;
    readonly conditions: string[];
    readonly trust_domain: string;
    readonly roots: Json[];
    readonly bundle: Statement | null;
    readonly bundle_required: boolean;
    readonly revocations: Statement | null;
    readonly revocations_max_age: number | null;
    readonly min_approvals: number;
    readonly min_assurance: Assurance;
    readonly max_life: number;
    readonly evidence_required: boolean;
    readonly log_policy?: string;
  };
  readonly presented: {
    readonly token: string;
    readonly certificates: string[];
    readonly operation: { action: string; resource: string; parameters?: string; payload_b64?: string };
    readonly facts: Record<string, unknown>;
    readonly proof: string | null;
    readonly evidence_b64: string[];
  };
  readonly consumed_before: boolean;
  readonly store: "unavailable" | "younger_than_token" | null;
}

function* tokens(): Generator<Check> {
  const files = readdirSync(join(OURS, "token")).filter((file) => file.endsWith(".json"));
  yield ["our token vectors", true, () => files.length > 0];
  for (const file of files.sort()) {
    const vector = load<TokenCase>(OURS, "token", file);
    // Log proofs are checked by the library only; an executor can't ask this verifier for them.
    if (vector.executor.log_policy !== undefined) continue;
    yield [file, vector.expect, () => verdict(vector)];
  }
}

/** What becomes of one of our tokens: `accept`, or the code. */
async function verdict(vector: TokenCase): Promise<string> {
  const { presented, now } = vector;
  const { action, resource, parameters, payload_b64: payload } = presented.operation;
  const operation =
    payload === undefined
      ? Operation.fromJson(action, resource, Buffer.from(parameters ?? ""))
      : Operation.fromPayload(action, resource, Buffer.from(payload, "base64url"));
  const memory = new MemoryGuard(vector.store === "younger_than_token" ? (now ?? 0) : 0, 0);
  const verifier = await verifierOf(vector, vector.store === "unavailable" ? UNAVAILABLE : memory);
  const facts = factsOf(presented.facts);
  const present = async () => {
    try {
      const evidence = presented.evidence_b64.map((vote) => Buffer.from(vote, "base64url"));
      const { token, certificates, proof } = presented;
      await verifier.verify({ token, operation, certificates, proof: proof ?? undefined, evidence }, () => facts);
      return "accept";
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const class_ = error.code.startsWith("undetermined.") ? "undetermined" : "denied";
      return error.verdict === class_ ? error.code : `${error.code} as ${error.verdict}`;
    }
  };
  const first = await present();
  if (first !== "accept") return first;
  const second = await present();
  if (second !== "replay") return "accepted twice";
  return vector.consumed_before ? second : first;
}

async function verifierOf({ executor: spec, now }: TokenCase, guard: ReplayGuard): Promise<Verifier> {
  const roots = spec.roots.map((root) => Key.fromJwk(read(Buffer.from(JSON.stringify(root)))));
  const anchor = new Anchor(spec.trust_domain, roots);
  // Every root has seen `last_seq`; a statement that can't be read is as good as none.
  const load = async <T>(
    statement: Statement | null,
    reader: (token: string, certificates: string[], seen: Map<string, number>) => Promise<T>,
  ): Promise<T | undefined> => {
    if (statement === null) return undefined;
    const seen = new Map(roots.map((root) => [root.id, statement.last_seq ?? 0]));
    return reader(statement.token, statement.certificates, seen).catch((error: unknown) => {
      if (error instanceof Undetermined) return undefined;
      throw error;
    });
  };
  const at = now ?? 1_795_258_921;
  const bundle = await load(spec.bundle, (token, certificates, seen) =>
    readBundle(token, { anchor, now: at, certificates, seen }),
  );
  const revocations = await load(spec.revocations, (token, certificates, seen) =>
    readRevocations(token, { anchor, now: at, certificates, seen, bundle }),
  );
  return new Verifier({
    executor: spec.id,
    enforces: spec.plain ? undefined : new Set(spec.conditions),
    anchor,
    guard,
    bundle,
    bundleRequired: spec.bundle_required || spec.bundle !== null,
    revocations,
    revocationsMaxAge: spec.revocations_max_age ?? undefined,
    minApprovals: spec.min_approvals,
    minAssurance: spec.min_assurance,
    maxLife: spec.max_life,
    checkEvidence: spec.evidence_required ? votesByDigest : undefined,
    clock: () => now ?? undefined,
  });
}

/** A record of used tokens that can't be written. */
const UNAVAILABLE: ReplayGuard = {
  consume: () => {
    throw new Undetermined("undetermined.replay_store");
  },
};

/** Evidence as far as the vectors go: for each approval a statement with the digest that the token names. */
function votesByDigest({ approvals }: Claims, evidence: readonly Uint8Array[]): void {
  if (evidence.length < approvals.length) throw new Denied("evidence.missing");
  const digests = evidence.map((vote) => createHash("sha256").update(vote).digest("base64url"));
  if (!approvals.every(({ vote }) => digests.includes(vote))) throw new Denied("evidence.invalid");
}

function factsOf(given: Record<string, unknown>): Facts {
  const camel = (name: string) => name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
  const facts = Object.entries(given).map(([name, value]) => [
    camel(name),
    name === "rate" ? factsOf(value as Record<string, unknown>) : value,
  ]);
  return Object.fromEntries(facts) as Facts;
}

interface OperationCase {
  readonly name: string;
  readonly action: string;
  readonly resource: string;
  readonly parameters?: string;
  readonly parameters_hex?: string;
  readonly payload_hex?: string;
  readonly op_bytes?: string;
  readonly digest?: string;
  readonly refused?: string;
}

function* operations(): Generator<Check> {
  const vectors = load<{ operations: OperationCase[]; op_bytes: { name: string; op_bytes: string; expect: string }[] }>(
    OURS,
    "operation/operations.json",
  );
  for (const vector of vectors.operations) {
    const expected = vector.refused ?? [vector.op_bytes, vector.digest];
    yield [`operation: ${vector.name}`, expected, () => operationForm(vector)];
  }
  for (const { name, op_bytes: text, expect } of vectors.op_bytes) {
    const make = () => (Operation.fromOpBytes(Buffer.from(text)).opBytes.toString() === text ? "accept" : "changed");
    yield [`op_bytes: ${name}`, expect, make];
  }
}

function operationForm({ action, resource, ...argument }: OperationCase): unknown {
  const parameters = Buffer.from(argument.parameters_hex ?? "", "hex");
  const operation =
    argument.payload_hex !== undefined
      ? Operation.fromPayload(action, resource, Buffer.from(argument.payload_hex, "hex"))
      : Operation.fromJson(action, resource, argument.parameters ? Buffer.from(argument.parameters) : parameters);
  const again = Operation.fromOpBytes(operation.opBytes);
  return [again.opBytes.toString(), operation.digest];
}

type Decisions = Record<"json-parsing" | "jcs/assay", Record<string, string>>;

/** JSONTestSuite: y must be read, n refused; where we are stricter, or may choose, our decision is listed. */
function* jsonParsing(): Generator<Check> {
  const decisions = load<Decisions>(OURS, "operation/third-party.json")["json-parsing"];
  const folder = join(OTHERS, "json-parsing/test_parsing");
  for (const file of readdirSync(folder).sort()) {
    const decision = decisions[file] ?? { y: "accept", n: "refuse" }[file.charAt(0)] ?? "a decision";
    yield [file, decision, () => parsed(readFileSync(join(folder, file)), decision)];
  }
}

function parsed(bytes: Buffer, decision: string): string {
  try {
    const value = read(bytes);
    return isDeepStrictEqual(read(Buffer.from(canonical(value))), value) ? "accept" : "changed";
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    return decision === "refuse" ? "refuse" : error.code;
  }
}

/** RFC 8785: the authors' triples, its own text, 10 000 numbers, and assay's vectors. */
function* jcs(): Generator<Check> {
  const folder = join(OTHERS, "jcs");
  const text = (...path: string[]) => readFileSync(join(folder, ...path), "utf8");
  const strict = (json: string) => canonical(read(Buffer.from(json), { ...PARAMETERS, size: 2 ** 30 }));
  // RFC 8785's example has a number with more digits than a double holds; the double's own are taken.
  const form = (json: string) => strict(json.replace("333333333.33333329", "333333333.3333333"));
  for (const file of readdirSync(join(folder, "input"))) {
    yield [`jcs ${file}`, text("output", file), () => form(text("input", file))];
  }
  for (const name of ["rfc_example", "rfc_sorting"]) {
    const [input, expected] = ["input", "expected"].map((kind) => text("rfc8785-text", `${name}.${kind}.json`));
    yield [`jcs ${name}`, expected, () => form(input!)];
  }
  for (const line of text("es6numbers-10k.txt").trimEnd().split("\n")) {
    const [bits = "", expected = ""] = line.split(",");
    const double = Buffer.from(bits.padStart(16, "0"), "hex").readDoubleBE();
    yield [`es6 ${bits}`, expected, () => canonical(double)];
    yield [`es6 ${expected}`, expected, () => strict(expected)];
  }
  const stricter = load<Decisions>(OURS, "operation/third-party.json")["jcs/assay"];
  const vectors = load<Record<string, { input: string; expected: string }>>(folder, "assay/rfc8785.json");
  for (const [name, { input, expected }] of Object.entries(vectors)) {
    if (name !== "_about") yield [`assay ${name}`, stricter[name] ?? expected, () => strict(input)];
  }
}

/** JWTs of other profiles, most of them with good EdDSA signatures: none of them is ours. */
function* foreignTokens(): Generator<Check> {
  const folder = join(OTHERS, "jose-eddsa/opena2a-aap");
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".jwt"))) {
    const token = readFileSync(join(folder, file), "utf8").trim();
    yield [file, "refused", () => foreign(token, "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")];
  }
  const corpus = load<{ x: string; tests: { name: string; token: string }[] }>(OTHERS, "jwt-attacks/corpus.json");
  for (const { name, token } of corpus.tests) {
    yield [`jwt-attacks ${name}`, "refused", () => foreign(token, corpus.x)];
  }
}

async function foreign(token: string, x: string): Promise<string> {
  const root = Key.fromJwk(read(Buffer.from(`{"kty":"OKP","crv":"Ed25519","x":"${x}"}`)));
  const anchor = new Anchor("https://acme.example", [root]);
  const guard = new MemoryGuard(0);
  const verifier = new Verifier({ executor: "https://exec.example", enforces: new Set(), anchor, guard });
  const operation = Operation.fromJson("a", "r", Buffer.from("{}"));
  try {
    await verifier.verify({ token, operation }, () => ({}));
    return "accepted";
  } catch (error) {
    if (error instanceof Denied) return "refused";
    throw error;
  }
}

process.exitCode = await main();
