"""What must hold when an operation is executed: the closed registry of conditions (TOKEN §6).

An unknown name, an unknown member, a value out of range or a fact that the executor does not present is a refusal.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any, TypeVar

from .operation import base64url, from_base64url
from .refusal import Denied, Undetermined
from .strict_json import Json

KINDS = frozenset(
    {"canary", "time_window", "mask", "row_limit", "max_amount", "target_subset", "dry_run", "rate"}
    | {"rollback_within", "online_consume"}
)
_LARGEST = 2**53 - 1  # the largest integer that every JSON library reads exactly
_LAST_SECOND = 253_402_300_799
_MOST_NAMES = 100_000
_FIELD = re.compile(r"[A-Za-z0-9_\-./*\[\]$:@]{1,128}")
T = TypeVar("T")


@dataclass(frozen=True)
class Facts:
    """What the executor says about this execution before it runs. What stays `None` can't meet a condition."""

    targets: int | None = None
    all_targets: int | None = None
    target_names: tuple[str, ...] | None = None
    masked: frozenset[str] | None = None
    rows: int | None = None
    amount: tuple[str, int] | None = None
    """The currency, and how many of its minor units."""
    dry_run: bool | None = None
    rate: tuple[int, int] | None = None
    """How many, in how many seconds."""
    rollback_s: int | None = None
    consumed_online: bool | None = None

    @property
    def reached(self) -> int | None:
        """How many targets are reached; where number and names disagree, the larger."""
        named = None if self.target_names is None else len(self.target_names)
        return max((n for n in (self.targets, named) if n is not None), default=None)


@dataclass(frozen=True)
class Condition:
    """A condition of the registry, well-formed."""

    kind: str
    members: dict[str, Any]


def parse_condition(value: Json) -> Condition:
    """Reads the JSON form; refuses what is unknown or malformed."""
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(kind, str):
        raise Denied("condition.malformed", "a condition is an object with its `type`")
    if kind not in KINDS:
        raise Denied("condition.unknown", kind)
    members = {name: member for name, member in value.items() if name != "type"}
    if not _well_formed(kind, members):
        raise Denied("condition.malformed", kind)
    return Condition(kind, members)


def check_condition(condition: Condition, facts: Facts, now: float) -> None:
    """Refuses an execution that breaks the condition, or about which too little is known."""
    if not _holds(condition.kind, condition.members, facts, now):
        raise Denied("condition.unmet", condition.kind)


def target_digest(names: tuple[str, ...]) -> str | None:
    """The digest of a set of target names; `None` where a name could be cut in two ways."""
    if not names or any(name == "" or "\n" in name for name in names):
        return None
    lines = sorted({name.encode("utf-8") for name in names})
    return base64url(hashlib.sha256(b"countersign/targets/v1\n" + b"".join(n + b"\n" for n in lines)).digest())


def _well_formed(kind: str, members: dict[str, Any]) -> bool:
    match kind, sorted(members):
        case "canary", ["max_percent"]:
            return _whole(members["max_percent"], 1, 100)
        case "canary", ["max_targets"]:
            return _whole(members["max_targets"], 1)
        case "time_window", ["from", "until"]:
            start, end = members["from"], members["until"]
            return _whole(start, 0, _LAST_SECOND) and _whole(end, 0, _LAST_SECOND) and bool(start < end)
        case "mask", ["fields"]:
            fields = members["fields"]
            named = isinstance(fields, list) and all(isinstance(f, str) and _FIELD.fullmatch(f) for f in fields)
            return named and 0 < len(set(fields)) == len(fields)
        case "row_limit", ["max"]:
            return _whole(members["max"], 1)
        case "max_amount", ["currency", "minor"]:
            currency = members["currency"]
            known = isinstance(currency, str) and re.fullmatch("[A-Z]{3}", currency) is not None
            return known and _whole(members["minor"], 0)
        case "target_subset", ["sha256"]:
            digest = members["sha256"]
            return isinstance(digest, str) and len(from_base64url(digest) or b"") == 32
        case "rate", ["max", "per_s"]:
            return _whole(members["max"], 1) and _whole(members["per_s"], 1)
        case "rollback_within", ["s"]:
            return _whole(members["s"], 1)
        case "dry_run" | "online_consume", []:
            return True
    return False


def _whole(value: Any, least: int, most: int = _LARGEST) -> bool:
    return type(value) is int and least <= value <= most  # a bool is an `int` too, but of another type


def _holds(kind: str, members: dict[str, Any], facts: Facts, now: float) -> bool:
    def known(fact: T | None) -> T:
        if fact is None:
            raise Undetermined("undetermined.condition", kind)
        return fact

    match kind, members:
        case "canary", {"max_percent": percent}:
            return bool(known(facts.reached) * 100 <= known(facts.all_targets) * percent)
        case "canary", {"max_targets": most}:
            return bool(known(facts.reached) <= most)
        case "time_window", {"from": start, "until": end}:
            return bool(start <= now < end)
        case "mask", {"fields": fields}:
            return known(facts.masked).issuperset(fields)
        case "row_limit", {"max": most}:
            return bool(known(facts.rows) <= most)
        case "max_amount", {"currency": currency, "minor": most}:
            spent_in, spent = known(facts.amount)
            return bool(spent_in == currency and spent <= most)
        case "target_subset", {"sha256": digest}:
            names = known(facts.target_names)
            counted = facts.targets in (None, len(names)) and len(names) <= _MOST_NAMES
            return counted and target_digest(names) == digest
        case "dry_run", _:
            return known(facts.dry_run)
        case "rate", {"max": most, "per_s": span}:
            own_most, own_span = known(facts.rate)
            # In the span fit ⌈span ÷ own span⌉ of ours.
            return bool(-(-span // own_span) * own_most <= most)
        case "rollback_within", {"s": most}:
            return bool(known(facts.rollback_s) <= most)
        case "online_consume", _:
            return known(facts.consumed_online)
    return False
