/** What someone proposes to do: its canonical bytes and the digest that a token binds (TOKEN §5). */

import { createHash } from "node:crypto";
import { canonical, isObject, JsonError, type Json, type JsonObject, type Limits, PARAMETERS, read } from "./json.js";

const LABEL = "countersign/op/v1\n";
const ENVELOPE: Limits = {
  size: PARAMETERS.size + 256 + 2 * 2048 + 128,
  depth: PARAMETERS.depth + 1,
  members: PARAMETERS.members + 4,
};
const ACTION = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;
const NOT_IN_RESOURCE = /[\p{Control}\p{Surrogate}\p{Noncharacter_Code_Point}]/u;

/** Something that is not an operation; `code` is stable. */
export class OperationError extends Error {
  constructor(readonly code: string) {
    super(code);
  }
}

/** An action on a resource, with parameters or with a payload of which only the SHA-256 is here. */
export class Operation {
  private constructor(
    readonly action: string,
    readonly resource: string,
    readonly opBytes: Buffer,
  ) {}

  /** An operation whose parameters are the text of a JSON object. */
  static fromJson(action: string, resource: string, parameters: Uint8Array): Operation {
    const value = read(parameters);
    if (!isObject(value)) throw new OperationError("operation.parameters_not_object");
    if (Buffer.byteLength(canonical(value)) > PARAMETERS.size) throw new JsonError("json.too_large");
    return Operation.of(action, resource, { parameters: value });
  }

  /** An operation whose argument is the exact bytes that the executor will receive. */
  static fromPayload(action: string, resource: string, payload: Uint8Array): Operation {
    return Operation.of(action, resource, { payload_sha256: sha256(payload) });
  }

  /** Reads the canonical form, and nothing but it, byte for byte. */
  static fromOpBytes(bytes: Uint8Array): Operation {
    const value = read(bytes, ENVELOPE);
    if (!isObject(value)) throw new OperationError("operation.not_canonical");
    const { action, resource, parameters, payload_sha256: digest } = value;
    let operation: Operation | undefined;
    if (typeof action === "string" && typeof resource === "string") {
      if (parameters !== undefined && digest === undefined) {
        operation = Operation.fromJson(action, resource, Buffer.from(canonical(parameters)));
      } else if (parameters === undefined && typeof digest === "string" && fromBase64url(digest)?.length === 32) {
        operation = Operation.of(action, resource, { payload_sha256: digest });
      }
    }
    // Catches another order, space, another version and members that no operation has.
    if (operation === undefined || !operation.opBytes.equals(bytes)) {
      throw new OperationError("operation.not_canonical");
    }
    return operation;
  }

  private static of(action: string, resource: string, argument: JsonObject): Operation {
    if (action.length > 256 || !ACTION.test(action)) throw new OperationError("operation.action");
    const size = Buffer.byteLength(resource);
    if (size < 1 || size > 2048 || NOT_IN_RESOURCE.test(resource)) throw new OperationError("operation.resource");
    const bytes = Buffer.from(canonical({ action, ...argument, resource, v: 1 }));
    return new Operation(action, resource, bytes);
  }

  /** What a token and every vote on this operation bind: 43 characters. */
  get digest(): string {
    return sha256(LABEL, this.opBytes);
  }

  /** The parameters, parsed from the hashed bytes; undefined where there is a payload instead. */
  get parameters(): JsonObject | undefined {
    const value = this.member("parameters");
    return isObject(value) ? value : undefined;
  }

  /** Whether these are the bytes that the operation names by their SHA-256. */
  payloadMatches(payload: Uint8Array): boolean {
    return this.member("payload_sha256") === sha256(payload);
  }

  private member(name: string): Json | undefined {
    const value = read(this.opBytes, ENVELOPE);
    return isObject(value) ? value[name] : undefined;
  }
}

/** The SHA-256 of the parts, one after the other, in base64url. */
export function sha256(...parts: (Uint8Array | string)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("base64url");
}

/** Reads unpadded base64url strictly: no padding, no other alphabet, unused bits zero. */
export function fromBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64url");
  return bytes.toString("base64url") === text ? bytes : undefined;
}
