/** The outer form of all that Countersign signs: a compact JWS with a closed header; jose checks it (TOKEN §2). */

import { compactVerify, importJWK } from "jose";
import { isObject, type Json, JsonError, type JsonObject, type Limits, read } from "./json.js";
import { fromBase64url, sha256 } from "./operation.js";
import { Denied } from "./refusal.js";

export const MAX_TOKEN = 8 * 1024;
const HEADER: Limits = { size: 1024, depth: 4, members: 16 };
const CLAIMS: Limits = { size: MAX_TOKEN, depth: 8, members: 512 };
const LAST_SECOND = 253_402_300_799;
/** Printable ASCII without space, quote, backslash and comma. */
const NAME = /^[!#-+\--[\]-~]{1,256}$/;

/** An Ed25519 public key and the one algorithm name recorded for it. */
export class Key {
  /** The RFC 7638 thumbprint: what a header's `kid` holds. */
  readonly id: string;

  private constructor(
    readonly x: string,
    readonly alg: "EdDSA" | "Ed25519",
  ) {
    this.id = sha256(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`);
  }

  /** Reads a JWK; `beside` names members that may stand there and are not the key's. */
  static fromJwk(jwk: Json | undefined, beside: readonly string[] = []): Key {
    const { kty, crv, x, alg = "EdDSA", kid, use = "sig", ...others } = isObject(jwk) ? jwk : {};
    const point = typeof x === "string" ? fromBase64url(x) : undefined;
    const good =
      kty === "OKP" &&
      crv === "Ed25519" &&
      use === "sig" &&
      (alg === "EdDSA" || alg === "Ed25519") &&
      Object.keys(others).every((name) => beside.includes(name)) && // no private part above all
      point !== undefined &&
      isSoundPoint(point);
    if (!good) throw new Denied("key.unknown", "not a public Ed25519 key that can be trusted");
    const key = new Key(x as string, alg);
    if (kid !== undefined && kid !== key.id) throw new Denied("key.unknown", "`kid` is not the key's thumbprint");
    return key;
  }
}

/** A compact JWS whose form was checked and nothing else. */
export class Jws {
  private constructor(
    private readonly text: string,
    readonly alg: string,
    readonly kid: string,
    private readonly claimsBytes: Buffer,
    private readonly signature: Buffer,
  ) {}

  /** Steps 1 to 4, each with its code. */
  static parse(text: string, typ: string, most = MAX_TOKEN): Jws {
    if (Buffer.byteLength(text) > most) throw new Denied("malformed.size");
    // Checked as a whole before anything is split: a million dots cost one pass (CVE-2025-30204).
    if (!/^[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*$/.test(text)) throw new Denied("malformed.compact");
    const [header, claims, signature] = text.split(".").map(fromBase64url);
    if (header === undefined || claims === undefined || signature === undefined) throw new Denied("malformed.base64");
    const members = strict(header, HEADER, "malformed.header");
    const { alg, typ: found, kid, ...others } = members;
    if (Object.keys(others).length > 0) throw new Denied("header.unexpected");
    if (typeof alg !== "string" || typeof found !== "string" || typeof kid !== "string") {
      throw new Denied("malformed.header");
    }
    if (found !== typ) throw new Denied("type.mismatch", found);
    return new Jws(text, alg, kid, claims, signature);
  }

  /** Steps 7 and 8: the key's algorithm and no other, and the signature over the received bytes. */
  async verify(key: Key): Promise<void> {
    if (this.alg !== key.alg) throw new Denied("alg.mismatch", this.alg);
    try {
      const publicKey = await importJWK({ kty: "OKP", crv: "Ed25519", x: key.x }, key.alg);
      await compactVerify(this.text, publicKey, { algorithms: [key.alg] });
    } catch {
      throw new Denied("signature.invalid");
    }
    if (Y_OF_SMALL_ORDER.includes(yOf(this.signature.subarray(0, 32)))) {
      throw new Denied("signature.invalid", "its commitment has a small order");
    }
  }

  /** The claims, a closed set: all of the required ones and none beside the optional ones. */
  claims(required: readonly string[], optional: readonly string[] = [], limits: Limits = CLAIMS): JsonObject {
    const claims = strict(this.claimsBytes, limits, "malformed.claims");
    const unexpected = Object.keys(claims).find((name) => !required.includes(name) && !optional.includes(name));
    if (unexpected !== undefined) throw new Denied("claim.unexpected", unexpected);
    return closed(claims, required, optional);
  }
}

function strict(bytes: Buffer, limits: Limits, code: string): JsonObject {
  try {
    const value = read(bytes, limits);
    if (isObject(value)) return value;
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw new Denied(code, error.message);
  }
  throw new Denied(code, "not an object");
}

/** An object with all of the required members and none beside the optional ones. */
export function closed(
  value: Json | undefined,
  required: readonly string[],
  optional: readonly string[] = [],
): JsonObject {
  if (!isObject(value)) throw wrong();
  const complete = required.every((name) => name in value);
  const known = Object.keys(value).every((name) => required.includes(name) || optional.includes(name));
  if (!complete || !known) throw wrong();
  return value;
}

export function text(value: Json | undefined): string {
  if (typeof value === "string") return value;
  throw wrong();
}

export function name(value: Json | undefined): string {
  if (NAME.test(text(value))) return text(value);
  throw wrong();
}

export function whole(value: Json | undefined, most = Number.MAX_SAFE_INTEGER): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= most) return value;
  throw wrong();
}

export function second(value: Json | undefined): number {
  return whole(value, LAST_SECOND);
}

export function digest(value: Json | undefined): string {
  if (fromBase64url(text(value))?.length === 32) return text(value);
  throw wrong();
}

export function randomId(value: Json | undefined, prefix = ""): string {
  const id = text(value);
  if (id.startsWith(prefix) && fromBase64url(id.slice(prefix.length))?.length === 16) return id;
  throw wrong();
}

export function many(value: Json | undefined): Json[] {
  if (Array.isArray(value)) return value;
  throw wrong();
}

export function some(value: Json | undefined): Json[] {
  if (many(value).length > 0) return many(value);
  throw wrong();
}

function wrong(): Denied {
  return new Denied("malformed.claims", "a claim has a wrong value");
}

const P = 2n ** 255n - 19n;
const Y_OF_ORDER_8 = 0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n;

const Y_OF_SMALL_ORDER = [0n, 1n, P - 1n, Y_OF_ORDER_8, P - Y_OF_ORDER_8];

function yOf(encoded: Buffer): bigint {
  return BigInt(`0x${Buffer.from(encoded).reverse().toString("hex")}`) & (2n ** 255n - 1n);
}

/** A point of the curve, canonically encoded, and of large order: small ones verify for many messages. */
function isSoundPoint(encoded: Buffer): boolean {
  if (encoded.length !== 32) return false;
  const y = yOf(encoded);
  if (y >= P || Y_OF_SMALL_ORDER.includes(y)) return false;
  // x² = (y² − 1) ÷ (dy² + 1) with d = −121665 ÷ 121666, so it is a square where numerator × denominator is one.
  const numerator = 121666n * (y * y - 1n);
  const denominator = 121666n - 121665n * y * y;
  return power(numerator * denominator, (P - 1n) / 2n) === 1n;
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let square = ((base % P) + P) % P, rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % P;
    square = (square * square) % P;
  }
  return result;
}
