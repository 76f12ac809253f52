"""Data files of every sort, for starter specs: made of formulas, so that they are the same everywhere and always."""

from __future__ import annotations

import numpy as np


def wave(*shape: int, scale: float = 1.0) -> np.ndarray:
    """Numbers from -`scale` to `scale`, each column different."""
    return scale * np.sin(np.arange(1, np.prod(shape) + 1) * 0.7).reshape(shape)


def labels(rows: int, classes: int) -> np.ndarray:
    """Whole numbers from 0, every one of them met, in no order."""
    return (np.arange(rows) * 11 + np.arange(rows) // classes) % classes


def pixels(*shape: int) -> np.ndarray:
    """Bytes from 0 to 255."""
    return (np.arange(np.prod(shape)) * 37 % 256).astype("uint8").reshape(shape)


def words(rows: int, length: int, vocabulary: int) -> np.ndarray:
    """Tokens from 1; rows are filled up with zeros."""
    tokens = np.arange(rows * length).reshape(rows, length) * 31 % (vocabulary - 1) + 1
    return np.where(np.arange(length) < 4 + np.arange(rows)[:, None] % length, tokens, 0)


CASES: dict[str, dict[str, np.ndarray]] = {
    "numbers": {"x": wave(200, 5, scale=30), "y": labels(200, 3)},
    "labels_from_1": {"x": wave(200, 5), "y": labels(200, 3) + 1},
    "labels_are_reals": {"X": wave(200, 5), "y": labels(200, 3).astype(float)},
    "sorted": {"x": wave(150, 4), "y": np.sort(labels(150, 3))},
    "signs": {"x": wave(150, 4), "y": labels(150, 2) * 2 - 1},
    "classes_below_zero": {"x": wave(150, 4), "y": labels(150, 3) - 1},
    "booleans": {"x": wave(150, 4).astype("float32"), "y": labels(150, 2).astype(bool)},
    "one_hot": {"x": wave(150, 4), "y": np.eye(4)[labels(150, 4)]},
    "flags": {"x": wave(150, 4), "y": (wave(150, 6) > 0).astype(int)},
    "prices": {"x": wave(150, 4, scale=100), "price": wave(150, scale=1e5) + 3e5},
    "several_reals": {"x": wave(150, 4), "y": wave(150, 3)},
    "a_tensor": {"x": wave(150, 4), "y": wave(150, 3, 2)},
    "keras": {"x_train": pixels(60, 32, 32, 3), "y_train": labels(60, 10)[:, None], "x_test": pixels(20, 32, 32, 3)}
    | {"y_test": labels(20, 10)[:, None]},
    "three_parts": {f"{name}_{part}": array for part in ("train", "val", "test") for name, array in (
        ("x", wave(60, 4)), ("y", labels(60, 3)))},
    "capitals": {"X_train": wave(60, 4), "y_train": labels(60, 3), "X_test": wave(20, 4), "y_test": labels(20, 3)},
    "parts_first": {"train_images": pixels(60, 28, 28), "train_labels": labels(60, 10)}
    | {"test_images": pixels(20, 28, 28), "test_labels": labels(20, 10)},
    "without_train": {"x": wave(60, 4), "y": labels(60, 3), "x_test": wave(20, 4), "y_test": labels(20, 3)},
    "unnamed": {"arr_0": wave(60, 4), "arr_1": labels(60, 3)},
    "channels_first": {"x": wave(60, 3, 16, 16), "y": labels(60, 2)},
    "tiny_images": {"image": pixels(60, 3, 3), "y": labels(60, 2)},
    "reviews": {"x": words(300, 80, 2000), "y": labels(300, 2)},
    "tagging": {"tokens": words(100, 12, 50), "tags": labels(1200, 5).reshape(100, 12)},
    "tags_and_price": {"tokens": words(100, 12, 50), "y_tags": labels(1200, 5).reshape(100, 12)}
    | {"y_price": wave(100, scale=50)},
    "series": {"x": wave(100, 30, 4, scale=50), "y": wave(100, 1)},
    "series_to_series": {"x": wave(100, 30, 4), "y": wave(100, 30)},
    "series_and_as_many_classes": {"x": wave(100, 9, 4), "y": np.eye(9)[labels(100, 9)]},
    "long_series": {"x": wave(40, 2000, 1), "y": labels(40, 2)},
    "volumes": {"x": pixels(40, 6, 6, 6, 1), "y": labels(40, 2)},
    "mask_and_label": {"photo": pixels(20, 16, 16, 3), "mask": labels(5120, 3).reshape(20, 16, 16)}
    | {"label": labels(20, 2)},
    "columns": {"age": 18 + labels(200, 71), "height": wave(200, scale=20) + 170, "sex": labels(200, 2)}
    | {"city": labels(200, 7), "weight": wave(200, scale=20) + 70},
    "categories": {"city": labels(2000, 150), "y": wave(2000)},
    "strange_names": {"a b": wave(60, 4), "input": wave(60, 2), "null": wave(60, 1), "cost $x": wave(60, 3)}
    | {"3/4": labels(60, 3)},
    "image_and_numbers": {f"{name}_{part}": array for part in ("train", "test") for name, array in (
        ("image", pixels(60, 8, 8)), ("meta", wave(60, 3, scale=9)), ("label", labels(60, 4)))},
    "few_rows": {"x": wave(4, 2), "y": labels(4, 2)},
    "zeros": {"x": np.zeros((50, 3), "uint8"), "y": labels(50, 2)},
    "a_constant_column": {"x": np.c_[np.full(50, 7.0), wave(50, 3)], "y": labels(50, 2)},
    "name_of_ours": {"features": wave(50, 3), "y_a": labels(50, 2), "y_b": labels(50, 3)},
    "weights": {"x": wave(50, 3), "y": labels(50, 3), "sample_weight": wave(50) + 2, "who": np.array(["ann"] * 50)},
}  # fmt: skip
"""Arrays by the name of the case; the starter of each is the file of that name in `starters`."""

TARGETS = {"mnist_two_headed": ("digit", "is_hard")}
