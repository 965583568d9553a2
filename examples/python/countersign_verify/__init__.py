"""Verifies Countersign's authority tokens with PyJWT, and adds what a stock library forgets (TOKEN §7).

Copy this folder into an executor:

    verifier = Verifier(executor=ME, enforces=frozenset({"canary"}), anchor=anchor, guard=SqliteGuard("used.db"))
    verified = verifier.verify(presented, plan)   # raises Denied or Undetermined: do not act
    act(verified.operation)                       # on what was hashed, and on nothing else
"""

from .conditions import Condition, Facts
from .operation import Operation
from .refusal import Denied, Refusal, Undetermined
from .replay import MemoryGuard, ReplayGuard, SqliteGuard
from .trust import Anchor, read_bundle, read_revocations
from .verify import Presented, Verified, Verifier

__all__ = [
    "Anchor",
    "Condition",
    "Denied",
    "Facts",
    "MemoryGuard",
    "Operation",
    "Presented",
    "Refusal",
    "ReplayGuard",
    "SqliteGuard",
    "Undetermined",
    "Verified",
    "Verifier",
    "read_bundle",
    "read_revocations",
]
