/**
 * What jose and fast-jwt alone, without the wrapper, make of a token: `node dist/stock.js executor.json grant.json`.
 *
 * The audience is the one string that every stock library compares, so it names executor and operation, and says
 * whether there are conditions (TOKEN §4). Whoever can't form it is refused.
 */

import { createHash, createPublicKey, type JsonWebKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { createVerifier, TokenError } from "fast-jwt";
import { errors, importJWK, type JWK, jwtVerify } from "jose";

interface Settings {
  readonly id: string;
  readonly domain: string;
  readonly roots: JWK[];
}

interface Grant {
  readonly token: string;
  readonly certificates: string[];
  readonly operation: string;
  readonly conditions: unknown[];
}

/** One ordinary call: the claims, or undefined if the audience is another. */
type Decode = (token: string, jwk: JWK, issuer: string, audience?: string) => Promise<Certificate | undefined>;

interface Certificate {
  readonly cnf?: { readonly jwk: JWK };
}

const jose: Decode = async (token, jwk, issuer, audience) => {
  const typ = audience === undefined ? "countersign-keycert+jwt" : "countersign-authority+jwt";
  const key = await importJWK(jwk, "EdDSA");
  const aud = audience === undefined ? {} : { audience };
  try {
    const { payload } = await jwtVerify(token, key, { algorithms: ["EdDSA"], issuer, typ, ...aud });
    return payload as Certificate;
  } catch (error) {
    if (error instanceof errors.JWTClaimValidationFailed && error.claim === "aud") return undefined;
    throw error;
  }
};

const fastJwt: Decode = async (token, jwk, issuer, audience) => {
  const pem = createPublicKey({ key: jwk as JsonWebKey, format: "jwk" }).export({ type: "spki", format: "pem" });
  const aud = audience === undefined ? {} : { allowedAud: audience };
  const verify = createVerifier({ key: pem.toString(), algorithms: ["EdDSA"], allowedIss: issuer, ...aud });
  try {
    return verify(token) as Certificate;
  } catch (error) {
    const other = error instanceof TokenError && error.code === TokenError.codes.invalidClaimValue;
    if (other && error.message.includes("aud")) return undefined;
    throw error;
  }
};

/** The certificates from the root down, then the token. */
async function accepts(decode: Decode, settings: Settings, grant: Grant, audience: string): Promise<boolean> {
  let jwk = settings.roots[0]!;
  for (const certificate of grant.certificates) {
    jwk = (await decode(certificate, jwk, settings.domain))!.cnf!.jwk;
  }
  return (await decode(grant.token, jwk, settings.domain, audience)) !== undefined;
}

function digest(opBytes: string): string {
  return createHash("sha256").update("countersign/op/v1\n").update(opBytes).digest("base64url");
}

async function main(): Promise<number> {
  const load = <T>(path: string) => JSON.parse(readFileSync(path, "utf8")) as T;
  const [, , settingsFile = "", grantFile = ""] = process.argv;
  const settings = load<Settings>(settingsFile);
  const grant = load<Grant>(grantFile);
  const { id: me } = settings;
  const good = `${me}#op=${digest(grant.operation)}`;
  const marked = `${good};cond`;
  const [right, wrong] = grant.conditions.length > 0 ? [marked, good] : [good, marked];
  const expected: [audience: string, accepted: boolean][] = [
    [right, true],
    [wrong, false], // an executor that knows no conditions, or that thinks there are some
    [right.replace(me, `${me}2`), false],
    [right.replace(digest(grant.operation), digest(grant.operation.replace('"v":1', '"v":2'))), false],
    [me, false],
  ];
  let [passed, failed] = [0, 0];
  for (const [library, decode] of Object.entries({ jose, fastJwt })) {
    for (const [audience, accepted] of expected) {
      if ((await accepts(decode, settings, grant, audience)) === accepted) {
        passed += 1;
      } else {
        failed += 1;
        console.log(`${library}: \`${audience}\` should be ${accepted ? "accepted" : "refused"}`);
      }
    }
  }
  console.log(`${passed} passed, ${failed} failed`);
  return failed > 0 ? 1 : 0;
}

process.exitCode = await main();
