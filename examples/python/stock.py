"""What PyJWT alone, without the wrapper, makes of a token: `python stock.py executor.json grant.json`.

The audience is the one string that every stock library compares, so it names executor and operation, and says
whether there are conditions (TOKEN §4). Whoever can't form it is refused.
"""

from __future__ import annotations

import hashlib
import json
import sys
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import jwt


def decode(token: str, jwk: dict[str, Any], issuer: str, audience: str | None) -> dict[str, Any]:
    """One ordinary call."""
    key = jwt.PyJWK(jwk).key
    required = ["exp", "iat", "nbf", "sub", "cs_v"] + (["aud", "jti"] if audience else [])
    return jwt.decode(
        token, key, algorithms=["EdDSA"], issuer=issuer, audience=audience, leeway=0, options={"require": required}
    )


def accepts(settings: dict[str, Any], grant: dict[str, Any], audience: str) -> bool:
    """The certificates from the root down, then the token."""
    jwk = settings["roots"][0]
    try:
        for certificate in grant["certificates"]:
            jwk = decode(certificate, jwk, settings["domain"], None)["cnf"]["jwk"]
        decode(grant["token"], jwk, settings["domain"], audience)
    except jwt.InvalidAudienceError:
        return False
    return True


def digest(op_bytes: str) -> str:
    hashed = hashlib.sha256(b"countersign/op/v1\n" + op_bytes.encode("utf-8")).digest()
    return urlsafe_b64encode(hashed).rstrip(b"=").decode("ascii")


def main() -> int:
    settings, grant = (json.loads(Path(path).read_text()) for path in sys.argv[1:3])
    me, operation = settings["id"], grant["operation"]
    good, mark = f"{me}#op={digest(operation)}", ";cond"
    right, wrong = (good + mark, good) if grant["conditions"] else (good, good + mark)
    expected = {
        right: True,
        wrong: False,  # an executor that knows no conditions, or that thinks there are some
        right.replace(me, f"{me}2"): False,
        right.replace(digest(operation), digest(operation.replace('"v":1', '"v":2'))): False,
        me: False,
    }
    found = {audience: accepts(settings, grant, audience) for audience in expected}
    for audience in (a for a in expected if found[a] != expected[a]):
        print(f"PyJWT: `{audience}` should be {'accepted' if expected[audience] else 'refused'}")
    failed = sum(found[audience] != expected[audience] for audience in expected)
    print(f"{len(expected) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
