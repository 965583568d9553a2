/**
 * Strict JSON and its RFC 8785 canonical form: what the digest of an operation is made of (TOKEN §5).
 *
 * `JSON.parse` keeps the last of two equal names, rounds numbers and takes lone surrogates, so that two different
 * texts could look alike to a reviewer and to an executor. This reader refuses them, each by a stable code.
 */

export type Json = null | boolean | number | string | Json[] | JsonObject;
/** Without a prototype, so that no name (`__proto__`, `constructor`) means anything. */
export type JsonObject = { [name: string]: Json };

export interface Limits {
  readonly size: number;
  readonly depth: number;
  readonly members: number;
}

export const PARAMETERS: Limits = { size: 256 * 1024, depth: 32, members: 4096 };

/** A text that is not JSON that can be hashed unambiguously; `code` is stable, `at` counts UTF-16 units. */
export class JsonError extends Error {
  constructor(
    readonly code: string,
    readonly at = 0,
  ) {
    super(`${code} at character ${at}`);
  }
}

/** Reads one JSON value; throws `JsonError` for whatever two programs could understand differently. */
export function read(bytes: Uint8Array, limits: Limits = PARAMETERS): Json {
  if (bytes.length > limits.size) throw new JsonError("json.too_large", limits.size);
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) throw new JsonError("json.byte_order_mark");
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new JsonError("json.not_utf8");
  }
  return new Reader(text, limits).whole();
}

/** The RFC 8785 form: JavaScript's own number and string formats, its own (UTF-16) order of names. */
export function canonical(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (isObject(value)) {
    const names = Object.keys(value).sort();
    return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value[name]!)}`).join(",")}}`;
  }
  if (typeof value === "number" && !Number.isFinite(value)) throw new JsonError("json.number_out_of_range");
  return JSON.stringify(value);
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const NUMBER = /(-?)(0|[1-9][0-9]*)(?![0-9])(?:\.([0-9]+)(?![0-9])|(?!\.))(?:[eE]([+-]?[0-9]+)|(?![eE]))/y;
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const SPACE = /[ \t\r\n]*/y;
const HEX = /[0-9A-Fa-f]{4}/y;
const NONCHARACTER = /\p{Noncharacter_Code_Point}/u;
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ["\\", "\\"],
  ["/", "/"],
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
]);
const WORDS: readonly [string, Json][] = [
  ["true", true],
  ["false", false],
  ["null", null],
];

class Reader {
  private at = 0;
  private depthLeft: number;
  private membersLeft: number;

  constructor(
    private readonly text: string,
    limits: Limits,
  ) {
    this.depthLeft = limits.depth;
    this.membersLeft = limits.members;
  }

  whole(): Json {
    const value = this.value();
    this.take(SPACE);
    if (this.at !== this.text.length) throw new JsonError("json.trailing", this.at);
    return value;
  }

  private value(): Json {
    this.take(SPACE);
    const first = this.peek();
    if (first === "{") return this.object();
    if (first === "[") return this.array();
    if (first === '"') return this.string();
    if (first === "t" || first === "f" || first === "n") return this.word();
    if (first !== "" && "-0123456789".includes(first)) return this.number();
    throw this.unexpected();
  }

  private object(): JsonObject {
    this.open();
    const members: JsonObject = Object.create(null);
    for (let first = true; this.more("}", first); first = false) {
      this.take(SPACE);
      const at = this.at;
      if (this.peek() !== '"') throw this.unexpected();
      if (this.membersLeft-- === 0) throw new JsonError("json.too_many_members", at);
      const name = this.string();
      if (name in members) throw new JsonError("json.duplicate_name", at);
      this.take(SPACE);
      if (this.peek() !== ":") throw this.unexpected();
      this.at += 1;
      members[name] = this.value();
    }
    return members;
  }

  private array(): Json[] {
    this.open();
    const elements: Json[] = [];
    while (this.more("]", elements.length === 0)) elements.push(this.value());
    return elements;
  }

  private open(): void {
    if (this.depthLeft === 0) throw new JsonError("json.too_deep", this.at);
    this.depthLeft -= 1;
    this.at += 1;
  }

  private more(close: string, first: boolean): boolean {
    this.take(SPACE);
    if (this.peek() === close) {
      this.at += 1;
      this.depthLeft += 1;
      return false;
    }
    if (!first) {
      if (this.peek() !== ",") throw this.unexpected();
      this.at += 1;
    }
    return true;
  }

  private word(): Json {
    for (const [word, value] of WORDS) {
      if (this.text.startsWith(word, this.at)) {
        this.at += word.length;
        return value;
      }
    }
    const rest = this.text.slice(this.at, this.at + 5);
    const cut = WORDS.some(([word]) => word.startsWith(rest));
    throw new JsonError(cut ? "json.truncated" : "json.unexpected", this.at);
  }

  private number(): number {
    const at = this.at;
    const literal = this.take(NUMBER);
    if (literal === null) throw new JsonError("json.bad_number", at);
    return exact(literal, at);
  }

  private string(): string {
    this.at += 1;
    let text = "";
    for (;;) {
      text += this.plain();
      const next = this.peek();
      if (next === '"') {
        this.at += 1;
        return text;
      }
      if (next === "") throw new JsonError("json.truncated", this.at);
      if (next !== "\\") throw new JsonError("json.control_character", this.at);
      text += this.escape();
    }
  }

  private plain(): string {
    const start = this.at;
    const text = this.take(PLAIN)?.[0] ?? "";
    const bad = text.search(NONCHARACTER);
    if (bad >= 0) throw new JsonError("json.noncharacter", start + bad);
    return text;
  }

  private escape(): string {
    const kind = this.text.slice(this.at + 1, this.at + 2);
    if (kind === "u") return this.unicodeEscape();
    const character = ESCAPES.get(kind);
    if (character === undefined) throw new JsonError(kind === "" ? "json.truncated" : "json.bad_escape", this.at);
    this.at += 2;
    return character;
  }

  private unicodeEscape(): string {
    const start = this.at;
    let code = this.codeUnit(start);
    this.at += 6;
    if (code >= 0xd800 && code < 0xdc00 && this.text.startsWith("\\u", this.at)) {
      const low = this.codeUnit(this.at);
      if (low >= 0xdc00 && low < 0xe000) {
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        this.at += 6;
      }
    }
    if (code >= 0xd800 && code < 0xe000) throw new JsonError("json.lone_surrogate", start);
    const character = String.fromCodePoint(code);
    if (NONCHARACTER.test(character)) throw new JsonError("json.noncharacter", start);
    return character;
  }

  private codeUnit(at: number): number {
    HEX.lastIndex = at + 2;
    const digits = HEX.exec(this.text);
    if (digits !== null) return Number.parseInt(digits[0], 16);
    throw new JsonError(this.text.length < at + 6 ? "json.truncated" : "json.bad_escape", at);
  }

  /** Matches here and moves on. */
  private take(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.at;
    const match = pattern.exec(this.text);
    if (match !== null) this.at = pattern.lastIndex;
    return match;
  }

  private peek(): string {
    return this.text.charAt(this.at);
  }

  private unexpected(): JsonError {
    return new JsonError(this.peek() === "" ? "json.truncated" : "json.unexpected", this.at);
  }
}

/** A literal's value: 0.digits × 10^magnitude, without zeros at either end of the digits. */
interface Decimal {
  readonly digits: string;
  readonly magnitude: number;
}

function decimal([, , whole = "", fraction = "", exponent = ""]: RegExpExecArray): Decimal {
  const all = whole + fraction;
  const digits = trimZerosLeft(all);
  return {
    digits: trimZerosRight(digits),
    // A number can be as inexact as it likes here: it is compared with a few hundred.
    magnitude: whole.length - (all.length - digits.length) + Number(exponent),
  };
}

/** The number, if the double next to it has the same decimal value. */
function exact(literal: RegExpExecArray, at: number): number {
  const { digits, magnitude } = decimal(literal);
  if (digits === "") {
    if (literal[1] === "-") throw new JsonError("json.negative_zero", at);
    return 0;
  }
  if (digits.length > 17) throw new JsonError("json.lossy_number", at);
  if (magnitude > 309) throw new JsonError("json.number_out_of_range", at);
  const double = Number(`${literal[1]}0.${digits}e${magnitude}`);
  if (!Number.isFinite(double)) throw new JsonError("json.number_out_of_range", at);
  NUMBER.lastIndex = 0;
  const written = decimal(NUMBER.exec(String(double))!);
  if (written.digits !== digits || written.magnitude !== magnitude) throw new JsonError("json.lossy_number", at);
  return double;
}

// Loops, because /0+$/ takes quadratic time on a long run of zeros that something follows.
function trimZerosLeft(text: string): string {
  let start = 0;
  while (text[start] === "0") start += 1;
  return text.slice(start);
}

function trimZerosRight(text: string): string {
  let end = text.length;
  while (text[end - 1] === "0") end -= 1;
  return text.slice(0, end);
}
