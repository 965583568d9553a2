/** The verifier: every step of TOKEN §7 in its order, each refusal with its stable code. */

import { timingSafeEqual } from "node:crypto";
import { checkCondition, type Condition, type Facts, parseCondition } from "./conditions.js";
import type { Json, Limits } from "./json.js";
import { closed, digest, Jws, Key, name, randomId, second, some, text, whole } from "./jws.js";
import type { Operation } from "./operation.js";
import { Denied, Refusal, Undetermined } from "./refusal.js";
import type { ReplayGuard } from "./replay.js";
import { type Anchor, type Bundle, type Chain, type Revocations, SKEW } from "./trust.js";

export const MAX_LIFE = 3600;
const ASSURANCES = ["channel", "session", "signed"] as const;
const PROOF: Limits = { size: 4096, depth: 4, members: 16 };
const PROOF_AGE = 60;

export type Assurance = (typeof ASSURANCES)[number];

/** One person's agreement. */
export interface Approval {
  readonly person: string;
  readonly seats: readonly string[];
  readonly at: number;
  readonly assurance: Assurance;
  readonly vote: string;
}

/** What a token says: a closed set. */
export interface Claims {
  readonly issuer: string;
  readonly agent: string;
  readonly onBehalfOf: string | undefined;
  readonly audience: string;
  readonly issuedAt: number;
  readonly notBefore: number;
  readonly expiresAt: number;
  readonly jti: string;
  readonly txn: string;
  readonly holder: Key | undefined;
  readonly version: number;
  readonly operation: string;
  readonly policy: string;
  readonly risk: number;
  readonly conditions: readonly Json[];
  readonly approvals: readonly Approval[];
  readonly log: { readonly origin: string; readonly index: number };
}

/** What an executor was given beside the operation's bytes, which alone it acts on. */
export interface Presented {
  readonly token: string;
  readonly operation: Operation;
  /** The issuer's, then the sidecar's; none where a trust bundle lists the sidecar's key. */
  readonly certificates?: readonly string[];
  /** The proof of possession, where the token's `cnf` asks for one. */
  readonly proof?: string | undefined;
  /** The reviewers' signed votes. */
  readonly evidence?: readonly Uint8Array[];
}

/** An operation that may be executed now, once. */
export interface Verified {
  readonly operation: Operation;
  readonly claims: Claims;
  readonly conditions: readonly Condition[];
}

/** Decides how the operation would be executed under these conditions and says so. It must not act yet. */
export type Plan = (operation: Operation, conditions: readonly Condition[]) => Facts | Promise<Facts>;

/** What a verifier is told: whom to trust, for which executor, and how much that executor asks for. */
export interface Settings {
  readonly executor: string;
  /** The conditions that this executor keeps to; undefined for one that takes a fixed audience and none. */
  readonly enforces: ReadonlySet<string> | undefined;
  readonly anchor: Anchor;
  readonly guard: ReplayGuard;
  readonly bundle?: Bundle | undefined;
  readonly bundleRequired?: boolean;
  readonly revocations?: Revocations | undefined;
  /** Seconds; without a snapshot of at most this age no token is judged. */
  readonly revocationsMaxAge?: number | undefined;
  readonly minApprovals?: number;
  readonly minAssurance?: Assurance;
  /** Seconds, at most 3600. */
  readonly maxLife?: number;
  /** Checks the reviewers' own signatures, where this executor demands them. */
  readonly checkEvidence?: ((claims: Claims, evidence: readonly Uint8Array[]) => void) | undefined;
  /** Unix seconds, or undefined while the clock can't be trusted. */
  readonly clock?: () => number | undefined;
}

/** Verifies tokens for one executor. */
export class Verifier {
  private readonly clock: () => number | undefined;

  constructor(private readonly settings: Settings) {
    this.clock = settings.clock ?? (() => Date.now() / 1000);
  }

  /** Verifies a token and consumes it. Throws `Denied` or `Undetermined`; either means: do not act. */
  async verify(presented: Presented, plan: Plan): Promise<Verified> {
    const clock = this.clock();
    const { operation } = presented;
    const jws = Jws.parse(presented.token, "countersign-authority+jwt");
    this.checkBundle(clock);
    const chain = await this.chain(jws.kid, presented.certificates ?? [], clock);
    await jws.verify(chain.last("authority", jws.kid)!);
    const claims = readClaims(jws);
    if (claims.version !== 1) throw new Denied("version.unsupported");
    this.checkScope(claims, chain);
    if (claims.audience !== this.audience(operation, claims.conditions.length > 0)) {
      throw new Denied("audience.mismatch");
    }
    const now = this.checkTimes(claims, clock);
    // Both are 43 characters: `readClaims` saw to it.
    if (!timingSafeEqual(Buffer.from(claims.operation), Buffer.from(operation.digest))) {
      throw new Denied("operation.mismatch");
    }
    this.checkApprovals(claims);
    const conditions = claims.conditions.map((value) => this.condition(value));
    const facts = await plan(operation, conditions);
    for (const condition of conditions) checkCondition(condition, facts, now);
    await checkPossession(claims, presented.proof, now);
    this.checkRevocations(claims, chain, now);
    this.checkEvidence(claims, presented.evidence ?? []);
    this.consume(claims);
    return { operation, claims, conditions };
  }

  private checkBundle(now: number | undefined): void {
    const { bundle, bundleRequired = false } = this.settings;
    if (bundle === undefined && bundleRequired) throw new Undetermined("undetermined.bundle", "there is none");
    if (bundle !== undefined && now !== undefined && now >= bundle.expiresAt) {
      throw new Undetermined("undetermined.bundle", "it has expired");
    }
  }

  private async chain(kid: string, certificates: readonly string[], now: number | undefined): Promise<Chain> {
    const { anchor, bundle } = this.settings;
    let chain = bundle?.authorities.get(kid);
    try {
      chain ??= await anchor.chain(certificates, bundle?.issuers);
    } catch (error) {
      throw error instanceof Refusal ? new Denied("key.unknown", error.message) : error;
    }
    if (chain?.last("authority", kid) === undefined) throw new Denied("key.unknown");
    if (chain.ids.some((id) => bundle?.revoked.has(id))) throw new Denied("key.revoked");
    if (now !== undefined && !chain.covers(now)) throw new Denied("key.expired");
    return chain;
  }

  private checkScope(claims: Claims, chain: Chain): void {
    if (!chain.covers(claims.issuedAt)) throw new Denied("key.expired");
    if (claims.issuer !== this.settings.anchor.domain) throw new Denied("issuer.mismatch");
    const [executor = ""] = claims.audience.split("#");
    if (!chain.permits(claims.agent, executor, claims.expiresAt - claims.issuedAt)) throw new Denied("key.scope");
  }

  /** Who computes no digest can't form this, and who knows no conditions never adds `;cond` (TOKEN §4). */
  private audience(operation: Operation, conditional: boolean): string | undefined {
    const { executor, enforces } = this.settings;
    if (enforces === undefined) return conditional ? undefined : executor;
    return `${executor}#op=${operation.digest}${conditional ? ";cond" : ""}`;
  }

  private checkTimes(claims: Claims, now: number | undefined): number {
    if (now === undefined) throw new Undetermined("undetermined.clock");
    if (claims.issuedAt > now + SKEW) throw new Denied("time.future");
    if (claims.notBefore > now + SKEW) throw new Denied("time.not_yet");
    if (now >= claims.expiresAt) throw new Denied("time.expired");
    const life = claims.expiresAt - claims.issuedAt;
    if (life <= 0 || life > Math.min(this.settings.maxLife ?? MAX_LIFE, MAX_LIFE)) throw new Denied("time.ttl");
    return now;
  }

  private checkApprovals({ approvals, agent, onBehalfOf }: Claims): void {
    const { minApprovals = 0, minAssurance = "channel" } = this.settings;
    const people = new Set(approvals.map((approval) => approval.person));
    if (people.size !== approvals.length) throw new Denied("approval.duplicate");
    if (people.has(agent) || (onBehalfOf !== undefined && people.has(onBehalfOf))) throw new Denied("approval.self");
    const rank = (assurance: Assurance) => ASSURANCES.indexOf(assurance);
    const counted = approvals.filter((approval) => rank(approval.assurance) >= rank(minAssurance));
    if (counted.length < minApprovals) throw new Denied("approval.insufficient");
  }

  private condition(value: Json): Condition {
    const condition = parseCondition(value);
    if (!this.settings.enforces?.has(condition.type)) throw new Denied("condition.unknown", condition.type);
    return condition;
  }

  private checkRevocations(claims: Claims, chain: Chain, now: number): void {
    const { revocations: snapshot, revocationsMaxAge: maxAge } = this.settings;
    if (snapshot === undefined) {
      if (maxAge !== undefined) throw new Undetermined("undetermined.revocation", "there is no snapshot");
      return;
    }
    // What a stale snapshot revokes is still revoked; what it does not is unknown.
    const listed =
      snapshot.tokens.has(claims.jti) || snapshot.decisions.has(claims.txn) || snapshot.agents.has(claims.agent);
    if (listed || chain.ids.some((id) => snapshot.keys.has(id)) || claims.issuedAt < snapshot.notBefore) {
      throw new Denied("revoked");
    }
    const tooOld = maxAge !== undefined && now - snapshot.issuedAt > maxAge;
    if (tooOld || now >= snapshot.expiresAt) {
      throw new Undetermined("undetermined.revocation", "the snapshot is too old");
    }
  }

  private checkEvidence(claims: Claims, evidence: readonly Uint8Array[]): void {
    const { checkEvidence } = this.settings;
    if (checkEvidence === undefined) return;
    // Else whoever holds the sidecar's key could leave the approvals out.
    if (claims.approvals.length === 0) throw new Denied("evidence.missing", "nobody approved");
    checkEvidence(claims, evidence);
  }

  private consume({ issuer, jti, issuedAt, expiresAt }: Claims): void {
    const now = this.clock(); // planning and checking may have taken a while
    if (now === undefined) throw new Undetermined("undetermined.clock");
    if (now >= expiresAt) throw new Denied("time.expired");
    this.settings.guard.consume({ issuer, jti, issuedAt, expiresAt }, now);
  }
}

const REQUIRED = "aud cs_log cs_op cs_pol cs_risk cs_v exp iat iss jti nbf sub txn".split(" ");
const OPTIONAL = ["act", "cnf", "cs_appr", "cs_cond"];

function readClaims(jws: Jws): Claims {
  const claims = jws.claims(REQUIRED, OPTIONAL);
  const { act, cnf, cs_appr: approvals, cs_cond: conditions } = claims;
  const log = closed(claims["cs_log"], ["index", "origin"]);
  return {
    issuer: name(claims["iss"]),
    agent: name(claims["sub"]),
    onBehalfOf: act === undefined ? undefined : name(closed(act, ["sub"])["sub"]),
    audience: text(claims["aud"]),
    issuedAt: second(claims["iat"]),
    notBefore: second(claims["nbf"]),
    expiresAt: second(claims["exp"]),
    jti: randomId(claims["jti"]),
    txn: randomId(claims["txn"], "txn_"),
    holder: cnf === undefined ? undefined : readHolder(cnf),
    version: whole(claims["cs_v"]),
    operation: digest(claims["cs_op"]),
    policy: digest(claims["cs_pol"]),
    risk: whole(claims["cs_risk"], 1000),
    conditions: conditions === undefined ? [] : some(conditions),
    approvals: approvals === undefined ? [] : some(approvals).map(readApproval),
    log: { origin: name(log["origin"]), index: whole(log["index"]) },
  };
}

function readHolder(cnf: Json): Key {
  try {
    return Key.fromJwk(closed(cnf, ["jwk"])["jwk"]);
  } catch (error) {
    throw error instanceof Refusal ? new Denied("malformed.claims", `cnf: ${error.message}`) : error;
  }
}

function readApproval(value: Json): Approval {
  const members = closed(value, ["assurance", "at", "id", "seats", "vote"]);
  const assurance = ASSURANCES.find((known) => known === members["assurance"]);
  if (assurance === undefined) throw new Denied("malformed.claims", "cs_appr");
  return {
    person: name(members["id"]),
    seats: some(members["seats"]).map(name),
    at: second(members["at"]),
    assurance,
    vote: digest(members["vote"]),
  };
}

async function checkPossession(claims: Claims, proof: string | undefined, now: number): Promise<void> {
  const { holder } = claims;
  if (holder === undefined) return;
  if (proof === undefined) throw new Denied("pop.missing");
  try {
    const jws = Jws.parse(proof, "countersign-pop+jwt", PROOF.size);
    if (jws.kid !== holder.id) throw new Denied("key.unknown");
    await jws.verify(holder);
    const proven = jws.claims(["aud", "cs_op", "iat", "jti"], [], PROOF);
    const madeAt = second(proven["iat"]);
    const bound =
      proven["aud"] === claims.audience && proven["cs_op"] === claims.operation && proven["jti"] === claims.jti;
    if (!bound || madeAt > now + SKEW || now - madeAt > PROOF_AGE) {
      throw new Denied("pop.invalid", "for another token, or not fresh");
    }
  } catch (error) {
    throw error instanceof Refusal ? new Denied("pop.invalid", error.message) : error;
  }
}
