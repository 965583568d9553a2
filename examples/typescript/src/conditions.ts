/**
 * What must hold when an operation is executed: the closed registry of conditions (TOKEN §6).
 *
 * An unknown name, an unknown member, a value out of range or a fact that the executor does not present is a refusal.
 */

import { isObject, type Json } from "./json.js";
import { fromBase64url, sha256 } from "./operation.js";
import { Denied, Undetermined } from "./refusal.js";

/** What the executor says about this execution before it runs. What is absent can't meet a condition. */
export interface Facts {
  readonly targets?: number;
  readonly allTargets?: number;
  readonly targetNames?: readonly string[];
  readonly masked?: readonly string[];
  readonly rows?: number;
  readonly amount?: { readonly currency: string; readonly minor: number };
  readonly dryRun?: boolean;
  /** How many, in how many seconds. */
  readonly rate?: { readonly max: number; readonly perS: number };
  readonly rollbackS?: number;
  readonly consumedOnline?: boolean;
}

/** A condition of the registry, well-formed. */
export type Condition =
  | { readonly type: "canary"; readonly max_percent: number }
  | { readonly type: "canary"; readonly max_targets: number }
  | { readonly type: "time_window"; readonly from: number; readonly until: number }
  | { readonly type: "mask"; readonly fields: readonly string[] }
  | { readonly type: "row_limit"; readonly max: number }
  | { readonly type: "max_amount"; readonly currency: string; readonly minor: number }
  | { readonly type: "target_subset"; readonly sha256: string }
  | { readonly type: "dry_run" }
  | { readonly type: "rate"; readonly max: number; readonly per_s: number }
  | { readonly type: "rollback_within"; readonly s: number }
  | { readonly type: "online_consume" };

const LAST_SECOND = 253_402_300_799;
const MOST_NAMES = 100_000;

type Check = (value: Json | undefined) => boolean;
const whole =
  (least: number, most = Number.MAX_SAFE_INTEGER): Check =>
  (value) =>
    Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
const text =
  (pattern: RegExp): Check =>
  (value) =>
    typeof value === "string" && pattern.test(value);
const isField = text(/^[A-Za-z0-9_\-./*[\]$:@]{1,128}$/);
const fields: Check = (value) =>
  Array.isArray(value) && value.length > 0 && value.every(isField) && new Set(value).size === value.length;
const digest: Check = (value) => typeof value === "string" && fromBase64url(value)?.length === 32;

/** Each kind's possible sets of members. */
const REGISTRY: ReadonlyMap<string, readonly Readonly<Record<string, Check>>[]> = new Map([
  ["canary", [{ max_percent: whole(1, 100) }, { max_targets: whole(1) }]],
  ["time_window", [{ from: whole(0, LAST_SECOND), until: whole(0, LAST_SECOND) }]],
  ["mask", [{ fields }]],
  ["row_limit", [{ max: whole(1) }]],
  ["max_amount", [{ currency: text(/^[A-Z]{3}$/), minor: whole(0) }]],
  ["target_subset", [{ sha256: digest }]],
  ["dry_run", [{}]],
  ["rate", [{ max: whole(1), per_s: whole(1) }]],
  ["rollback_within", [{ s: whole(1) }]],
  ["online_consume", [{}]],
] as [string, Record<string, Check>[]][]);

export const KINDS: ReadonlySet<string> = new Set(REGISTRY.keys());

/** Reads the JSON form; refuses what is unknown or malformed. */
export function parseCondition(value: Json): Condition {
  if (!isObject(value) || typeof value["type"] !== "string") {
    throw new Denied("condition.malformed", "a condition is an object with its `type`");
  }
  const schemas = REGISTRY.get(value["type"]);
  if (schemas === undefined) throw new Denied("condition.unknown", value["type"]);
  const fits = schemas.some((schema) => {
    const names = Object.keys(schema);
    return names.length + 1 === Object.keys(value).length && names.every((name) => schema[name]!(value[name]));
  });
  const condition = value as unknown as Condition;
  if (!fits || (condition.type === "time_window" && condition.from >= condition.until)) {
    throw new Denied("condition.malformed", condition.type);
  }
  return condition;
}

/** Refuses an execution that breaks the condition, or about which too little is known. `now` in Unix seconds. */
export function checkCondition(condition: Condition, facts: Facts, now: number): void {
  if (!holds(condition, facts, now)) throw new Denied("condition.unmet", condition.type);
}

/** The digest of a set of target names; undefined where a name could be cut in two ways. */
export function targetDigest(names: readonly string[]): string | undefined {
  if (names.length === 0 || names.some((name) => name === "" || name.includes("\n"))) return undefined;
  const lines = [...new Set(names)].map((name) => Buffer.from(name)).sort(Buffer.compare);
  return sha256("countersign/targets/v1\n", ...lines.flatMap((line) => [line, "\n"]));
}

function holds(condition: Condition, facts: Facts, now: number): boolean {
  const known = <T>(fact: T | undefined): T => {
    if (fact === undefined) throw new Undetermined("undetermined.condition", condition.type);
    return fact;
  };
  switch (condition.type) {
    case "canary": {
      const targets = known(reached(facts));
      if ("max_targets" in condition) return targets <= condition.max_targets;
      // As integers of any size: a percentage of a large number is not exact in a double.
      return BigInt(targets) * 100n <= BigInt(known(facts.allTargets)) * BigInt(condition.max_percent);
    }
    case "time_window":
      return condition.from <= now && now < condition.until;
    case "mask": {
      const masked = known(facts.masked);
      return condition.fields.every((field) => masked.includes(field));
    }
    case "row_limit":
      return known(facts.rows) <= condition.max;
    case "max_amount": {
      const { currency, minor } = known(facts.amount);
      return currency === condition.currency && minor <= condition.minor;
    }
    case "target_subset": {
      const names = known(facts.targetNames);
      const counted = names.length <= MOST_NAMES && (facts.targets ?? names.length) === names.length;
      return counted && targetDigest(names) === condition.sha256;
    }
    case "dry_run":
      return known(facts.dryRun);
    case "rate": {
      const own = known(facts.rate);
      // In the span fit ⌈span ÷ own span⌉ of ours.
      const spans = (BigInt(condition.per_s) + BigInt(own.perS) - 1n) / BigInt(own.perS);
      return spans * BigInt(own.max) <= BigInt(condition.max);
    }
    case "rollback_within":
      return known(facts.rollbackS) <= condition.s;
    case "online_consume":
      return known(facts.consumedOnline);
  }
}

/** How many targets are reached; where number and names disagree, the larger. */
function reached(facts: Facts): number | undefined {
  if (facts.targetNames === undefined) return facts.targets;
  return Math.max(facts.targets ?? 0, facts.targetNames.length);
}
