"""What someone proposes to do: its canonical bytes and the digest that a token binds (TOKEN §5)."""

from __future__ import annotations

import hashlib
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass

from .strict_json import PARAMETERS, Json, JsonError, Limits, canonical, read

_LABEL = b"countersign/op/v1\n"
_ENVELOPE = Limits(
    size=PARAMETERS.size + 256 + 2 * 2048 + 128, depth=PARAMETERS.depth + 1, members=PARAMETERS.members + 4
)
_ACTION = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_NOT_IN_RESOURCE = re.compile("[\x00-\x1f\x7f-\x9f]")


class OperationError(ValueError):
    """Something that is not an operation; `code` is stable."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Operation:
    """An action on a resource, with parameters or with a payload of which only the SHA-256 is here."""

    action: str
    resource: str
    op_bytes: bytes

    @classmethod
    def from_json(cls, action: str, resource: str, parameters: bytes) -> Operation:
        """An operation whose parameters are the text of a JSON object."""
        value = read(parameters)
        if not isinstance(value, dict):
            raise OperationError("operation.parameters_not_object")
        if len(canonical(value)) > PARAMETERS.size:
            raise JsonError("json.too_large")
        return cls._of(action, resource, {"parameters": value})

    @classmethod
    def from_payload(cls, action: str, resource: str, payload: bytes) -> Operation:
        """An operation whose argument is the exact bytes that the executor will receive."""
        return cls._of(action, resource, {"payload_sha256": base64url(hashlib.sha256(payload).digest())})

    @classmethod
    def from_op_bytes(cls, op_bytes: bytes) -> Operation:
        """Reads the canonical form, and nothing but it, byte for byte."""
        match read(op_bytes, _ENVELOPE):
            case {"action": str(action), "resource": str(resource), "parameters": parameters}:
                operation = cls.from_json(action, resource, canonical(parameters))
            case {"action": str(action), "resource": str(resource), "payload_sha256": str(digest)}:
                if len(from_base64url(digest) or b"") != 32:
                    raise OperationError("operation.not_canonical")
                operation = cls._of(action, resource, {"payload_sha256": digest})
            case _:
                raise OperationError("operation.not_canonical")
        # Catches another order, space, another version and members that no operation has.
        if operation.op_bytes != op_bytes:
            raise OperationError("operation.not_canonical")
        return operation

    @classmethod
    def _of(cls, action: str, resource: str, arguments: dict[str, Json]) -> Operation:
        if len(action) > 256 or not _ACTION.fullmatch(action):
            raise OperationError("operation.action")
        try:
            op_bytes = canonical({"action": action, **arguments, "resource": resource, "v": 1})
            read(canonical(resource))  # refuses noncharacters
            size = len(resource.encode("utf-8"))
        except (JsonError, UnicodeEncodeError):
            raise OperationError("operation.resource") from None
        if not 1 <= size <= 2048 or _NOT_IN_RESOURCE.search(resource):
            raise OperationError("operation.resource")
        return cls(action, resource, op_bytes)

    @property
    def digest(self) -> str:
        """What a token and every vote on this operation bind: 43 characters."""
        return base64url(hashlib.sha256(_LABEL + self.op_bytes).digest())

    @property
    def arguments(self) -> dict[str, Json]:
        """The whole operation as parsed from the hashed bytes; an executor acts on nothing else."""
        value = read(self.op_bytes, _ENVELOPE)
        assert isinstance(value, dict)
        return value

    @property
    def parameters(self) -> dict[str, Json] | None:
        """The parameters; `None` where there is a payload instead."""
        value = self.arguments.get("parameters")
        return value if isinstance(value, dict) else None

    def payload_matches(self, payload: bytes) -> bool:
        """Whether these are the bytes that the operation names by their SHA-256."""
        return self.arguments.get("payload_sha256") == base64url(hashlib.sha256(payload).digest())


def base64url(data: bytes) -> str:
    """Unpadded base64url."""
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def from_base64url(text: str) -> bytes | None:
    """Reads unpadded base64url strictly: no padding, no other alphabet, unused bits zero."""
    if not re.fullmatch(r"[A-Za-z0-9_-]*", text) or len(text) % 4 == 1:
        return None
    data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return data if base64url(data) == text else None
