/**
 * Whom an executor trusts: pinned roots, and what leads from them to a sidecar's key (TOKEN §8).
 *
 * Either certificates beside the token (root → issuer → sidecar), or a signed trust bundle that lists the keys.
 */

import type { Json, JsonObject, Limits } from "./json.js";
import { closed, digest, Jws, Key, many, name, randomId, second, some, text, whole } from "./jws.js";
import { Denied, Refusal, Undetermined } from "./refusal.js";

export const SKEW = 30;
const DAY = 86_400;
const MAX_KEY_LIFE = { issuer: 400 * DAY, authority: DAY } as const;
const MAX_STATEMENT_LIFE = 7 * DAY;
const STATEMENT: Limits = { size: 1024 * 1024, depth: 8, members: 65_536 };
/** A name, or the beginning of one up to a separator, and `*`. */
const PATTERN = /^(?:\*|[!#-)+\--[\]-~]{0,254}[/:]\*|[!#-)+\--[\]-~]{1,256})$/;

export type KeyUse = keyof typeof MAX_KEY_LIFE;

/** A key, what it may sign, and for how long. */
export interface CertifiedKey {
  readonly key: Key;
  readonly use: KeyUse;
  readonly notBefore: number;
  readonly expiresAt: number;
  readonly agents: readonly string[];
  readonly audiences: readonly string[];
  readonly maxTtl: number;
}

function certifiedKey(key: Key, members: JsonObject, most: number): CertifiedKey {
  const scope = closed(members["cs_scope"], ["agents", "audiences", "max_ttl"]);
  const certified = {
    key,
    use: text(members["cs_use"]) as KeyUse,
    notBefore: second(members["nbf"]),
    expiresAt: second(members["exp"]),
    agents: some(scope["agents"]).map(pattern),
    audiences: some(scope["audiences"]).map(pattern),
    maxTtl: whole(scope["max_ttl"], 3600),
  };
  const life = certified.expiresAt - certified.notBefore;
  if (!["issuer", "authority"].includes(certified.use) || certified.maxTtl < 1 || life <= 0 || life > most) {
    throw new Denied("malformed.claims", "a key's use, scope or life");
  }
  return certified;
}

function pattern(value: Json): string {
  if (PATTERN.test(text(value))) return text(value);
  throw new Denied("malformed.claims", "a scope's pattern");
}

function matches(patterns: readonly string[], found: string): boolean {
  return patterns.some((p) => (p.endsWith("*") ? found.startsWith(p.slice(0, -1)) : found === p));
}

/** Keys of which each was certified by the one before, the first by a root. */
export class Chain {
  constructor(
    readonly root: string,
    readonly links: readonly CertifiedKey[] = [],
  ) {}

  /** The last key, if it has this use and id. */
  last(use: KeyUse, id: string): Key | undefined {
    const link = this.links.at(-1);
    return link?.use === use && link.key.id === id ? link.key : undefined;
  }

  with(link: CertifiedKey): Chain {
    return new Chain(this.root, [...this.links, link]);
  }

  covers(moment: number): boolean {
    return this.links.every((link) => link.notBefore <= moment + SKEW && moment < link.expiresAt);
  }

  permits(agent: string, executor: string, life: number): boolean {
    return this.links.every(
      (link) => matches(link.agents, agent) && matches(link.audiences, executor) && life <= link.maxTtl,
    );
  }

  get ids(): string[] {
    return [this.root, ...this.links.map((link) => link.key.id)];
  }
}

/** A trust domain and its pinned root keys; several while roots are rotated. */
export class Anchor {
  readonly roots: ReadonlyMap<string, Key>;

  constructor(
    readonly domain: string,
    roots: readonly Key[],
  ) {
    this.roots = new Map(roots.map((root) => [root.id, root]));
    if (roots.length === 0 || this.roots.size !== roots.length) throw new Error("pin at least one root, and each once");
  }

  /** Follows certificates: an issuer's, then a sidecar's. Where the issuer is known, the latter is enough. */
  async chain(certificates: readonly string[], issuers: readonly Chain[] = []): Promise<Chain | undefined> {
    if (certificates.length > 2) throw new Denied("key.unknown", "too many certificates");
    let chain: Chain | undefined;
    for (const certificate of certificates) {
      const jws = Jws.parse(certificate, "countersign-keycert+jwt");
      const root = chain === undefined ? this.roots.get(jws.kid) : undefined;
      if (root !== undefined) {
        chain = await this.certified(jws, new Chain(root.id), root, "issuer");
        continue;
      }
      const signer = (chain === undefined ? issuers : [chain]).find((c) => c.last("issuer", jws.kid) !== undefined);
      const key = signer?.last("issuer", jws.kid);
      if (signer === undefined || key === undefined) {
        throw new Denied("key.unknown", "a certificate by someone who can't give it");
      }
      chain = await this.certified(jws, signer, key, "authority");
    }
    return chain;
  }

  private async certified(jws: Jws, signer: Chain, key: Key, use: KeyUse): Promise<Chain> {
    await jws.verify(key);
    const claims = jws.claims(["cnf", "cs_scope", "cs_use", "cs_v", "exp", "iat", "iss", "nbf", "sub"]);
    name(claims["sub"]);
    second(claims["iat"]);
    const subject = Key.fromJwk(closed(claims["cnf"], ["jwk"])["jwk"]);
    const certified = certifiedKey(subject, claims, MAX_KEY_LIFE[use]);
    if (claims["cs_v"] !== 1 || claims["iss"] !== this.domain || certified.use !== use) {
      throw new Denied("key.unknown", "a certificate of another version, domain or use");
    }
    if (signer.ids.includes(subject.id) || this.roots.has(subject.id)) {
      throw new Denied("key.unknown", "a key that has another use already");
    }
    return signer.with(certified);
  }
}

/** What trust bundles and revocations have in common: signed, numbered, short-lived. */
interface Statement {
  /** Under `signer.root` the executor stores the highest `sequence` before it uses the statement. */
  readonly signer: Chain;
  readonly sequence: number;
  readonly issuedAt: number;
  readonly expiresAt: number;
}

/** The keys of a trust domain. */
export interface Bundle extends Statement {
  readonly authorities: ReadonlyMap<string, Chain>;
  readonly issuers: readonly Chain[];
  readonly revoked: ReadonlySet<string>;
}

/** What was revoked before it expired: tokens, decisions, agents, keys, all from before some moment. */
export interface Revocations extends Statement {
  readonly tokens: ReadonlySet<string>;
  readonly decisions: ReadonlySet<string>;
  readonly agents: ReadonlySet<string>;
  readonly keys: ReadonlySet<string>;
  readonly notBefore: number;
}

/** What a statement is read with. */
export interface Reading {
  readonly anchor: Anchor;
  /** Unix seconds. */
  readonly now: number;
  /** Those of the statement's signer. */
  readonly certificates?: readonly string[];
  /** The highest sequence number of each root so far, which the caller keeps in a file. */
  readonly seen?: ReadonlyMap<string, number>;
  /** For revocations: the bundle that may list their signer. */
  readonly bundle?: Bundle | undefined;
}

/** Reads a trust bundle; anything wrong with it refuses it whole. */
export async function readBundle(bundle: string, reading: Reading): Promise<Bundle> {
  return undeterminedUnless("undetermined.bundle", async () => {
    const { anchor } = reading;
    const [statement, claims] = await open(bundle, "countersign-bundle+jwt", ["keys", "revoked"], [], reading);
    const { signer } = statement;
    const revoked = new Set(many(claims["revoked"]).map(digest));
    const keys = many(claims["keys"]).map(listedKey);
    const ids = keys.map((key) => key.key.id);
    const own = (id: string) => signer.ids.includes(id);
    if (new Set(ids).size !== ids.length || ids.some((id) => own(id) || anchor.roots.has(id))) {
      throw new Denied("key.unknown", "it lists a key twice, or one that it is signed under");
    }
    if ([...revoked].some(own)) throw new Denied("key.unknown", "it revokes a key that it is signed under");
    if (signer.links.length > 0 && keys.some((key) => key.use === "issuer")) {
      throw new Denied("key.unknown", "only a root certifies issuers");
    }
    const chains = keys.map((key) => signer.with(key));
    const used = (use: KeyUse) => chains.filter((chain) => chain.links.at(-1)?.use === use);
    const authorities = new Map(used("authority").map((chain) => [chain.ids.at(-1)!, chain]));
    return { ...statement, authorities, issuers: used("issuer"), revoked };
  });
}

function listedKey(value: Json): CertifiedKey {
  const beside = ["cs_scope", "cs_use", "exp", "nbf"];
  const key = Key.fromJwk(value, beside);
  const members = closed(value, ["kty", "crv", "x", "kid", "alg", "use", ...beside]);
  return certifiedKey(key, members, MAX_KEY_LIFE.issuer);
}

/** Reads a snapshot of revocations; anything wrong with it refuses it whole. */
export async function readRevocations(revocations: string, reading: Reading): Promise<Revocations> {
  return undeterminedUnless("undetermined.revocation", async () => {
    const names = ["jti", "kid", "sub", "txn"];
    const typ = "countersign-revocations+jwt";
    const [statement, claims] = await open(revocations, typ, names, ["not_before"], reading);
    if (statement.signer.ids.some((id) => reading.bundle?.revoked.has(id))) throw new Denied("key.revoked");
    return {
      ...statement,
      tokens: new Set(many(claims["jti"]).map((id) => randomId(id))),
      decisions: new Set(many(claims["txn"]).map((id) => randomId(id, "txn_"))),
      agents: new Set(many(claims["sub"]).map(name)),
      keys: new Set(many(claims["kid"]).map(digest)),
      notBefore: "not_before" in claims ? second(claims["not_before"]) : 0,
    };
  });
}

async function open(
  statement: string,
  typ: string,
  required: readonly string[],
  optional: readonly string[],
  { anchor, now, certificates = [], seen, bundle }: Reading,
): Promise<[Statement, JsonObject]> {
  const jws = Jws.parse(statement, typ, STATEMENT.size);
  let signer: Chain | undefined;
  let key = anchor.roots.get(jws.kid);
  if (key !== undefined) {
    signer = new Chain(key.id);
  } else {
    const issuers = bundle?.issuers ?? [];
    const presented = await anchor.chain(certificates, issuers);
    signer = [presented, ...issuers].find((chain) => chain?.last("issuer", jws.kid) !== undefined);
    key = signer?.last("issuer", jws.kid);
  }
  if (signer === undefined || key === undefined) {
    throw new Denied("key.unknown", "signed neither by a root nor by an issuer that one certified");
  }
  if (!signer.covers(now)) throw new Denied("key.expired");
  await jws.verify(key);
  const claims = jws.claims(["cs_v", "exp", "iat", "iss", "seq", ...required], optional, STATEMENT);
  const [sequence, issuedAt, expiresAt] = [whole(claims["seq"]), second(claims["iat"]), second(claims["exp"])];
  if (claims["cs_v"] !== 1 || claims["iss"] !== anchor.domain) throw new Denied("issuer.mismatch");
  const life = expiresAt - issuedAt;
  if (life <= 0 || life > MAX_STATEMENT_LIFE) throw new Denied("time.ttl");
  if (issuedAt > now + SKEW || now >= expiresAt) throw new Denied("time.expired", "or from the future");
  if (sequence < (seen?.get(signer.root) ?? 0)) {
    throw new Denied("key.unknown", "rolled back: its sequence number is lower than one seen before");
  }
  return [{ signer, sequence, issuedAt, expiresAt }, claims];
}

async function undeterminedUnless<T>(code: string, good: () => Promise<T>): Promise<T> {
  try {
    return await good();
  } catch (error) {
    throw error instanceof Refusal ? new Undetermined(code, error.message) : error;
  }
}
