"""Strict JSON and its RFC 8785 canonical form: what the digest of an operation is made of (TOKEN §5).

The `json` module keeps the last of two equal names, rounds numbers and takes lone surrogates, so that two
different texts could look alike to a reviewer and to an executor. This reader refuses them, each by a stable code.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import TypeAlias

Json: TypeAlias = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


@dataclass(frozen=True)
class Limits:
    size: int
    depth: int
    members: int


PARAMETERS = Limits(size=256 * 1024, depth=32, members=4096)


class JsonError(ValueError):
    """A text that is not JSON that can be hashed unambiguously; `code` is stable, `at` counts characters."""

    def __init__(self, code: str, at: int = 0) -> None:
        super().__init__(f"{code} at character {at}")
        self.code = code
        self.at = at


def read(text: bytes, limits: Limits = PARAMETERS) -> Json:
    """Reads one JSON value; raises `JsonError` for whatever two programs could understand differently."""
    if len(text) > limits.size:
        raise JsonError("json.too_large", limits.size)
    if text.startswith(b"\xef\xbb\xbf"):
        raise JsonError("json.byte_order_mark")
    try:
        reader = _Reader(text.decode("utf-8", errors="strict"), limits)
    except UnicodeDecodeError as error:
        raise JsonError("json.not_utf8", error.start) from None
    value = reader.value()
    reader.skip_space()
    if reader.at != len(reader.text):
        raise JsonError("json.trailing", reader.at)
    return value


def canonical(value: Json) -> bytes:
    """The RFC 8785 form; raises `JsonError` for a number that a double would change."""
    return _write(value).encode("utf-8")


_NUMBER = re.compile(
    r"(-?)(0|[1-9][0-9]*)(?![0-9])(?:\.([0-9]+)(?![0-9])|(?!\.))(?:[eE]([+-]?[0-9]+)|(?![eE]))", re.ASCII
)
_PLAIN = re.compile(r'[^"\\\x00-\x1f]*')
_SPACE = re.compile(r"[ \t\r\n]*")
_HEX = re.compile(r"[0-9A-Fa-f]{4}")
_NONCHARACTER = re.compile(
    "[\ufdd0-\ufdef" + "".join(chr(p * 0x10000 + u) for p in range(17) for u in (0xFFFE, 0xFFFF)) + "]"
)
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_WORDS: dict[str, Json] = {"true": True, "false": False, "null": None}


class _Reader:
    def __init__(self, text: str, limits: Limits) -> None:
        self.text = text
        self.at = 0
        self.depth_left = limits.depth
        self.members_left = limits.members

    def value(self) -> Json:
        self.skip_space()
        match self.peek():
            case "{":
                return self.object()
            case "[":
                return self.array()
            case '"':
                return self.string()
            case "t" | "f" | "n":
                return self.word()
            case "-" | "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9":
                return self.number()
            case _:
                raise self.unexpected()

    def object(self) -> dict[str, Json]:
        self.open()
        members: dict[str, Json] = {}
        while self.more("}", first=not members):
            self.skip_space()
            at = self.at
            if self.peek() != '"':
                raise self.unexpected()
            if self.members_left == 0:
                raise JsonError("json.too_many_members", at)
            self.members_left -= 1
            name = self.string()
            if name in members:
                raise JsonError("json.duplicate_name", at)
            self.skip_space()
            if self.peek() != ":":
                raise self.unexpected()
            self.at += 1
            members[name] = self.value()
        return members

    def array(self) -> list[Json]:
        self.open()
        elements: list[Json] = []
        while self.more("]", first=not elements):
            elements.append(self.value())
        return elements

    def open(self) -> None:
        if self.depth_left == 0:
            raise JsonError("json.too_deep", self.at)
        self.depth_left -= 1
        self.at += 1

    def more(self, close: str, first: bool) -> bool:
        self.skip_space()
        if self.peek() == close:
            self.at += 1
            self.depth_left += 1
            return False
        if not first:
            if self.peek() != ",":
                raise self.unexpected()
            self.at += 1
        return True

    def word(self) -> Json:
        for word, value in _WORDS.items():
            if self.text.startswith(word, self.at):
                self.at += len(word)
                return value
        rest = self.text[self.at : self.at + 5]
        cut = any(word.startswith(rest) for word in _WORDS)
        raise JsonError("json.truncated" if cut else "json.unexpected", self.at)

    def number(self) -> int | float:
        literal = _NUMBER.match(self.text, self.at)
        if literal is None:
            raise JsonError("json.bad_number", self.at)
        number = _exact(literal, self.at)
        self.at = literal.end()
        return number

    def string(self) -> str:
        self.at += 1
        parts: list[str] = []
        while True:
            parts.append(self.plain())
            match self.peek():
                case '"':
                    self.at += 1
                    return "".join(parts)
                case "\\":
                    parts.append(self.escape())
                case "":
                    raise JsonError("json.truncated", self.at)
                case _:
                    raise JsonError("json.control_character", self.at)

    def plain(self) -> str:
        start = self.at
        self.at = _PLAIN.match(self.text, start).end()  # type: ignore[union-attr]  # it matches the empty text too
        if bad := _NONCHARACTER.search(self.text, start, self.at):
            raise JsonError("json.noncharacter", bad.start())
        return self.text[start : self.at]

    def escape(self) -> str:
        kind = self.text[self.at + 1 : self.at + 2]
        if kind == "u":
            return self.unicode_escape()
        if kind not in _ESCAPES:
            raise JsonError("json.bad_escape" if kind else "json.truncated", self.at)
        self.at += 2
        return _ESCAPES[kind]

    def unicode_escape(self) -> str:
        start = self.at
        code = self.code_unit(start)
        self.at += 6
        if 0xD800 <= code < 0xDC00 and self.text.startswith("\\u", self.at):
            low = self.code_unit(self.at)
            if 0xDC00 <= low < 0xE000:
                code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
                self.at += 6
        if 0xD800 <= code < 0xE000:
            raise JsonError("json.lone_surrogate", start)
        if _NONCHARACTER.match(chr(code)):
            raise JsonError("json.noncharacter", start)
        return chr(code)

    def code_unit(self, at: int) -> int:
        digits = _HEX.match(self.text, at + 2)
        if digits is None:
            raise JsonError("json.truncated" if len(self.text) < at + 6 else "json.bad_escape", at)
        return int(digits[0], 16)

    def skip_space(self) -> None:
        self.at = _SPACE.match(self.text, self.at).end()  # type: ignore[union-attr]  # it matches the empty text too

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def unexpected(self) -> JsonError:
        return JsonError("json.unexpected" if self.peek() else "json.truncated", self.at)


def _decimal(literal: re.Match[str]) -> tuple[str, int]:
    """The value as (digits, magnitude): 0.digits × 10^magnitude, without zeros at either end of the digits."""
    _, whole, fraction, exponent = literal.groups(default="")
    all_digits = whole + fraction
    digits = all_digits.lstrip("0")
    # Twelve digits are already more than the text is long, so that a longer exponent says nothing more.
    size = int(exponent.lstrip("+-").lstrip("0")[:12] or "0")
    shift = -size if exponent.startswith("-") else size
    return digits.rstrip("0"), len(whole) - (len(all_digits) - len(digits)) + shift


def _exact(literal: re.Match[str], at: int) -> int | float:
    """The number, if the double next to it has the same decimal value."""
    digits, magnitude = _decimal(literal)
    if not digits:
        if literal[1]:
            raise JsonError("json.negative_zero", at)
        return 0
    if len(digits) > 17:
        raise JsonError("json.lossy_number", at)
    if magnitude > 309:
        raise JsonError("json.number_out_of_range", at)
    double = float(f"{literal[1]}0.{digits}e{magnitude}")
    if math.isinf(double):
        raise JsonError("json.number_out_of_range", at)
    text = es6_number(double)
    if _value(text) != (digits, magnitude):
        raise JsonError("json.lossy_number", at)
    return double if "." in text or "e" in text else int(text)


def es6_number(double: float) -> str:
    """A finite double as ECMAScript writes it (RFC 8785 §3.2.2.3)."""
    if double == 0:
        return "0"
    shortest = _NUMBER.fullmatch(repr(abs(double)))
    if shortest is None:
        raise JsonError("json.number_out_of_range")  # NaN and infinities
    digits, point = _decimal(shortest)
    sign = "-" if double < 0 else ""
    if len(digits) <= point <= 21:
        return sign + digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{fraction}e{point - 1:+d}"


def _write(value: Json) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return _write_number(value)
        case str():
            return json.dumps(value, ensure_ascii=False)
        case dict():
            names = sorted(value, key=lambda name: name.encode("utf-16-be"))
            return "{" + ",".join(f"{_write(name)}:{_write(value[name])}" for name in names) + "}"
        case list():
            return "[" + ",".join(_write(element) for element in value) + "]"
    raise TypeError(f"not a JSON value: {type(value).__name__}")


def _write_number(number: float) -> str:
    try:
        text = es6_number(float(number))
    except OverflowError:
        raise JsonError("json.number_out_of_range") from None
    if isinstance(number, int) and _value(text) != _value(str(number)):
        raise JsonError("json.lossy_number")
    return text


def _value(number: str) -> tuple[str, int] | None:
    literal = _NUMBER.fullmatch(number)
    return literal and _decimal(literal)
