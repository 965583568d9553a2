"""An agent: asks before it acts, waits for people where they must agree, hands the grant to the executor, reports.

    python agent.py --action files.write --resource files:site --parameters '{"path":"a.txt","text":"hello"}' \\
        --executor https://exec.example/files --reason "the user asked for it" -- python executor.py executor.json

What follows `--` is the executor's command; the grant's file is appended to it. Exit codes are those of the
`countersign` command: 120 denied or refused, 121 expired, 122 undetermined; 1 if the executor failed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

import grpc

PROTO = Path(__file__).resolve().parents[2] / "proto"
sys.path.append(str(PROTO))  # where `protos_and_services` looks; nothing generated is kept
wire, services = grpc.protos_and_services("countersign/v1/authority.proto")

PATIENCE = 60
"""Seconds for which a service that can't be reached is tried again."""
STREAM = 60
"""Seconds after which a stream is opened anew, so that a dead connection is noticed."""
_OPTIONS = [("grpc.max_reconnect_backoff_ms", 5000)]


class Agent:
    """A connection to the sidecar, which knows who we are by the connection: its socket, or the bearer token."""

    def __init__(self, target: str, token: str = "") -> None:
        # `unix:PATH`, `http://HOST:PORT` or `https://HOST:PORT`, as for the command line.
        scheme, _, address = target.partition("://")
        if scheme == "https":
            channel = grpc.secure_channel(address, grpc.ssl_channel_credentials(), _OPTIONS)
        elif scheme == "http":
            channel = grpc.insecure_channel(address, _OPTIONS)
        else:
            # Else it would name the socket's path as the authority, which HTTP/2 servers refuse for its `%2F`.
            channel = grpc.insecure_channel(target, [*_OPTIONS, ("grpc.default_authority", "localhost")])
        self._sidecar = services.AuthorityStub(channel)
        self._metadata = (("authorization", f"Bearer {token}"),) if token else ()

    def authorize(self, request: Any) -> Any:
        """Asks for one operation. The request id makes it safe to ask again when the answer was lost."""
        give_up = time.monotonic() + PATIENCE
        while True:
            try:
                return self._sidecar.Authorize(request, timeout=30, metadata=self._metadata)
            except grpc.RpcError as error:
                if error.code() != grpc.StatusCode.UNAVAILABLE or time.monotonic() > give_up:
                    raise
                time.sleep(1)

    def wait(self, escalation_id: str) -> Any:
        """Follows an escalation to its end, or until a reviewer proposes another operation instead.

        It goes on through restarts of either side; each stream begins with its state."""
        request = wire.AwaitRequest(escalation_id=escalation_id)
        last_heard = time.monotonic()
        while True:
            try:
                for progress in self._sidecar.Await(request, timeout=STREAM, metadata=self._metadata):
                    waits = progress.status in (wire.STATUS_PENDING, wire.STATUS_APPROVED)
                    if not waits or progress.HasField("offer"):
                        return progress
                    print("waiting:", "; ".join(progress.reasons), file=sys.stderr, flush=True)
                    last_heard = time.monotonic()
            except grpc.RpcError as error:
                if error.code() not in _PASSING or time.monotonic() > last_heard + STREAM + PATIENCE:
                    raise
            time.sleep(1)

    def accept(self, escalation_id: str) -> Any:
        """Takes the operation that a reviewer proposes instead; asking again gives the same answer."""
        request = wire.AcceptRequest(escalation_id=escalation_id)
        return self._sidecar.Accept(request, timeout=30, metadata=self._metadata)

    def cancel(self, escalation_id: str, reason: str) -> None:
        """Withdraws an escalation."""
        request = wire.CancelRequest(escalation_id=escalation_id, reason=reason)
        self._sidecar.Cancel(request, timeout=30, metadata=self._metadata)

    def report(self, decision_id: str, outcome: int, code: str = "", detail: str = "") -> None:
        """Tells what became of the operation."""
        report = wire.ReportRequest(decision_id=decision_id, outcome=outcome, code=code, detail=detail)
        self._sidecar.Report(report, timeout=30, metadata=self._metadata)


_PASSING = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.DEADLINE_EXCEEDED,
)


def grant_file(grant: Any) -> Path:
    """Writes a grant for the executor, readable by us alone: whoever has it could use it first."""
    document = {
        "token": grant.token,
        "certificates": list(grant.certificates),
        "evidence": [vote.decode() for vote in grant.evidence],
        "operation": grant.op_bytes.decode(),
        "conditions": [json.loads(condition) for condition in grant.conditions],
        "expires_at": grant.expires_at,
    }
    with tempfile.NamedTemporaryFile("w", prefix="grant-", suffix=".json", delete=False) as file:
        json.dump(document, file)  # created with mode 0600
    return Path(file.name)


def execute(command: list[str], grant: Any) -> tuple[int, dict[str, Any]]:
    """Runs the executor and returns its outcome and what it says about it."""
    path = grant_file(grant)
    try:
        done = subprocess.run([*command, str(path)], stdout=subprocess.PIPE, check=False)
    finally:
        path.unlink()
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        return wire.OUTCOME_UNKNOWN, {"error": f"the executor ended with {done.returncode} and no answer"}
    if "refused" in answer:
        return wire.OUTCOME_REFUSED, answer
    return (wire.OUTCOME_SUCCEEDED if done.returncode == 0 else wire.OUTCOME_FAILED), answer


def changes(offer: Any) -> str:
    """What a reviewer proposes instead, beside what was asked for."""
    marks = {wire.SIDE_REMOVED: "-", wire.SIDE_ADDED: "+"}
    lines = [f"  {marks.get(line.side, ' ')} {line.text}" for line in offer.difference]
    return "\n".join([f"{offer.reviewer} proposes another operation: {offer.reason}", *lines])


def run(agent: Agent, request: Any, command: list[str], accept_changes: bool) -> int:
    """One operation from the question to the report; prints one JSON document."""
    answer = agent.authorize(request)
    end = None
    while answer.verdict == wire.VERDICT_ESCALATE:
        pending = answer.pending
        print(f"escalated: {pending.escalation_id} needs {pending.requirement}", file=sys.stderr, flush=True)
        end = agent.wait(pending.escalation_id)
        if not end.HasField("offer"):
            break
        print(changes(end.offer), file=sys.stderr, flush=True)
        if not accept_changes:
            # What was asked for is not approved any more, and nothing else is done in its place.
            agent.cancel(pending.escalation_id, "this agent takes no changed operation")
            reasons = [f"{end.offer.reviewer} proposes another operation: {end.offer.reason}"]
            return say(120, decision=answer.decision_id, ended="cancelled", reasons=reasons)
        answer, end = agent.accept(pending.escalation_id), None
    grant, ended, reasons = answer.grant, "allowed", list(answer.reasons)
    if answer.verdict == wire.VERDICT_DENY:
        return say(120, decision=answer.decision_id, ended="denied", reasons=reasons)
    if end is not None:
        ended = wire.Status.Name(end.status).removeprefix("STATUS_").lower()
        grant, reasons = end.grant, list(end.reasons)
        if end.status != wire.STATUS_CLAIMED:
            expired = end.status in (wire.STATUS_EXPIRED, wire.STATUS_LAPSED)
            return say(121 if expired else 120, decision=answer.decision_id, ended=ended, reasons=reasons)
    if not grant.token:
        return say(122, decision=answer.decision_id, ended="undetermined", reasons=["an allow without a token"])
    outcome, told = execute(command, grant)
    agent.report(answer.decision_id, outcome, told.get("refused", ""), told.get("detail", "")[:500])
    refused = 122 if told.get("verdict") == "undetermined" else 120
    exit_code = {wire.OUTCOME_SUCCEEDED: 0, wire.OUTCOME_REFUSED: refused}.get(outcome, 1)
    return say(exit_code, decision=answer.decision_id, ended=ended, reasons=reasons, executor=told)


def say(exit_code: int, **document: Any) -> int:
    print(json.dumps(document))
    return exit_code


def main() -> int:
    parser = argparse.ArgumentParser(description="Ask for one operation and have it executed.")
    target = os.environ.get("COUNTERSIGN_TARGET", "unix:/run/countersign/agent.sock")
    parser.add_argument("--target", default=target, help="unix:PATH, http://HOST:PORT or https://HOST:PORT")
    parser.add_argument("--token-file", type=Path, default=os.environ.get("COUNTERSIGN_TOKEN_FILE"))
    parser.add_argument("--action", required=True, help="a dotted name: files.write")
    parser.add_argument("--resource", required=True)
    parser.add_argument("--parameters", required=True, help="a JSON object")
    parser.add_argument("--executor", required=True, help="the executor's registered id")
    parser.add_argument("--reason", default="")
    parser.add_argument("--accept-changes", action="store_true", help="take what a reviewer proposes instead")
    parser.add_argument("command", nargs="+", help="the executor's command")
    args = parser.parse_args()
    request = wire.AuthorizeRequest(
        request_id=str(uuid.uuid4()),
        operation=wire.Operation(action=args.action, resource=args.resource, parameters=args.parameters.encode()),
        executor=args.executor,
        context=wire.Context(reason=args.reason),
    )
    agent = Agent(args.target, args.token_file.read_text().strip() if args.token_file else "")
    try:
        return run(agent, request, args.command, args.accept_changes)
    except grpc.RpcError as error:
        return say(122, ended="undetermined", reasons=[f"{error.code().name}: {error.details()}"])


if __name__ == "__main__":
    sys.exit(main())
