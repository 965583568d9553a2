"""Why a token is refused: stable codes of two classes that must not be confused (TOKEN §7)."""


class Refusal(Exception):
    """The operation must not run; `code` is stable, `detail` is for people."""

    verdict = "denied"

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail


class Denied(Refusal):
    """We know that the token is bad."""


class Undetermined(Refusal):
    """We could not judge it. That is no permission either."""

    verdict = "undetermined"
