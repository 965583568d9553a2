"""The verifier: every step of TOKEN §7 in its order, each refusal with its stable code."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from .conditions import Condition, Facts, check_condition, parse_condition
from .jws import Jws, Key, closed, digest, name, random_id, second, some, text, whole
from .operation import Operation
from .refusal import Denied, Refusal, Undetermined
from .replay import ReplayGuard, TokenUse
from .strict_json import Json, Limits
from .trust import SKEW, Anchor, Bundle, Chain, Revocations

MAX_LIFE = 3600
_ASSURANCES = ("channel", "session", "signed")
_MAX_PROOF = Limits(size=4096, depth=4, members=16)
_PROOF_AGE = 60


@dataclass(frozen=True)
class Approval:
    """One person's agreement."""

    person: str
    seats: tuple[str, ...]
    at: int
    assurance: str
    vote: str


@dataclass(frozen=True)
class Claims:
    """What a token says: a closed set."""

    issuer: str
    agent: str
    on_behalf_of: str | None
    audience: str
    issued_at: int
    not_before: int
    expires_at: int
    jti: str
    txn: str
    holder: Key | None
    version: int
    operation: str
    policy: str
    risk: int
    conditions: tuple[Json, ...]
    approvals: tuple[Approval, ...]
    log: tuple[str, int]


@dataclass(frozen=True)
class Presented:
    """What an executor was given beside the operation's bytes, which alone it acts on."""

    token: str
    operation: Operation
    certificates: Sequence[str] = ()
    """The issuer's, then the sidecar's; none where a trust bundle lists the sidecar's key."""
    proof: str | None = None
    """The proof of possession, where the token's `cnf` asks for one."""
    evidence: Sequence[bytes] = ()
    """The reviewers' signed votes."""


@dataclass(frozen=True)
class Verified:
    """An operation that may be executed now, once."""

    operation: Operation
    claims: Claims
    conditions: tuple[Condition, ...]


Plan = Callable[[Operation, tuple[Condition, ...]], Facts]
"""Decides how the operation would be executed under these conditions and says so. It must not act yet."""


@dataclass(frozen=True)
class Verifier:
    """Verifies tokens for one executor."""

    executor: str
    enforces: frozenset[str] | None
    """The conditions that this executor keeps to; `None` for one that takes a fixed audience and no conditions."""
    anchor: Anchor
    guard: ReplayGuard
    bundle: Bundle | None = None
    bundle_required: bool = False
    revocations: Revocations | None = None
    revocations_max_age: int | None = None
    """Seconds; without a snapshot of at most this age no token is judged. `None`: none is required."""
    min_approvals: int = 0
    min_assurance: str = "channel"
    max_life: int = MAX_LIFE
    check_evidence: Callable[[Claims, Sequence[bytes]], None] | None = None
    """Checks the reviewers' own signatures, where this executor demands them."""
    clock: Callable[[], float | None] = field(default=time.time)
    """Unix seconds, or `None` while the clock can't be trusted."""

    def verify(self, presented: Presented, plan: Plan) -> Verified:
        """Verifies a token and consumes it. Raises `Denied` or `Undetermined`; either means: do not act."""
        now = self.clock()
        jws = Jws.parse(presented.token, "countersign-authority+jwt")
        self._check_bundle(now)
        chain = self._chain(jws.kid, presented.certificates, now)
        jws.verify(chain.links[-1].key)
        claims = _read_claims(jws)
        if claims.version != 1:
            raise Denied("version.unsupported")
        self._check_scope(claims, chain)
        if claims.audience != self._audience(presented.operation, conditional=bool(claims.conditions)):
            raise Denied("audience.mismatch")
        now = self._check_times(claims, now)
        if not hmac.compare_digest(claims.operation, presented.operation.digest):
            raise Denied("operation.mismatch")
        self._check_approvals(claims)
        conditions = tuple(self._condition(value) for value in claims.conditions)
        facts = plan(presented.operation, conditions)
        for condition in conditions:
            check_condition(condition, facts, now)
        _check_possession(claims, presented.proof, now)
        self._check_revocations(claims, chain, now)
        if self.check_evidence is not None:
            # Else whoever holds the sidecar's key could leave the approvals out.
            if not claims.approvals:
                raise Denied("evidence.missing", "nobody approved")
            self.check_evidence(claims, presented.evidence)
        self._consume(claims)
        return Verified(presented.operation, claims, conditions)

    def _check_bundle(self, now: float | None) -> None:
        if self.bundle is None:
            if self.bundle_required:
                raise Undetermined("undetermined.bundle", "there is none")
        elif now is not None and now >= self.bundle.expires_at:
            raise Undetermined("undetermined.bundle", "it has expired")

    def _chain(self, kid: str, certificates: Sequence[str], now: float | None) -> Chain:
        chain = self.bundle.authorities.get(kid) if self.bundle else None
        if chain is None:
            try:
                chain = self.anchor.chain(certificates, self.bundle.issuers if self.bundle else ())
            except Refusal as refusal:
                raise Denied("key.unknown", str(refusal)) from refusal
        if chain is None or not chain.ends_with("authority", kid):
            raise Denied("key.unknown")
        if self.bundle and chain.ids & self.bundle.revoked:
            raise Denied("key.revoked")
        if now is not None and not chain.covers(now):
            raise Denied("key.expired")
        return chain

    def _check_scope(self, claims: Claims, chain: Chain) -> None:
        if not chain.covers(claims.issued_at):
            raise Denied("key.expired")
        if claims.issuer != self.anchor.domain:
            raise Denied("issuer.mismatch")
        executor, life = claims.audience.split("#")[0], claims.expires_at - claims.issued_at
        if not all(link.permits(claims.agent, executor, life) for link in chain.links):
            raise Denied("key.scope")

    def _audience(self, operation: Operation, conditional: bool) -> str | None:
        """Who computes no digest can't form this, and who knows no conditions never adds `;cond` (TOKEN §4)."""
        if self.enforces is None:
            return None if conditional else self.executor
        return f"{self.executor}#op={operation.digest}" + (";cond" if conditional else "")

    def _check_times(self, claims: Claims, now: float | None) -> float:
        if now is None:
            raise Undetermined("undetermined.clock")
        if claims.issued_at > now + SKEW:
            raise Denied("time.future")
        if claims.not_before > now + SKEW:
            raise Denied("time.not_yet")
        if now >= claims.expires_at:
            raise Denied("time.expired")
        if not 0 < claims.expires_at - claims.issued_at <= min(self.max_life, MAX_LIFE):
            raise Denied("time.ttl")
        return now

    def _check_approvals(self, claims: Claims) -> None:
        people = {approval.person for approval in claims.approvals}
        if len(people) != len(claims.approvals):
            raise Denied("approval.duplicate")
        if people & {claims.agent, claims.on_behalf_of}:
            raise Denied("approval.self")
        least = _ASSURANCES.index(self.min_assurance)
        counted = [a for a in claims.approvals if _ASSURANCES.index(a.assurance) >= least]
        if len(counted) < self.min_approvals:
            raise Denied("approval.insufficient")

    def _condition(self, value: Json) -> Condition:
        condition = parse_condition(value)
        if self.enforces is None or condition.kind not in self.enforces:
            raise Denied("condition.unknown", condition.kind)
        return condition

    def _check_revocations(self, claims: Claims, chain: Chain, now: float) -> None:
        snapshot, max_age = self.revocations, self.revocations_max_age
        if snapshot is None:
            if max_age is not None:
                raise Undetermined("undetermined.revocation", "there is no snapshot")
            return
        # What a stale snapshot revokes is still revoked; what it does not is unknown.
        if snapshot.revokes(claims.jti, claims.txn, claims.agent, chain.ids, claims.issued_at):
            raise Denied("revoked")
        too_old = max_age is not None and now - snapshot.issued_at > max_age
        if too_old or now >= snapshot.expires_at:
            raise Undetermined("undetermined.revocation", "the snapshot is too old")

    def _consume(self, claims: Claims) -> None:
        now = self.clock()  # planning and checking may have taken a while
        if now is None:
            raise Undetermined("undetermined.clock")
        if now >= claims.expires_at:
            raise Denied("time.expired")
        self.guard.consume(TokenUse(claims.issuer, claims.jti, claims.issued_at, claims.expires_at), now)


def _read_claims(jws: Jws) -> Claims:
    claims = jws.claims(
        "aud cs_log cs_op cs_pol cs_risk cs_v exp iat iss jti nbf sub txn", optional="act cnf cs_appr cs_cond"
    )
    log = closed(claims["cs_log"], "index origin")
    return Claims(
        issuer=name(claims["iss"]),
        agent=name(claims["sub"]),
        on_behalf_of=name(closed(claims["act"], "sub")["sub"]) if "act" in claims else None,
        audience=text(claims["aud"]),
        issued_at=second(claims["iat"]),
        not_before=second(claims["nbf"]),
        expires_at=second(claims["exp"]),
        jti=random_id(claims["jti"]),
        txn=random_id(claims["txn"], "txn_"),
        holder=_holder(claims["cnf"]) if "cnf" in claims else None,
        version=whole(claims["cs_v"]),
        operation=digest(claims["cs_op"]),
        policy=digest(claims["cs_pol"]),
        risk=whole(claims["cs_risk"], 1000),
        conditions=tuple(some(claims["cs_cond"])) if "cs_cond" in claims else (),
        approvals=tuple(_approval(value) for value in some(claims["cs_appr"])) if "cs_appr" in claims else (),
        log=(name(log["origin"]), whole(log["index"])),
    )


def _holder(cnf: Any) -> Key:
    try:
        return Key.from_jwk(closed(cnf, "jwk")["jwk"])
    except Refusal as refusal:
        raise Denied("malformed.claims", f"cnf: {refusal}") from refusal


def _approval(value: Any) -> Approval:
    members = closed(value, "assurance at id seats vote")
    seats = tuple(name(seat) for seat in some(members["seats"]))
    approval = Approval(
        name(members["id"]), seats, second(members["at"]), text(members["assurance"]), digest(members["vote"])
    )
    if approval.assurance not in _ASSURANCES:
        raise Denied("malformed.claims", "cs_appr")
    return approval


def _check_possession(claims: Claims, proof: str | None, now: float) -> None:
    if claims.holder is None:
        return
    if proof is None:
        raise Denied("pop.missing")
    try:
        jws = Jws.parse(proof, "countersign-pop+jwt", _MAX_PROOF.size)
        if jws.kid != claims.holder.id:
            raise Denied("key.unknown")
        jws.verify(claims.holder)
        proven = jws.claims("aud cs_op iat jti", limits=_MAX_PROOF)
        made_at = second(proven["iat"])
        bound = (proven["aud"], proven["cs_op"], proven["jti"]) == (claims.audience, claims.operation, claims.jti)
        if not bound or made_at > now + SKEW or now - made_at > _PROOF_AGE:
            raise Denied("pop.invalid", "for another token, or not fresh")
    except Refusal as refusal:
        raise Denied("pop.invalid", str(refusal)) from refusal
