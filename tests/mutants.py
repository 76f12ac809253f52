"""Texts broken by chance: bytes, lines, words and YAML's own structure changed, lost, doubled and mixed."""

from __future__ import annotations

import functools
import random
import re
from collections.abc import Callable
from typing import Any

import yaml

__all__ = ["mutant"]

_TEXT = r"""
null true false ~ yes 0 -1 1 2 3 0.5 1e999 -1e-999 .nan .inf 0x1f 0o17 010 1_000 12:30:00 2026-13-45 1e400
99999999999999999999 9223372036854775808 1000000000000 [ ] { } [[]] {} [{}] , : - ? | > ' " % @ ` # #x
*x &x <<: <<:* !!python/object:os.system !x --- ... $ $x $$ $( $(1/0) $(x[0]) $(9**9**9) $(1e308*10) $width
previous input inputs outputs layers repeat: reuse: parallel: residual: model: output: merge: when: call:
from: name: weights: trainable: dtype: blocks: vars: extends: import: class: custom: compile: fit: data:
expect: kspec: seed: Dense: Lambda: Conv2D: LSTM: Bidirectional: Flatten Reshape: Concatenate: Embedding:
ops.matmul: ops.add ops.reshape: relu softmax adam os.system /etc/passwd ../../x data/digits.npz
base/mnist.yaml blocks/conv.yaml case.yaml digits_mlp.yaml float16 int32 mixed_float16 é 😀
"""
WORDS = (
    *(word.encode() for word in _TEXT.split()),
    *(b"\\", b"\t", b"\xff", b"\x00", b"\r", b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"\x1b[31m", b"1" * 5000),
)

VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 1, 2.5, 10**6, 10**12, 10**20, -(2**63), float("nan"), float("inf"), 1e-320, "", "x", "$x"),
    *("$(1 / 0)", "$(10 ** 100)", "relu", "Dense", "previous", [], {}, [[]], [None], {"": 1}, [1, 2, 3], "../x", "a/b"),
    *({"Dense": 3}, ["Flatten"], {"repeat": 10**9, "layers": ["Flatten"]}, {"reuse": "x"}, {1: 2}, {"a.b": 1}, "é"),
)

Change = Callable[[random.Random, bytes, list[bytes]], bytes]


def mutant(chance: random.Random, texts: list[bytes]) -> bytes:
    """One of the texts after one to three changes."""
    text = chance.choice(texts)
    for _ in range(chance.choice((1, 1, 1, 1, 1, 2, 2, 3))):
        text = chance.choice(CHANGES)(chance, text, texts)
    return text


def _bytes(chance: random.Random, text: bytes, texts: list[bytes]) -> bytes:
    """A few bytes replaced, put in or lost."""
    for _ in range(chance.randint(1, 4)):
        at, new = chance.randint(0, len(text)), chance.randbytes(chance.randint(0, 3))
        text = text[:at] + new + text[at + chance.randint(0, 3) :]
    return text


def _bits(chance: random.Random, text: bytes, texts: list[bytes]) -> bytes:
    made = bytearray(text)
    for _ in range(chance.randint(1, 3) if made else 0):
        made[chance.randrange(len(made))] ^= 1 << chance.randrange(8)
    return bytes(made)


def _noise(chance: random.Random, text: bytes, texts: list[bytes]) -> bytes:
    """Random bytes alone, or behind a beginning."""
    return text[: chance.choice((0, 8, len(text)))] + chance.randbytes(chance.randint(0, 200))


def _cut(chance: random.Random, text: bytes, texts: list[bytes]) -> bytes:
    at = chance.randint(0, len(text))
    return text[:at] if chance.random() < 0.7 else text[at:]


def _splice(chance: random.Random, text: bytes, texts: list[bytes]) -> bytes:
    """The beginning of one text and the end of another, in the midst of lines or between them."""
    other = chance.choice(texts)
    if chance.random() < 0.5:
        return text[: chance.randint(0, len(text))] + other[chance.randint(0, len(other)) :]
    left, right = text.split(b"\n"), other.split(b"\n")
    return b"\n".join(left[: chance.randint(0, len(left))] + right[chance.randint(0, len(right)) :])


def _lines(chance: random.Random, text: bytes, texts: list[bytes]) -> bytes:
    """A line lost, doubled, moved, indented otherwise, or another text's."""
    lines = text.split(b"\n")
    at, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    match chance.randrange(6):
        case 0:
            del lines[at]
        case 1:
            lines.insert(other, lines[at])
        case 2:
            lines[at], lines[other] = lines[other], lines[at]
        case 3:
            lines[at] = b" " * chance.randint(0, 8) + lines[at].lstrip()
        case 4:
            lines[at:at] = chance.choice(chance.choice(texts).split(b"\n")).split(b"\n")
        case _:
            first, last = sorted((at, other))
            lines[at:at] = lines[first:last] * chance.choice((1, 1, 30))
    return b"\n".join(lines)


def _tokens(chance: random.Random, text: bytes, texts: list[bytes]) -> bytes:
    """Words exchanged for others: of YAML, of specs, of this text."""
    tokens = re.findall(rb"\s+|[\w.$]+|[^\s\w.$]", text)
    for _ in range(chance.randint(1, 3) if tokens else 0):
        at = chance.randrange(len(tokens))
        new = chance.choice(WORDS) if chance.random() < 0.7 else chance.choice(tokens)
        match chance.randrange(3):
            case 0:
                tokens[at] = new
            case 1:
                tokens[at] += new
            case _:
                tokens[at] = b""
    return b"".join(tokens)


def _numbers(chance: random.Random, text: bytes, texts: list[bytes]) -> bytes:
    """A number that is huge, tiny, negative or none."""
    found = list(re.finditer(rb"\b\d+(\.\d+)?\b", text))
    if not found:
        return text
    at = chance.choice(found)
    new = chance.choice((b"0", b"-1", b"1e30", b"9" * chance.choice((7, 12, 25, 400, 5000)), b".5", b"2147483648"))
    return text[: at.start()] + new + text[at.end() :]


def _nested(chance: random.Random, text: bytes, texts: list[bytes]) -> bytes:
    """Brackets in brackets behind a colon, closed or not."""
    deep, left, right = chance.choice((5, 60, 101, 2000, 30_000)), *chance.choice(((b"[", b"]"), (b"{a: ", b"}")))
    inner = left * deep + b"1" + (right * deep if chance.random() < 0.7 else b"")
    places = [found.end() for found in re.finditer(rb": ", text)] or [0]
    at = chance.choice(places)
    return text[:at] + inner + (b"\n" if chance.random() < 0.5 else b"") + text[at:]


def _aliases(chance: random.Random, text: bytes, texts: list[bytes]) -> bytes:
    """A value with an anchor, used elsewhere, inside itself too; or aliases that explode."""
    places = [found.end() for found in re.finditer(rb"(: |- )(?=\S)", text)]
    if chance.random() < 0.2 or len(places) < 2:
        bomb = b"".join(b"a%d: &a%d [%s]\n" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 9)) for n in range(1, 9))
        return text + b"\nvars:\n" + (b"a0: &a0 [x]\n" + bomb).replace(b"a", b"  a", 1).replace(b"\na", b"\n  a")
    first, second = sorted(chance.sample(places, 2))
    end = (text[second:] + b"\n").index(b"\n") + second if chance.random() < 0.6 else second
    return text[:first] + b"&x " + text[first:second] + b"*x " + text[end:]


def _structure(chance: random.Random, text: bytes, texts: list[bytes]) -> bytes:
    """The data that a text means, with a value or a key of it changed, written anew."""
    data, other = _parsed(text), _parsed(chance.choice(texts))
    if not isinstance(data, (dict, list)):
        return text
    for _ in range(chance.randint(1, 3)):
        holder = chance.choice(_holders(data))
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        if keys:
            _change(chance, holder, chance.choice(keys), other)
    try:
        return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None).encode()
    except (yaml.YAMLError, RecursionError, UnicodeError):
        return text


def _change(chance: random.Random, holder: Any, key: Any, other: Any) -> None:
    """One change of the value under a key or index."""
    value = holder[key]
    match chance.randrange(7):
        case 0:
            del holder[key]
        case 1:
            holder[key] = chance.choice(VALUES)
        case 2:
            holder[key] = chance.choice(([value], [value, value], {"x": value}, {str(value)[:20]: None}))
        case 3 if isinstance(other, (dict, list)):
            part = chance.choice(_holders(other))
            holder[key] = chance.choice(list(part.values()) if isinstance(part, dict) else part) if part else part
        case 4 if isinstance(holder, dict):
            holder[chance.choice(WORDS).decode(errors="ignore").strip(":")[:20]] = holder.pop(key)
        case 5 if isinstance(holder, list):
            chance.shuffle(holder)
        case 6 if isinstance(value, (int, float)):
            holder[key] = value * chance.choice((-1, 0, 10, 0.5, 10**9))
        case _:
            holder[key] = chance.choice(VALUES)


def _holders(data: Any) -> list[Any]:
    """Every mapping and list in the data, itself first."""
    found, seen = [data], {id(data)}
    for each in found:
        for value in each.values() if isinstance(each, dict) else each:
            if isinstance(value, (dict, list)) and id(value) not in seen:
                seen.add(id(value))
                found.append(value)
    return found


class _Dumper(yaml.SafeDumper):
    """Writes what is there twice as an alias, as PyYAML does."""


def _parsed(text: bytes) -> Any:
    try:
        return yaml.load(_readable(text), yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError, OverflowError):
        return None


@functools.lru_cache(maxsize=64)
def _readable(text: bytes) -> str:
    """A text that PyYAML's parser, which knows no bound, can be given."""
    if max(text.count(b"["), text.count(b"{"), text.count(b"*")) > 500:
        raise ValueError("deep")
    return text.decode()


CHANGES: tuple[Change, ...] = (
    *(_bytes, _bits, _noise, _cut, _splice, _lines, _lines, _tokens, _tokens, _tokens, _numbers, _nested, _aliases),
    *(_structure, _structure, _structure, _structure),
)
