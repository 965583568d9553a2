"""The outer form of all that Countersign signs: a compact JWS with a closed header; PyJWT checks it (TOKEN §2)."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from jwt.algorithms import OKPAlgorithm

from .operation import base64url, from_base64url
from .refusal import Denied
from .strict_json import Json, JsonError, Limits, read

MAX_TOKEN = 8 * 1024
_HEADER = Limits(size=1024, depth=4, members=16)
_CLAIMS = Limits(size=MAX_TOKEN, depth=8, members=512)
_LARGEST = 2**53 - 1
_LAST_SECOND = 253_402_300_799
_NAME = re.compile(r"[!#-+\--\[\]-~]{1,256}")  # printable ASCII without space, quote, backslash and comma

_pyjwt = jwt.PyJWS()
_pyjwt.register_algorithm("Ed25519", OKPAlgorithm())  # RFC 9864's name for what PyJWT knows as EdDSA


@dataclass(frozen=True)
class Key:
    """An Ed25519 public key and the one algorithm name recorded for it."""

    x: bytes
    alg: str = "EdDSA"

    @classmethod
    def from_jwk(cls, jwk: Json, beside: str = "") -> Key:
        """Reads a JWK; `beside` names members that may stand there and are not the key's."""
        members = jwk if isinstance(jwk, dict) else {}
        x = members.get("x")
        point = from_base64url(x) if isinstance(x, str) else None
        key = cls(point or b"", str(members.get("alg", "EdDSA")))
        allowed = {"kty", "crv", "x", "alg", "kid", "use", *beside.split()}
        good = (
            set(members) <= allowed  # no private part above all
            and (members.get("kty"), members.get("crv")) == ("OKP", "Ed25519")
            and key.alg in ("EdDSA", "Ed25519")
            and members.get("use", "sig") == "sig"
            and _is_sound_point(key.x)
            and members.get("kid", key.id) == key.id
        )
        if not good:
            raise Denied("key.unknown", "not a public Ed25519 key that can be trusted")
        return key

    @property
    def id(self) -> str:
        """The RFC 7638 thumbprint: what a header's `kid` holds."""
        jwk = f'{{"crv":"Ed25519","kty":"OKP","x":"{base64url(self.x)}"}}'
        return base64url(hashlib.sha256(jwk.encode()).digest())


@dataclass(frozen=True)
class Jws:
    """A compact JWS whose form was checked and nothing else."""

    text: str
    alg: str
    kid: str
    claims_bytes: bytes
    signature: bytes

    @classmethod
    def parse(cls, text: str, typ: str, most: int = MAX_TOKEN) -> Jws:
        """Steps 1 to 4, each with its code."""
        if len(text.encode("utf-8", "surrogatepass")) > most:
            raise Denied("malformed.size")
        # Counted before anything is split: a million dots cost one pass (CVE-2025-30204).
        if text.count(".") != 2 or not re.fullmatch(r"[A-Za-z0-9_.-]*", text):
            raise Denied("malformed.compact")
        header, claims, signature = (from_base64url(part) for part in text.split("."))
        if header is None or claims is None or signature is None:
            raise Denied("malformed.base64")
        try:
            members = read(header, _HEADER)
        except JsonError as error:
            raise Denied("malformed.header", str(error)) from None
        if not isinstance(members, dict):
            raise Denied("malformed.header")
        if not set(members) <= {"alg", "typ", "kid"}:
            raise Denied("header.unexpected")
        match members:
            case {"alg": str(alg), "typ": str(found), "kid": str(kid)}:
                if found != typ:
                    raise Denied("type.mismatch", found)
                return cls(text, alg, kid, claims, signature)
        raise Denied("malformed.header")

    def verify(self, key: Key) -> None:
        """Steps 7 and 8: the key's algorithm and no other, and the signature over the received bytes."""
        if self.alg != key.alg:
            raise Denied("alg.mismatch", self.alg)
        try:
            public = Ed25519PublicKey.from_public_bytes(key.x)
            _pyjwt.decode_complete(self.text, public, algorithms=[key.alg])
        except (jwt.PyJWTError, ValueError):
            raise Denied("signature.invalid") from None
        if _y(self.signature[:32]) in _Y_OF_SMALL_ORDER:
            raise Denied("signature.invalid", "its commitment has a small order")

    def claims(self, required: str, optional: str = "", limits: Limits = _CLAIMS) -> dict[str, Any]:
        """The claims, a closed set: all of the required ones and none beside the optional ones."""
        try:
            value = read(self.claims_bytes, limits)
        except JsonError as error:
            raise Denied("malformed.claims", str(error)) from None
        if not isinstance(value, dict):
            raise Denied("malformed.claims", "not an object")
        if unexpected := value.keys() - set(required.split()) - set(optional.split()):
            raise Denied("claim.unexpected", ", ".join(sorted(unexpected)))
        return closed(value, required, optional)


def closed(value: Json, required: str, optional: str = "") -> dict[str, Any]:
    """An object with all of the required members and none beside the optional ones."""
    wanted = set(required.split())
    if not isinstance(value, dict) or not wanted <= value.keys() <= wanted | set(optional.split()):
        raise Denied("malformed.claims", f"not an object with exactly {required} {optional}".rstrip())
    return value


def text(value: Json) -> str:
    if isinstance(value, str):
        return value
    raise _wrong()


def name(value: Json) -> str:
    if isinstance(value, str) and _NAME.fullmatch(value):
        return value
    raise _wrong()


def whole(value: Json, most: int = _LARGEST) -> int:
    if type(value) is int and 0 <= value <= most:  # not a bool, which is an `int` too
        return value
    raise _wrong()


def second(value: Json) -> int:
    return whole(value, _LAST_SECOND)


def digest(value: Json) -> str:
    if isinstance(value, str) and len(from_base64url(value) or b"") == 32:
        return value
    raise _wrong()


def random_id(value: Json, prefix: str = "") -> str:
    if isinstance(value, str) and value.startswith(prefix):
        bits = from_base64url(value.removeprefix(prefix))
        if bits is not None and len(bits) == 16:
            return value
    raise _wrong()


def many(value: Json) -> list[Any]:
    if isinstance(value, list):
        return value
    raise _wrong()


def some(value: Json) -> list[Any]:
    if many(value):
        return many(value)
    raise _wrong()


def _wrong() -> Denied:
    return Denied("malformed.claims", "a claim has a wrong value")


_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P
_Y_OF_ORDER_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_Y_OF_SMALL_ORDER = (0, 1, _P - 1, _Y_OF_ORDER_8, _P - _Y_OF_ORDER_8)


def _y(encoded: bytes) -> int:
    return int.from_bytes(encoded, "little") & (2**255 - 1)


def _is_sound_point(encoded: bytes) -> bool:
    """A point of the curve, canonically encoded, and of large order: small ones verify for many messages."""
    y = _y(encoded)
    if len(encoded) != 32 or y >= _P or y in _Y_OF_SMALL_ORDER:
        return False
    x_squared = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    return pow(x_squared, (_P - 1) // 2, _P) == 1
