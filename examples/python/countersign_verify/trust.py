"""Whom an executor trusts: pinned roots, and what leads from them to a sidecar's key (TOKEN §8).

Either certificates beside the token (root → issuer → sidecar), or a signed trust bundle that lists the keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .jws import Jws, Key, closed, digest, many, name, random_id, second, some, text, whole
from .refusal import Denied, Refusal, Undetermined
from .strict_json import Json, Limits

SKEW = 30
_DAY = 86_400
_MAX_KEY_LIFE = {"issuer": 400 * _DAY, "authority": _DAY}
_MAX_STATEMENT_LIFE = 7 * _DAY
_STATEMENT = Limits(size=1024 * 1024, depth=8, members=65_536)
_PATTERN = re.compile(r"\*|[!#-)+\--\[\]-~]{0,255}[/:]\*|[!#-)+\--\[\]-~]{1,256}")


@dataclass(frozen=True)
class CertifiedKey:
    """A key, what it may sign, and for how long."""

    key: Key
    use: str
    not_before: int
    expires_at: int
    agents: tuple[str, ...]
    audiences: tuple[str, ...]
    max_ttl: int

    @classmethod
    def of(cls, key: Key, use: Json, not_before: Json, expires_at: Json, scope: Json, most: int) -> CertifiedKey:
        members = closed(scope, "agents audiences max_ttl")
        agents = tuple(_pattern(pattern) for pattern in some(members["agents"]))
        audiences = tuple(_pattern(pattern) for pattern in some(members["audiences"]))
        certified = cls(
            key, text(use), second(not_before), second(expires_at), agents, audiences, whole(members["max_ttl"])
        )
        if certified.use not in _MAX_KEY_LIFE or not 1 <= certified.max_ttl <= 3600:
            raise Denied("malformed.claims", "a key's use or scope")
        if not 0 < certified.expires_at - certified.not_before <= most:
            raise Denied("malformed.claims", "a key's life")
        return certified

    def covers(self, moment: float) -> bool:
        return self.not_before <= moment + SKEW and moment < self.expires_at

    def permits(self, agent: str, executor: str, life: int) -> bool:
        return _matches(self.agents, agent) and _matches(self.audiences, executor) and life <= self.max_ttl


def _pattern(value: Json) -> str:
    pattern = text(value)
    if len(pattern) > 256 or not _PATTERN.fullmatch(pattern):
        raise Denied("malformed.claims", "a scope's pattern")
    return pattern


def _matches(patterns: Iterable[str], found: str) -> bool:
    return any(found.startswith(p[:-1]) if p.endswith("*") else found == p for p in patterns)


@dataclass(frozen=True)
class Chain:
    """Keys of which each was certified by the one before, the first by a root."""

    root: str
    links: tuple[CertifiedKey, ...] = ()

    def ends_with(self, use: str, key_id: str) -> bool:
        return bool(self.links) and (self.links[-1].use, self.links[-1].key.id) == (use, key_id)

    def covers(self, moment: float) -> bool:
        return all(link.covers(moment) for link in self.links)

    @property
    def ids(self) -> set[str]:
        return {self.root, *(link.key.id for link in self.links)}


class Anchor:
    """A trust domain and its pinned root keys; several while roots are rotated."""

    def __init__(self, domain: str, roots: Sequence[Key]) -> None:
        self.domain = domain
        self.roots = {root.id: root for root in roots}
        if not roots or len(self.roots) != len(roots):
            raise ValueError("pin at least one root, and each once")

    def chain(self, certificates: Sequence[str], issuers: Sequence[Chain] = ()) -> Chain | None:
        """Follows certificates: an issuer's, then a sidecar's. Where the issuer is known, the latter is enough."""
        if len(certificates) > 2:
            raise Denied("key.unknown", "too many certificates")
        chain: Chain | None = None
        for certificate in certificates:
            jws = Jws.parse(certificate, "countersign-keycert+jwt")
            if chain is not None:
                signers = [chain]
            else:
                signers = [Chain(jws.kid)] if jws.kid in self.roots else list(issuers)
            chain = self._link(jws, signers)
        return chain

    def _link(self, jws: Jws, signers: Iterable[Chain]) -> Chain:
        for signer in signers:
            if not signer.links:
                return self._certified(jws, signer, self.roots[signer.root], "issuer")
            if signer.ends_with("issuer", jws.kid):
                return self._certified(jws, signer, signer.links[-1].key, "authority")
        raise Denied("key.unknown", "a certificate by someone who can't give it")

    def _certified(self, jws: Jws, signer: Chain, key: Key, use: str) -> Chain:
        jws.verify(key)
        claims = jws.claims("cnf cs_scope cs_use cs_v exp iat iss nbf sub")
        jwk = closed(claims["cnf"], "jwk")["jwk"]
        name(claims["sub"])
        second(claims["iat"])
        certified = CertifiedKey.of(
            Key.from_jwk(jwk),
            claims["cs_use"],
            claims["nbf"],
            claims["exp"],
            claims["cs_scope"],
            _MAX_KEY_LIFE[use],
        )
        if (claims["cs_v"], claims["iss"], certified.use) != (1, self.domain, use):
            raise Denied("key.unknown", "a certificate of another version, domain or use")
        if certified.key.id in signer.ids | self.roots.keys():
            raise Denied("key.unknown", "a key that has another use already")
        return Chain(signer.root, (*signer.links, certified))


@dataclass(frozen=True)
class Statement:
    """What trust bundles and revocations have in common: signed, numbered, short-lived."""

    signer: Chain
    claims: Mapping[str, Any]

    @property
    def root(self) -> str:
        """The root it was signed under; with `sequence` what an executor stores before it uses the statement."""
        return self.signer.root

    @property
    def sequence(self) -> int:
        return int(self.claims["seq"])

    @property
    def issued_at(self) -> int:
        return int(self.claims["iat"])

    @property
    def expires_at(self) -> int:
        return int(self.claims["exp"])


@dataclass(frozen=True)
class Bundle(Statement):
    """The keys of a trust domain."""

    authorities: Mapping[str, Chain] = field(default_factory=dict)
    issuers: tuple[Chain, ...] = ()
    revoked: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Revocations(Statement):
    """What was revoked before it expired: tokens, decisions, agents, keys, all from before some moment."""

    def revokes(self, jti: str, txn: str, agent: str, keys: set[str], issued_at: int) -> bool:
        listed = self.claims
        named = jti in listed["jti"] or txn in listed["txn"] or agent in listed["sub"]
        return named or not keys.isdisjoint(listed["kid"]) or issued_at < listed.get("not_before", 0)


def read_bundle(
    bundle: str,
    anchor: Anchor,
    now: float,
    certificates: Sequence[str] = (),
    seen: Mapping[str, int] | None = None,
) -> Bundle:
    """Reads a trust bundle; anything wrong with it refuses it whole.

    `seen` is the highest sequence number of each root so far, which the caller keeps in a file.
    """
    try:
        statement = _open(
            bundle, "countersign-bundle+jwt", "keys revoked", "", anchor, (), certificates, seen or {}, now
        )
        revoked = frozenset(digest(kid) for kid in many(statement.claims["revoked"]))
        signer, keys = statement.signer, [_listed_key(key) for key in many(statement.claims["keys"])]
        ids = {key.key.id for key in keys}
        if len(ids) != len(keys) or ids & (signer.ids | anchor.roots.keys()) or revoked & signer.ids:
            raise Denied("key.unknown", "it lists a key twice, or one that it is signed under")
        if signer.links and any(key.use == "issuer" for key in keys):
            raise Denied("key.unknown", "only a root certifies issuers")
    except Refusal as refusal:
        raise Undetermined("undetermined.bundle", str(refusal)) from refusal
    chains = [(key, Chain(signer.root, (*signer.links, key))) for key in keys]
    authorities = {key.key.id: chain for key, chain in chains if key.use == "authority"}
    issuers = tuple(chain for key, chain in chains if key.use == "issuer")
    return Bundle(signer, statement.claims, authorities, issuers, revoked)


def _listed_key(value: Json) -> CertifiedKey:
    beside = "cs_scope cs_use exp nbf"
    key = Key.from_jwk(value, beside)
    members = closed(value, f"kty crv x kid alg use {beside}")
    most = _MAX_KEY_LIFE["issuer"]
    return CertifiedKey.of(key, members["cs_use"], members["nbf"], members["exp"], members["cs_scope"], most)


def read_revocations(
    revocations: str,
    anchor: Anchor,
    now: float,
    certificates: Sequence[str] = (),
    bundle: Bundle | None = None,
    seen: Mapping[str, int] | None = None,
) -> Revocations:
    """Reads a snapshot of revocations; anything wrong with it refuses it whole. `seen` as for a bundle."""
    issuers = bundle.issuers if bundle else ()
    typ, names = "countersign-revocations+jwt", "jti kid sub txn"
    try:
        statement = _open(revocations, typ, names, "not_before", anchor, issuers, certificates, seen or {}, now)
        claims = statement.claims
        if bundle and statement.signer.ids & bundle.revoked:
            raise Denied("key.revoked")
        for check, listed in ((random_id, "jti"), (digest, "kid"), (name, "sub")):
            for item in many(claims[listed]):
                check(item)
        for item in many(claims["txn"]):
            random_id(item, "txn_")
        second(claims.get("not_before", 0))
    except Refusal as refusal:
        raise Undetermined("undetermined.revocation", str(refusal)) from refusal
    return Revocations(statement.signer, claims)


def _open(
    statement: str,
    typ: str,
    required: str,
    optional: str,
    anchor: Anchor,
    issuers: Sequence[Chain],
    certificates: Sequence[str],
    seen: Mapping[str, int],
    now: float,
) -> Statement:
    jws = Jws.parse(statement, typ, _STATEMENT.size)
    if jws.kid in anchor.roots:
        signer, key = Chain(jws.kid), anchor.roots[jws.kid]
    else:
        presented = anchor.chain(certificates, issuers)
        known = [chain for chain in (presented, *issuers) if chain and chain.ends_with("issuer", jws.kid)]
        if not known:
            raise Denied("key.unknown", "signed neither by a root nor by an issuer that one certified")
        signer, key = known[0], known[0].links[-1].key
    if not signer.covers(now):
        raise Denied("key.expired")
    jws.verify(key)
    claims = jws.claims(f"cs_v exp iat iss seq {required}", optional, _STATEMENT)
    issued_at, expires_at = second(claims["iat"]), second(claims["exp"])
    if claims["cs_v"] != 1 or claims["iss"] != anchor.domain:
        raise Denied("issuer.mismatch")
    if not 0 < expires_at - issued_at <= _MAX_STATEMENT_LIFE:
        raise Denied("time.ttl")
    if issued_at > now + SKEW or now >= expires_at:
        raise Denied("time.expired", "or from the future")
    if whole(claims["seq"]) < seen.get(signer.root, 0):
        raise Denied("key.unknown", "rolled back: its sequence number is lower than one seen before")
    return Statement(signer, claims)
