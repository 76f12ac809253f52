"""Archives that are more than a model."""

from __future__ import annotations

import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

from tests.attacks.case import Case, Outside, good_keras
from tests.attacks.configs import MODEL

BAD = Path("bad.keras")


def added(name: str, content: bytes = b"x", count: int = 1) -> Callable[[Outside], None]:
    def make(_: Outside) -> None:
        shutil.copy(good_keras(), BAD)
        with zipfile.ZipFile(BAD, "a", zipfile.ZIP_DEFLATED) as archive:
            for number in range(count):
                archive.writestr(name.format(number), content)

    return make


def rewritten(
    change: Callable[[dict[str, bytes]], None], method: int = zipfile.ZIP_DEFLATED
) -> Callable[[Outside], None]:
    def make(_: Outside) -> None:
        with zipfile.ZipFile(good_keras()) as old:
            content = {name: old.read(name) for name in old.namelist()}
        change(content)
        with zipfile.ZipFile(BAD, "w", method) as new:
            for name, data in content.items():
                new.writestr(name, data)

    return make


def replaced(name: str, text: bytes) -> Callable[[dict[str, bytes]], None]:
    return lambda content: content.update({name: text})


def twice(_: Outside) -> None:
    import warnings

    shutil.copy(good_keras(), BAD)
    with zipfile.ZipFile(BAD, "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr("config.json", "{}")


def said_larger(outside: Outside) -> None:
    """The directory says of the last member that it is 4 GB large."""
    rewritten(lambda _: None)(outside)
    raw = bytearray(BAD.read_bytes())
    start = raw.rindex(b"PK\x01\x02")
    raw[start + 24 : start + 28] = struct.pack("<I", 2**32 - 2)
    BAD.write_bytes(raw)


def same_bytes(outside: Outside) -> None:
    """Many members, all of which are the same compressed bytes."""
    added("assets/bomb", b"\0" * 10_000_000)(outside)
    raw = BAD.read_bytes()
    start = raw.rindex(b"PK\x01\x02")
    end = raw.rindex(b"PK\x05\x06")
    entry, count = raw[start:end], 500
    entries = b"".join(entry.replace(b"assets/bomb", b"assets/%04d" % number) for number in range(count))
    old = struct.unpack("<4s4H2IH", raw[end : end + 22])
    size = end - old[6] + len(entries)
    tail = struct.pack("<4s4H2IH", old[0], 0, 0, old[3] + count, old[4] + count, size, old[6], 0)
    BAD.write_bytes(raw[:end] + entries + tail)


def encrypted(outside: Outside) -> None:
    rewritten(lambda _: None)(outside)
    raw = bytearray(BAD.read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        raw[raw.index(mark) + place] |= 1
    BAD.write_bytes(raw)


def unpackable(outside: Outside) -> None:
    rewritten(lambda _: None)(outside)
    with zipfile.ZipFile(BAD) as archive:
        start = archive.getinfo("model.weights.h5").header_offset + 30 + len("model.weights.h5")
    raw = bytearray(BAD.read_bytes())
    raw[start : start + 10] = b"\xff" * 10
    BAD.write_bytes(raw)


def swollen_weights(content: dict[str, bytes]) -> None:
    content["model.weights.h5"] += b"\0" * 100_000_000


def text(content: bytes) -> Callable[[Outside], None]:
    return lambda _: BAD.write_bytes(content) and None


FOUND: dict[str, tuple[Callable[[Outside], None], str]] = {
    "a member that leaves the folder": (added("assets/../../../x"), "which no Keras model has"),
    "a member at the root": (added("/etc/cron.d/x"), "the archive holds `/etc/cron.d/x`, which no Keras model has"),
    "a member with code": (added("setup.py"), "the archive holds `setup.py`, which no Keras model has"),
    "a member with an escape code": (added("\x1b]0;x\x07"), "which no Keras model has"),
    "a member with a name of 60 KB": (added("a" * 60_000), "aaa…`, which no Keras model has"),
    "a member twice": (twice, "a member stands twice in the archive"),
    "12,000 members": (added("assets/{}", b"", 12_000), "and 10,000 at most are read"),
    "an asset of 100 MB": (added("assets/x", b"\0" * 100_000_000), "its members are said to be 100,"),
    "weights with 100 MB of nothing": (rewritten(swollen_weights), "its members are said to be 100,"),
    "weights said to be larger than they are": (said_larger, "its members are said to be 4,294,9"),
    "500 members that are the same bytes": (same_bytes, "its members are said to be 5,0"),
    "an encrypted member": (encrypted, "is encrypted, password required"),
    "weights that cannot be unpacked": (unpackable, "its weights cannot be read: Error -3 while decompressing"),
    "a member packed otherwise": (
        rewritten(lambda _: None, zipfile.ZIP_LZMA),
        "a member is compressed in a way that Keras never does",
    ),
    "no weights": (
        rewritten(lambda content: content.pop("model.weights.h5") and None),
        "it has no config.json or no weights",
    ),
    "an empty file": (text(b""), "this is not a whole .keras file"),
    "a text": (text(b"kspec: 1\n"), "this is not a whole .keras file"),
}
METADATA = {
    "metadata of a million lists": (
        b"[" + b"[]," * 1_000_000 + b"[]]",
        "metadata.json holds more than 1,000,000 values",
    ),
    "metadata of 20 MB": (b'"' + b"x" * 20_000_000 + b'"', "metadata.json is larger than 16,777,216 bytes"),
    "metadata that is no JSON": (b"{", "metadata.json cannot be read"),
}
CASES = (
    *(Case(name, make, said, MODEL[:3]) for name, (make, said) in FOUND.items()),
    *(
        Case(name, rewritten(replaced("metadata.json", content)), said, ("import bad.keras",))
        for name, (content, said) in METADATA.items()
    ),
)
