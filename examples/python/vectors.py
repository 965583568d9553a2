"""Runs the project's vectors, and other people's, through this wrapper: `python vectors.py`.

Ours lie in ../../tests/vectors; others' are looked for in COUNTERSIGN_VECTORS, else in ../../../shared/vectors.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from countersign_verify import Anchor, Facts, MemoryGuard, Operation, Presented, Refusal, Undetermined, Verifier
from countersign_verify import read_bundle as bundle_of
from countersign_verify import read_revocations as revocations_of
from countersign_verify.jws import Key
from countersign_verify.operation import OperationError, base64url, from_base64url
from countersign_verify.refusal import Denied
from countersign_verify.replay import TokenUse
from countersign_verify.strict_json import PARAMETERS, JsonError, Limits, canonical, es6_number, read
from countersign_verify.verify import Claims

OURS = Path(__file__).resolve().parents[2] / "tests" / "vectors"
OTHERS = Path(os.environ.get("COUNTERSIGN_VECTORS") or OURS.parents[2] / "shared" / "vectors")

Check = tuple[str, object, Callable[[], object]]
"""A name, what must come out, and what makes it."""


def main() -> int:
    passed = failed = 0
    for name, expected, make in checks():
        try:
            found = make()
        except (JsonError, OperationError, Refusal) as refusal:
            found = refusal.code
        except Exception as error:  # a crash is a failure of that vector and of no other
            found = repr(error)
        if found == expected:
            passed += 1
        else:
            failed += 1
            print(f"{name}: expected {expected!r:.300}, found {found!r:.300}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


def checks() -> Iterator[Check]:
    yield from tokens()
    yield from operations()
    if OTHERS.is_dir():
        yield from json_parsing()
        yield from jcs()
        yield from foreign_tokens()
    elif "CI" in os.environ:
        yield "others' vectors", "a folder", lambda: f"nothing at {OTHERS}"
    else:
        print(f"not run: others' vectors, nothing at {OTHERS}")


def tokens() -> Iterator[Check]:
    paths = sorted((OURS / "token").glob("*.json"))
    yield "our token vectors", True, partial(bool, paths)
    for path in paths:
        case = json.loads(path.read_bytes())
        if "log_policy" in case["executor"]:
            # Log proofs are checked by the library only; an executor can't ask this verifier for them.
            continue
        yield path.name, case["expect"], partial(verdict, case)


def verdict(case: dict[str, Any]) -> str:
    """What becomes of one of our tokens: `accept`, or the code."""
    now: int | None = case["now"]
    presented = case["presented"]
    operation = presented["operation"]
    parts = Presented(
        token=presented["token"],
        operation=(
            Operation.from_payload(operation["action"], operation["resource"], octets(operation["payload_b64"]))
            if "payload_b64" in operation
            else Operation.from_json(
                operation["action"], operation["resource"], operation["parameters"].encode("utf-8")
            )
        ),
        certificates=presented["certificates"],
        proof=presented["proof"],
        evidence=[octets(vote) for vote in presented["evidence_b64"]],
    )
    guard = MemoryGuard(started_at=(now or 0) if case["store"] == "younger_than_token" else 0, issuers_ahead=0)
    verifier = verifier_of(case["executor"], now, Unavailable() if case["store"] == "unavailable" else guard)
    facts = facts_of(presented["facts"])

    def present() -> str:
        try:
            verifier.verify(parts, lambda *_: facts)
        except Refusal as refusal:
            assert refusal.verdict == ("undetermined" if refusal.code.startswith("undetermined.") else "denied")
            return refusal.code
        return "accept"

    first = present()
    if first == "accept":
        second = present()
        assert second == "replay", "accepted twice"
        return second if case["consumed_before"] else first
    return first


def verifier_of(spec: dict[str, Any], now: int | None, guard: Any) -> Verifier:
    anchor = Anchor(spec["trust_domain"], [Key.from_jwk(root) for root in spec["roots"]])
    bundle = revocations = None
    loaded_at = 1_795_258_921 if now is None else now
    # Every root has seen `last_seq`; a statement that can't be read is as good as none.
    try:
        if statement := spec["bundle"]:
            seen = dict.fromkeys(anchor.roots, statement["last_seq"] or 0)
            bundle = bundle_of(statement["token"], anchor, loaded_at, statement["certificates"], seen)
    except Undetermined:
        pass
    try:
        if statement := spec["revocations"]:
            seen = dict.fromkeys(anchor.roots, statement["last_seq"] or 0)
            certificates = statement["certificates"]
            revocations = revocations_of(statement["token"], anchor, loaded_at, certificates, bundle, seen)
    except Undetermined:
        pass
    return Verifier(
        executor=spec["id"],
        enforces=None if spec["plain"] else frozenset(spec["conditions"]),
        anchor=anchor,
        guard=guard,
        bundle=bundle,
        bundle_required=spec["bundle_required"] or spec["bundle"] is not None,
        revocations=revocations,
        revocations_max_age=spec["revocations_max_age"],
        min_approvals=spec["min_approvals"],
        min_assurance=spec["min_assurance"],
        max_life=spec["max_life"],
        check_evidence=votes_by_digest if spec["evidence_required"] else None,
        clock=lambda: now,
    )


class Unavailable:
    """A record of used tokens that can't be written."""

    def consume(self, token: TokenUse, now: float) -> None:
        raise Undetermined("undetermined.replay_store")


def votes_by_digest(claims: Claims, evidence: Any) -> None:
    """Evidence as far as the vectors go: for each approval a statement with the digest that the token names."""
    if len(evidence) < len(claims.approvals):
        raise Denied("evidence.missing")
    digests = {base64url(hashlib.sha256(vote).digest()) for vote in evidence}
    if not digests.issuperset(approval.vote for approval in claims.approvals):
        raise Denied("evidence.invalid")


def facts_of(given: dict[str, Any]) -> Facts:
    known = dict(given)
    if "target_names" in known:
        known["target_names"] = tuple(known["target_names"])
    if "masked" in known:
        known["masked"] = frozenset(known["masked"])
    if "amount" in known:
        known["amount"] = (known["amount"]["currency"], known["amount"]["minor"])
    if "rate" in known:
        known["rate"] = (known["rate"]["max"], known["rate"]["per_s"])
    return Facts(**known)


def octets(text: str) -> bytes:
    data = from_base64url(text)
    assert data is not None
    return data


def operations() -> Iterator[Check]:
    vectors = json.loads((OURS / "operation" / "operations.json").read_bytes())

    def form(case: dict[str, str]) -> object:
        if "payload_hex" in case:
            operation = Operation.from_payload(
                case["action"], case["resource"], bytes.fromhex(case["payload_hex"])
            )
        elif "parameters_hex" in case:
            operation = Operation.from_json(
                case["action"], case["resource"], bytes.fromhex(case["parameters_hex"])
            )
        else:
            operation = Operation.from_json(case["action"], case["resource"], case["parameters"].encode("utf-8"))
        assert Operation.from_op_bytes(operation.op_bytes) == operation
        return operation.op_bytes.decode("utf-8"), operation.digest

    for case in vectors["operations"]:
        expected = case["refused"] if "refused" in case else (case["op_bytes"], case["digest"])
        yield f"operation: {case['name']}", expected, partial(form, case)
    for case in vectors["op_bytes"]:
        yield f"op_bytes: {case['name']}", case["expect"], partial(read_back, case["op_bytes"].encode("utf-8"))


def read_back(op_bytes: bytes) -> str:
    return "accept" if Operation.from_op_bytes(op_bytes).op_bytes == op_bytes else "changed"


def json_parsing() -> Iterator[Check]:
    """JSONTestSuite: y must be read, n refused; where we are stricter, or may choose, our decision is listed."""
    decisions = json.loads((OURS / "operation" / "third-party.json").read_bytes())["json-parsing"]
    for path in sorted((OTHERS / "json-parsing" / "test_parsing").iterdir()):
        decision = decisions.get(path.name, {"y": "accept", "n": "refuse"}.get(path.name[0], "a decision"))
        yield path.name, decision, partial(parsed, path, decision)


def parsed(path: Path, decision: str) -> str:
    try:
        value = read(path.read_bytes())
    except JsonError as error:
        return "refuse" if decision == "refuse" else error.code
    assert read(canonical(value)) == value
    return "accept"


UNLIMITED = Limits(size=2**30, depth=PARAMETERS.depth, members=PARAMETERS.members)


def jcs() -> Iterator[Check]:
    """RFC 8785: the authors' triples, its own text, 10 000 numbers, and assay's vectors."""

    def strict(text: bytes) -> bytes:
        return canonical(read(text, UNLIMITED))

    def form(text: bytes) -> bytes:
        # RFC 8785's example has a number with more digits than a double holds; the double's own are taken.
        return strict(text.replace(b"333333333.33333329", b"333333333.3333333"))

    folder = OTHERS / "jcs"
    for path in sorted((folder / "input").iterdir()):
        expected = (folder / "output" / path.name).read_bytes()
        yield f"jcs {path.name}", expected, partial(form, path.read_bytes())
    for path in sorted((folder / "rfc8785-text").glob("*.input.json")):
        expected = path.with_name(path.name.replace("input", "expected")).read_bytes()
        yield f"jcs {path.name}", expected, partial(form, path.read_bytes())
    for line in (folder / "es6numbers-10k.txt").read_text().splitlines():
        bits, text = line.split(",")
        (double,) = struct.unpack(">d", bytes.fromhex(bits.zfill(16)))
        yield f"es6 {bits}", text, partial(es6_number, double)
        yield f"es6 {text}", text.encode(), partial(strict, text.encode())
    stricter = json.loads((OURS / "operation" / "third-party.json").read_bytes())["jcs/assay"]
    for name, vector in json.loads((folder / "assay" / "rfc8785.json").read_bytes()).items():
        if name != "_about":
            out = stricter.get(name, vector["expected"].encode("utf-8"))
            yield f"assay {name}", out, partial(strict, vector["input"].encode("utf-8"))


def foreign_tokens() -> Iterator[Check]:
    """JWTs of other profiles, most of them with good EdDSA signatures: none of them is ours."""
    for path in sorted((OTHERS / "jose-eddsa" / "opena2a-aap").glob("*.jwt")):
        yield path.name, "refused", partial(foreign, "".join(path.read_text().split()))
    corpus = json.loads((OTHERS / "jwt-attacks" / "corpus.json").read_bytes())
    for test in corpus["tests"]:
        yield f"jwt-attacks {test['name']}", "refused", partial(foreign, test["token"], corpus["x"])


def foreign(token: str, x: str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo") -> str:
    anchor = Anchor("https://acme.example", [Key(octets(x))])
    verifier = Verifier("https://exec.example", frozenset(), anchor, MemoryGuard(0))
    presented = Presented(token, Operation.from_json("a", "r", b"{}"))
    try:
        verifier.verify(presented, lambda *_: Facts())
    except Denied:
        return "refused"
    return "accepted"


if __name__ == "__main__":
    sys.exit(main())
