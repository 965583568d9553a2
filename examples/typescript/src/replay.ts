/**
 * Guards that let a token be used once: an atomic insert of its (`iss`, `jti`), last, before acting (TOKEN §7).
 *
 * Never of the token's text, which has more than one spelling. Nothing is evicted to make room.
 */

import { closeSync, fsyncSync, mkdirSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { sha256 } from "./operation.js";
import { Denied, Undetermined } from "./refusal.js";

/** Seconds for which a used token is remembered after it has expired. */
export const KEPT_AFTER_EXPIRY = 60;

/** One use of a token; times are Unix seconds. */
export interface TokenUse {
  readonly issuer: string;
  readonly jti: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
}

/** Remembers used tokens. */
export interface ReplayGuard {
  /** Records the use, or refuses: `replay` if it is recorded already, else `undetermined.replay_store`. */
  consume(token: TokenUse, now: number): void;
}

/** Remembers while the process lives, so it refuses tokens issued before that. */
export class MemoryGuard implements ReplayGuard {
  private readonly rememberedSince: number;
  private forgottenUntil = 0;
  private readonly used = new Map<string, number>();

  constructor(
    startedAt = Date.now() / 1000,
    // An issuer's clock may be ahead of ours, and its token from before the start look younger than it is.
    issuersAhead = 30,
    private readonly most = 100_000,
  ) {
    this.rememberedSince = startedAt + issuersAhead;
  }

  consume(token: TokenUse, now: number): void {
    const key = JSON.stringify([token.issuer, token.jti]);
    const keepUntil = token.expiresAt + KEPT_AFTER_EXPIRY;
    if (token.issuedAt < this.rememberedSince) throw unsure("issued before this executor started");
    if (this.used.has(key)) throw new Denied("replay");
    if (this.used.size >= this.most) this.forget(now);
    // Only if the clock was ahead once: then what should still be here is gone.
    if (keepUntil <= this.forgottenUntil) throw unsure("its entry may have been dropped");
    if (this.used.size >= this.most) throw unsure("full");
    this.used.set(key, keepUntil);
  }

  private forget(now: number): void {
    for (const [key, keepUntil] of this.used) if (keepUntil <= now) this.used.delete(key);
    this.forgottenUntil = Math.max(this.forgottenUntil, now);
  }
}

/**
 * Remembers in a folder that several processes of this machine may share: one empty file for each used token, whose
 * creation is atomic. File and folder are synced before anything may run. Nothing is ever deleted: remove the files
 * of a day when all its tokens have long expired.
 */
export class FolderGuard implements ReplayGuard {
  constructor(private readonly folder: string) {
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw unsure(String(error));
    }
  }

  consume(token: TokenUse): void {
    // A name of fixed form, whatever the issuer is called.
    const name = sha256(JSON.stringify([token.issuer, token.jti]));
    try {
      const file = openSync(join(this.folder, name), "wx", 0o600);
      try {
        writeSync(file, `${token.expiresAt}\n`);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      const folder = openSync(this.folder, "r");
      try {
        fsyncSync(folder);
      } finally {
        closeSync(folder);
      }
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "EEXIST") throw new Denied("replay");
      throw unsure(String(error));
    }
  }
}

function unsure(why: string): Undetermined {
  return new Undetermined("undetermined.replay_store", why);
}
