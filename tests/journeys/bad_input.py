"""What no client should send, as bytes: JSON that is none, values that fit nowhere, addresses of nothing."""

from collections.abc import Iterator
from typing import Any

import msgspec

# Far deeper than any document, and than any stack.
_DEEP = 10_000

# No operation takes one of these as its body.
BODIES: dict[str, bytes] = {
    "nothing": b"",
    "blank": b" \n",
    "null": b"null",
    "true": b"true",
    "a number": b"7",
    "a huge number": b"1" * 5_000,
    "a text": b'"text"',
    "an array": b"[]",
    "an array of an object": b"[{}]",
    "an unknown member": b'{"no_such_member": 1}',
    "half an object": b'{"email": ',
    "a comma too many": b'{"email": "a",}',
    "two documents": b"{}{}",
    "single quotes": b"{'email': 'a'}",
    "NaN": b"NaN",
    "a member that is NaN": b'{"event_id": NaN}',
    "a byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"email": "a"}'.encode("utf-16"),
    "broken UTF-8": b'{"email": "\xff\xfe"}',
    "a NUL": b'{"email": "a"}\x00',
    "deep arrays": b"[" * _DEEP + b"]" * _DEEP,
    "deep arrays without an end": b"[" * _DEEP,
    "deep objects": b'{"a":' * _DEEP + b"1" + b"}" * _DEEP,
    "a deep unknown member": b'{"no_such_member":' + b"[" * _DEEP + b"]" * _DEEP + b"}",
    "XML": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    "a form": b"email=a&password=b",
}

# Two megabytes where one is the limit.
LARGE = b'{"no_such_member": "' + b"x" * 2_000_000 + b'"}'

# Instead of a member, whatever its type is; some are fine for some.
VALUES: dict[str, bytes] = {
    "null": b"null",
    "true": b"true",
    "zero": b"0",
    "minus one": b"-1",
    "2**31": str(2**31).encode(),
    "2**32": str(2**32).encode(),
    "2**63": str(2**63).encode(),
    "2**70": str(2**70).encode(),
    "-2**70": str(-(2**70)).encode(),
    "a fraction": b"1.5",
    "an exponent": b"1e3",
    "infinity in disguise": b"1e999",
    "NaN": b"NaN",
    "Infinity": b"-Infinity",
    "an empty text": b'""',
    "a blank text": b'" "',
    "a text": b'"text"',
    "a number as text": b'"1"',
    "a NUL": b'"a\\u0000b"',
    "an escape": b'"a\\u001bb"',
    "a line break": b'"a\\nb"',
    "half a character": b'"a\\ud800b"',
    "the other half": b'"\\udc00"',
    "halves the wrong way round": b'"\\udc00\\ud800"',
    "broken UTF-8": b'"\xff"',
    "a character in too many bytes": b'"\xc0\x80"',
    "a half in bytes": b'"\xed\xa0\x80"',
    "no character": '"\uffff\U0010ffff"'.encode(),
    "writing from right to left": '"\u202etxt\u2066"'.encode(),
    "a long text": b'"' + b"x" * 30_000 + b'"',
    "wide characters": '"{}"'.format("\U0001f3ab" * 300).encode(),
    "the end of the calendar": b'"9999-12-31T23:59:59.999999-23:59"',
    "the beginning of the calendar": b'"0001-01-01T00:00:00+23:59"',
    "a year without room": b'"99999-01-01T00:00:00Z"',
    "a time without zone": b'"2027-01-01T00:00:00"',
    "an empty array": b"[]",
    "an array of null": b"[null]",
    "an array of halves": b'["\\ud800"]',
    "an array of NUL": b'["\\u0000"]',
    "a long array": b"[" + b"1," * 10_000 + b"1]",
    "an empty object": b"{}",
    "an object of NUL": b'{"\\u0000": 1}',
    "an object of halves": b'{"\\ud800": 1}',
    "an object of no name": b'{"": 1}',
    "an object of huge numbers": b'{"Stalls": 9223372036854775808}',
    "depth": b"[" * _DEEP + b"]" * _DEEP,
}

# No member takes one of these.
NEVER = (
    "NaN", "Infinity", "half a character", "the other half", "halves the wrong way round", "depth",
    "broken UTF-8", "a character in too many bytes", "a half in bytes",
)  # fmt: skip

# Instead of a number in an address.
NUMBERS = (
    "0",
    "-1",
    str(2**32),
    str(2**63),
    str(2**70),
    "9" * 5_000,
    "x",
    "1.5",
    "1e3",
    "0x1",
    "NaN",
    "null",
)

# Instead of anything in an address.
WORDS = ("%00", "1%00", "%FF", "%ED%A0%80", "%C0%80", "%25", "%0A", "%F0%9F%8E%AB", "{}", "x" * 5_000)

# Instead of an id of a booking, payment or ticket.
UUIDS = (
    "00000000-0000-0000-0000-000000000000",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "0199a1b2-c3d4-8e5f-8000-00004000000",
    "0199a1b2-c3d4-8e5f-8000-0000400000000",
    "%7B0199a1b2-c3d4-8e5f-8000-000040000000%7D",
)

# Instead of a parameter of the query, whatever its type is.
PARAMETERS = (
    "", "%00", "a%00b", "%FF", "%ED%A0%80", "%", "%zz", "0", "-1", "101", str(2**31), str(2**63), str(2**70),
    "1.5", "NaN", "abc", "true", "null", "[]", "{}", "%20", "%25%5F%5C", "x" * 5_000,
    "9999-12-31T23:59:59-23:59",
    "0001-01-01T00:00:00%2B23:59", "2027-01-01", "2027-01-01T00:00:00",
)  # fmt: skip

# JSON that a cursor could hold, had we made it.
POSITIONS = (
    b"", b"null", b"1", b"-1", b'"x"', b"[]", b"{}", b"[1]", b"[-1]", b"[null]", b"NaN", b"\xff", b"\x00",
    b"[9223372036854775808]", b"[1180591620717411303424]", b"[2147483648]", b'["\\ud800"]', b'["\\u0000", 1]',
    b'["9999-12-31T23:59:59.999999-23:59", 1]', b'["0001-01-01T00:00:00+23:59", 1]',
    b'["2027-01-01T00:00:00", 1]', b'["2027-01-01T00:00:00Z", -1]', b'["2027-01-01T00:00:00Z", 1e30]',
    b'"ffffffff-ffff-ffff-ffff-ffffffffffff"', b'"00000000-0000-0000-0000-000000000000"', b"[" * 140,
)  # fmt: skip

_HERE = "@here@"


def with_bad_members(example: Any) -> Iterator[tuple[str, str, bytes]]:
    """The example with one member after the other replaced by each value: pointer, value's name, body.

    Of a list, the first item stands for all.
    """
    for pointer in pointers_of(example):
        body = msgspec.json.encode(_replaced(example, pointer.split("/")[1:]))
        for name, value in VALUES.items():
            yield pointer, name, body.replace(f'"{_HERE}"'.encode(), value)


def with_unknown_members(example: Any) -> Iterator[tuple[str, bytes]]:
    """The example with an unknown member in one object after the other: its pointer, body."""
    for pointer in ["", *pointers_of(example)]:
        body = msgspec.json.decode(msgspec.json.encode(example))
        part = body
        for step in pointer.split("/")[1:]:
            part = part[int(step)] if isinstance(part, list) else part[step]
        if isinstance(part, dict):
            part["no_such_member"] = 1
            yield f"{pointer}/no_such_member", msgspec.json.encode(body)


def pointers_of(example: Any, pointer: str = "") -> Iterator[str]:
    """Every member of the example, those of its members too."""
    members = list(example.items()) if isinstance(example, dict) else []
    if isinstance(example, list):
        members = [("0", item) for item in example[:1]]
    for name, member in members:
        yield f"{pointer}/{name}"
        yield from pointers_of(member, f"{pointer}/{name}")


def _replaced(example: Any, steps: list[str]) -> Any:
    if not steps:
        return _HERE
    if isinstance(example, list):
        return [_replaced(example[0], steps[1:]), *example[1:]]
    return {**example, steps[0]: _replaced(example[steps[0]], steps[1:])}
