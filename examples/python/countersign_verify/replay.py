"""Guards that let a token be used once: an atomic insert of its (`iss`, `jti`), last, before acting (TOKEN §7).

Never of the token's text, which has more than one spelling. Nothing is evicted to make room.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from .refusal import Denied, Undetermined

KEPT_AFTER_EXPIRY = 60
"""Seconds for which a used token is remembered after it has expired."""


@dataclass(frozen=True)
class TokenUse:
    """One use of a token; times are Unix seconds."""

    issuer: str
    jti: str
    issued_at: int
    expires_at: int

    @property
    def keep_until(self) -> int:
        return self.expires_at + KEPT_AFTER_EXPIRY


class ReplayGuard(Protocol):
    """Remembers used tokens."""

    def consume(self, token: TokenUse, now: float) -> None:
        """Records the use, or refuses: `replay` if it is recorded already, else `undetermined.replay_store`."""


class MemoryGuard:
    """Remembers while the process lives, so it refuses tokens issued before that."""

    def __init__(self, started_at: float | None = None, issuers_ahead: float = 30, most: int = 100_000) -> None:
        # An issuer's clock may be ahead of ours, and its token from before the start look younger than it is.
        self._remembers_since = (time.time() if started_at is None else started_at) + issuers_ahead
        self._forgotten_until = 0.0
        self._most = most
        self._used: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()

    def consume(self, token: TokenUse, now: float) -> None:
        key = (token.issuer, token.jti)
        with self._lock:
            if token.issued_at < self._remembers_since:
                raise Undetermined("undetermined.replay_store", "issued before this executor started")
            if key in self._used:
                raise Denied("replay")
            if len(self._used) >= self._most:
                self._used = {other: until for other, until in self._used.items() if until > now}
                self._forgotten_until = max(self._forgotten_until, now)
            # Only if the clock was ahead once: then what should still be here is gone.
            if token.keep_until <= self._forgotten_until:
                raise Undetermined("undetermined.replay_store", "its entry may have been dropped")
            if len(self._used) >= self._most:
                raise Undetermined("undetermined.replay_store", "full")
            self._used[key] = token.keep_until


_SCHEMA = """
CREATE TABLE IF NOT EXISTS used (
    iss TEXT NOT NULL, jti TEXT NOT NULL, keep_until INTEGER NOT NULL, PRIMARY KEY (iss, jti)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS used_by_end ON used (keep_until);
CREATE TABLE IF NOT EXISTS forgotten (row INTEGER PRIMARY KEY CHECK (row = 1), until INTEGER NOT NULL);
INSERT OR IGNORE INTO forgotten VALUES (1, 0);
"""


class SqliteGuard:
    """Remembers in a file that several processes of this machine may share; synced before anything may run."""

    def __init__(self, path: Path | str) -> None:
        self._path = str(path)
        try:
            with closing(self._open()) as file:
                file.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise Undetermined("undetermined.replay_store", str(error)) from error

    def consume(self, token: TokenUse, now: float) -> None:
        try:
            with closing(self._open()) as file:
                file.execute("BEGIN IMMEDIATE")
                self._insert(file, token, int(now))
                file.execute("COMMIT")
        except sqlite3.IntegrityError:
            raise Denied("replay") from None
        except sqlite3.Error as error:  # locked for too long, damaged, disk full, read-only …
            raise Undetermined("undetermined.replay_store", str(error)) from error

    def _insert(self, file: sqlite3.Connection, token: TokenUse, now: int) -> None:
        if file.execute("DELETE FROM used WHERE keep_until <= ?", (now,)).rowcount > 0:
            file.execute("UPDATE forgotten SET until = max(until, ?)", (now,))
        (forgotten_until,) = file.execute("SELECT until FROM forgotten").fetchone()
        if token.keep_until <= forgotten_until:
            raise Undetermined("undetermined.replay_store", "its entry may have been dropped")
        file.execute("INSERT INTO used VALUES (?, ?, ?)", (token.issuer, token.jti, token.keep_until))

    def _open(self) -> sqlite3.Connection:
        file = sqlite3.connect(self._path, timeout=10, isolation_level=None)
        # EXTRA also syncs the folder: after FULL alone a power cut can bring the rollback journal back, and with
        # it a state from before the commit.
        file.execute("PRAGMA synchronous = EXTRA")
        return file
