"""An executor: changes the files of one folder, and only as a token allows.

    python executor.py executor.json grant.json

The grant is what `countersign authorize --grant FILE` writes. Prints one JSON document: `{"done": …}` with exit
code 0, `{"refused": CODE, …}` with 120 (denied) or 122 (undetermined), or `{"failed": …}` with 1. The settings:

    {"id": "https://exec.example/files",       this executor, as registered with the sidecar
     "domain": "https://acme.example",         the trust domain
     "roots": [{"kty": "OKP", …}],             its pinned root keys
     "resource": "files:site",                 the one resource that it changes …
     "folder": "site",                         … and where that is
     "used": "used.sqlite3"}                   the tokens that were used
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from countersign_verify import Anchor, Condition, Facts, Operation, Presented, Refusal, SqliteGuard, Verifier
from countersign_verify.jws import Key
from countersign_verify.operation import OperationError
from countersign_verify.strict_json import JsonError

ENFORCES = frozenset({"canary", "dry_run"})
"""The conditions that `plan` keeps to; they are registered for this executor with the sidecar."""

Step = Callable[[], str]


class Unfit(Exception):
    """An operation that this executor can't do, whoever allowed it."""


class Files:
    """The resource: a folder, and what can be done in it."""

    def __init__(self, resource: str, folder: Path) -> None:
        self.resource = resource
        self.folder = folder.resolve()

    def steps(self, operation: Operation) -> dict[str, Step]:
        """What the operation does to each of its targets, from its hashed bytes alone. Nothing is done yet."""
        if operation.resource != self.resource:
            raise Unfit(f"no resource `{operation.resource}` here")
        match operation.action, operation.parameters:
            case "files.write", {"path": str(path), "text": str(text), **rest} if not rest:
                return {path: self._write(path, text)}
            case "files.delete", {"path": str(path), **rest} if not rest:
                return {path: self._delete(path)}
            case "deploy.release", {"version": str(version), "targets": [_, *_] as targets, **rest} if not rest:
                return {target: self._write(f"{target}/VERSION", version) for target in map(self._word, targets)}
        raise Unfit(f"no action `{operation.action}` with these parameters")

    def _write(self, path: str, text: str) -> Step:
        file = self._inside(path)

        def step() -> str:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
            return f"wrote {path}"

        return step

    def _delete(self, path: str) -> Step:
        file = self._inside(path)

        def step() -> str:
            file.unlink()
            return f"deleted {path}"

        return step

    def _inside(self, path: str) -> Path:
        file = (self.folder / path).resolve()
        if "\0" in path or self.folder not in file.parents:
            raise Unfit(f"`{path}` is not in the folder")
        return file

    @staticmethod
    def _word(value: Any) -> str:
        if not isinstance(value, str) or not value or "/" in value or "\n" in value:
            raise Unfit("a target is a name")
        return value


def fit(steps: dict[str, Step], conditions: tuple[Condition, ...]) -> tuple[dict[str, Step], bool]:
    """The steps that are left under these conditions, and whether they only pretend."""
    names, dry_run = list(steps), False
    for condition in conditions:
        match condition.kind, condition.members:
            case "canary", {"max_targets": most}:
                names = names[:most]
            case "canary", {"max_percent": percent}:
                names = names[: max(1, len(steps) * percent // 100)]
            case "dry_run", _:
                dry_run = True
    return {name: steps[name] for name in names}, dry_run


def execute(files: Files, verifier: Verifier, grant: dict[str, Any], everywhere: bool) -> list[str]:
    """Verifies, then acts, on nothing but what was verified."""
    chosen: dict[str, Step] = {}
    dry_run = False

    def plan(operation: Operation, conditions: tuple[Condition, ...]) -> Facts:
        nonlocal chosen, dry_run
        steps = files.steps(operation)
        chosen, dry_run = (steps, False) if everywhere else fit(steps, conditions)
        return Facts(targets=len(chosen), all_targets=len(steps), target_names=tuple(chosen), dry_run=dry_run)

    presented = Presented(
        token=grant["token"],
        operation=Operation.from_op_bytes(grant["operation"].encode("utf-8")),
        certificates=grant["certificates"],
        evidence=[vote.encode("utf-8") for vote in grant["evidence"]],
    )
    verifier.verify(presented, plan)
    return [f"would do: {name}" if dry_run else step() for name, step in chosen.items()]


def main() -> int:
    parser = argparse.ArgumentParser(description="Execute one granted operation on the files of a folder.")
    parser.add_argument("settings", type=Path)
    parser.add_argument("grant", type=Path)
    parser.add_argument("--everywhere", action="store_true", help="ignore canaries, to see the verifier refuse")
    parser.add_argument("--knows-no-conditions", action="store_true", help="as an executor from before conditions")
    args = parser.parse_args()
    settings = json.loads(args.settings.read_text())
    here = args.settings.parent
    try:
        verifier = Verifier(
            executor=settings["id"],
            enforces=frozenset() if args.knows_no_conditions else ENFORCES,
            anchor=Anchor(settings["domain"], [Key.from_jwk(root) for root in settings["roots"]]),
            guard=SqliteGuard(here / settings["used"]),
            min_approvals=settings.get("min_approvals", 0),
        )
        files = Files(settings["resource"], here / settings["folder"])
        done = execute(files, verifier, json.loads(args.grant.read_text()), args.everywhere)
    except Refusal as refusal:
        answer = {"refused": refusal.code, "verdict": refusal.verdict, "detail": refusal.detail}
        return say(120 if refusal.verdict == "denied" else 122, answer)
    except (JsonError, OperationError) as error:
        return say(120, {"refused": error.code, "verdict": "denied", "detail": "these bytes are no operation"})
    except (Unfit, OSError, ValueError, KeyError, TypeError) as error:
        return say(1, {"failed": f"{type(error).__name__}: {error}"})
    return say(0, {"done": done})


def say(exit_code: int, answer: dict[str, Any]) -> int:
    print(json.dumps(answer))
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
