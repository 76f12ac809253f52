"""The picture of a training run: loss and metrics by epoch as one self-contained SVG of small panels."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import NamedTuple

from kspec.report.axes import Axis, epoch_axis, linear_axis, log_axis
from kspec.report.cells import escaped
from kspec.report.figures import figure

__all__ = ["curves_svg"]

_WIDTH, _HEIGHT = 372, 250  # of a panel, in pixels
_TOP, _BOTTOM, _RIGHT = 40, 42, 4  # its margins; the left one follows from the labels
_GAP = 32  # between panels side by side
_HEAD = 60  # of the picture, for title and legend
_EDGE = 20
_NOT_METRICS = frozenset({"epoch", "step", "seconds", "time"})
_HUGE = 1e300  # beyond it the arithmetic of an axis overflows

# Okabe and Ito's palette (https://jfly.uni-koeln.de/color/), told apart by the colour-blind; dashes serve print.
_STYLE = """
.paper{fill:#fff}
text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;fill:#1f2328}
.title{font-size:17px;font-weight:600}
.name{font-size:13px;font-weight:600}
.soft{fill:#59636e;font-size:11px}
.grid{stroke:#e4e8ec}
.axis{stroke:#9aa4af}
.line{fill:none;stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}
.train{stroke:#0072b2}
.val{stroke:#d55e00;stroke-dasharray:6 3.5}
.dot{stroke-width:0}
.train-dot,.train-text{fill:#0072b2}
.val-dot,.val-text{fill:#c04f00}
.best{fill:none;stroke-width:1.5;stroke-dasharray:none}
.lost{stroke-width:1.8;stroke-dasharray:none}
@media (prefers-color-scheme:dark){
.paper{fill:#0d1117}text{fill:#e6edf3}.soft{fill:#9198a1}.grid{stroke:#21272f}.axis{stroke:#545d68}
.train{stroke:#56b4e9}.val{stroke:#f0a030}.train-dot,.train-text{fill:#56b4e9}.val-dot,.val-text{fill:#f0a030}
}
""".strip()


class _Panel(NamedTuple):
    """One metric: its values by epoch for training and validation; None where an epoch has none."""

    name: str
    train: list[float | None]
    val: list[float | None]


def curves_svg(history: Sequence[Mapping[str, float]], title: str, *, first_epoch: int = 1) -> str:
    """The curves of `history` (Keras's keys, a row an epoch, from epoch `first_epoch` on) as an SVG document.

    A panel a metric, training and validation together; follows the reader's light or dark scheme. The axis of a loss,
    an error or a learning rate is logarithmic when its values span more than two decades. NaN and infinity break the
    line and are marked with a cross and in words.
    """
    panels = _panels(history)
    columns = min(len(panels), 2 if len(panels) in (2, 4) else 3) or 1
    rows = math.ceil(len(panels) / columns) or 1
    legend = any(value is not None for panel in panels for value in panel.val)
    head = _HEAD + (20 if legend and columns == 1 else 0)  # one panel is too narrow for facts and legend in one line
    width, height = columns * (_WIDTH + _GAP) - _GAP + 2 * _EDGE, head + rows * _HEIGHT + _EDGE
    facts = f"{len(history):,} epoch{'' if len(history) == 1 else 's'}"
    main = next((panel for panel in panels if panel.name == "loss"), None)
    if main and (best := _lowest(main, first_epoch)):
        facts += f", lowest {'val_' * (best.kind == 'val')}loss {figure(best.value)} at epoch {best.epoch:,}"
    shown = _text(_short(title, (width - 2 * _EDGE) / 10))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="Training curves of {_text(title)}">',
        f"<style>{_STYLE}</style>",
        f'<rect class="paper" width="{width}" height="{height}" rx="8"/>',
        f'<text class="title" x="{_EDGE}" y="32">{shown}</text>',
        f'<text class="soft" x="{_EDGE}" y="52">{facts}</text>',
    ]
    if legend:
        parts += _legend(width - 210 if columns > 1 else _EDGE, head - 8)
    if not panels:
        parts.append(f'<text class="soft" x="{_EDGE}" y="{head + 40}">no finished epoch yet</text>')
    for index, panel in enumerate(panels):
        x, y = _EDGE + index % columns * (_WIDTH + _GAP), head + index // columns * _HEIGHT
        parts += [f'<g transform="translate({x} {y})">', *_panel(panel, first_epoch), "</g>"]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panels(history: Sequence[Mapping[str, float]]) -> list[_Panel]:
    names = dict.fromkeys(
        key.removeprefix("val_")
        for row in history
        for key, value in row.items()
        if key not in _NOT_METRICS and not isinstance(value, list)  # a number for each class
    )
    ordered = sorted(names, key=lambda name: (name == "learning_rate", name != "loss"))
    return [_Panel(name, _series(history, name), _series(history, f"val_{name}")) for name in ordered]


def _series(history: Sequence[Mapping[str, float]], key: str) -> list[float | None]:
    values = [row.get(key) for row in history]
    return [None if value is None else _bounded(float(value)) for value in values]


def _bounded(value: float) -> float:
    return value if abs(value) < _HUGE or math.isnan(value) else math.copysign(math.inf, value)


def _legend(x: float, y: float) -> list[str]:
    return [
        f'<path class="line {kind}" d="M{x + shift} {y - 4}h22"/><text x="{x + shift + 28}" y="{y}">{word}</text>'
        for kind, word, shift in (("train", "training", 0), ("val", "validation", 100))
    ]


def _panel(panel: _Panel, first_epoch: int) -> Iterator[str]:
    finite = [value for value in (*panel.train, *panel.val) if value is not None and math.isfinite(value)]
    yield _heading(panel)
    epochs = epoch_axis(first_epoch, first_epoch + len(panel.train) - 1)
    if not finite:
        yield f'<text class="soft" x="{_WIDTH / 2}" y="{_HEIGHT / 2}" text-anchor="middle">no finite value</text>'
        return
    axis = log_axis(finite) if _wants_log(panel.name, finite) else linear_axis(finite)
    left = 14 + round(6.6 * max(len(label) for _, label in axis.ticks))
    plot = _Plot(left, _WIDTH - _RIGHT, _HEIGHT - _BOTTOM, _TOP, epochs, axis)
    yield from plot.frame()
    for kind, values in (("train", panel.train), ("val", panel.val)):
        yield from plot.series(kind, values, first_epoch)
    if "loss" in panel.name and (best := _lowest(panel, first_epoch)):
        yield plot.ring(best)


def _wants_log(name: str, values: Sequence[float]) -> bool:
    words = ("loss", "error", "mse", "mae", "rmse", "perplexity", "learning_rate")
    return min(values) > 0 and max(values) / min(values) > 100 and any(word in name for word in words)


def _heading(panel: _Panel) -> str:
    """The name on the left, the last values on the right, and in words what is not finite."""
    last = []
    for kind, values in (("train", panel.train), ("val", panel.val)):
        if known := [value for value in values if value is not None]:
            last.append(f'<tspan class="{kind}-text" dx="8">{figure(known[-1])}</tspan>')
    broken = [value is not None and not math.isfinite(value) for value in panel.train]
    broken_val = [value is not None and not math.isfinite(value) for value in panel.val]
    lost = sum(a or b for a, b in zip(broken, broken_val, strict=True))
    note = f'<tspan class="soft" dx="8">{lost:,} of {len(broken):,} epochs not finite</tspan>' if lost else ""
    name = _text(_short(panel.name, 20 if lost else 30))
    return (
        f'<text x="0" y="26"><title>{_text(panel.name)}</title><tspan class="name">{name}</tspan>{note}</text>'
        f'<text x="{_WIDTH - _RIGHT}" y="26" text-anchor="end">{"".join(last)}</text>'
    )


class _Plot(NamedTuple):
    """The frame of a panel in pixels, and its axes."""

    left: float
    right: float
    bottom: float
    top: float
    epochs: Axis
    values: Axis

    def x(self, epoch: float) -> float:
        return self.left + (self.right - self.left) * self.epochs.at(epoch)

    def y(self, value: float) -> float:
        return self.bottom - (self.bottom - self.top) * self.values.at(value)

    def frame(self) -> Iterator[str]:
        for value, label in self.values.ticks:
            y = self.y(value)
            yield f'<path class="grid" d="M{self.left} {y:.1f}H{self.right}"/>'
            yield f'<text class="soft" x="{self.left - 6}" y="{y + 3.8:.1f}" text-anchor="end">{label}</text>'
        yield f'<path class="axis" d="M{self.left} {self.bottom}H{self.right}"/>'
        for epoch, label in self.epochs.ticks:
            x = self.x(epoch)
            yield f'<path class="axis" d="M{x:.1f} {self.bottom}v4"/>'
            # The last label must not run over the edge of the picture.
            anchor = "end" if x > self.right - 4 and len(label) > 3 else "middle"
            yield f'<text class="soft" x="{x:.1f}" y="{self.bottom + 16}" text-anchor="{anchor}">{label}</text>'
        middle = (self.left + self.right) / 2
        yield f'<text class="soft" x="{middle:.1f}" y="{self.bottom + 32}" text-anchor="middle">epoch</text>'

    def series(self, kind: str, values: Sequence[float | None], first_epoch: int) -> Iterator[str]:
        """A line with gaps where values are not finite; it passes over epochs without a value (no validation then)."""
        known = [(first_epoch + index, value) for index, value in enumerate(values) if value is not None]
        runs: list[list[tuple[int, float]]] = [[]]
        broken = []
        for epoch, value in known:
            if math.isfinite(value):
                runs[-1].append((epoch, value))
            else:
                broken.append((epoch, value))
                runs.append([])
        dots = len(known) <= 40
        for run in filter(None, runs):
            thin = _thinned(run, int(self.right - self.left))
            path = "L".join(f"{self.x(epoch):.1f} {self.y(value):.1f}" for epoch, value in thin)
            yield f'<path class="line {kind}" d="M{path}"/>'
            if dots or len(run) == 1:
                for epoch, value in run:
                    yield (
                        f'<circle class="{kind}-dot" cx="{self.x(epoch):.1f}" cy="{self.y(value):.1f}" r="2.6">'
                        f"<title>epoch {epoch}: {figure(value)}</title></circle>"
                    )
        yield from self._crosses(kind, broken)

    def _crosses(self, kind: str, broken: Sequence[tuple[int, float]]) -> Iterator[str]:
        after = None
        for epoch, value in broken:
            x = self.x(epoch)
            if after is None or x - after >= 8:  # one cross stands for neighbours it would hide
                after = x
                y = self.bottom - 8 if value == -math.inf else self.top + (6 if kind == "train" else 16)
                yield (
                    f'<path class="lost {kind}" d="M{x - 3:.1f} {y - 3:.1f}l6 6m0 -6l-6 6">'
                    f"<title>epoch {epoch}: {value}</title></path>"
                )

    def ring(self, best: _Best) -> str:
        where = f'cx="{self.x(best.epoch):.1f}" cy="{self.y(best.value):.1f}"'
        words = f"lowest: {figure(best.value)} at epoch {best.epoch}"
        return f'<circle class="best {best.kind}" {where} r="5.5"><title>{words}</title></circle>'


class _Best(NamedTuple):
    """The lowest value of a loss and its epoch."""

    kind: str
    epoch: int
    value: float


def _lowest(panel: _Panel, first_epoch: int) -> _Best | None:
    """The lowest loss, of validation where there is one; None where all are the same."""
    kind, values = ("val", panel.val) if any(value is not None for value in panel.val) else ("train", panel.train)
    finite = [(value, index) for index, value in enumerate(values) if value is not None and math.isfinite(value)]
    if len(finite) < 2 or min(finite)[0] == max(finite)[0]:
        return None
    value, index = min(finite)
    return _Best(kind, first_epoch + index, value)


def _thinned(run: Sequence[tuple[int, float]], columns: int) -> Sequence[tuple[int, float]]:
    """At most four points for each column of pixels: first, lowest, highest and last, which draw the same line."""
    if len(run) <= 4 * columns:
        return run
    size = math.ceil(len(run) / columns)
    kept: list[tuple[int, float]] = []
    for begin in range(0, len(run), size):
        part = run[begin : begin + size]
        extremes = {part[0], part[-1], min(part, key=lambda p: p[1]), max(part, key=lambda p: p[1])}
        kept += sorted(extremes)
    return kept


def _short(text: str, room: float) -> str:
    return text if len(text) <= room else text[: max(int(room) - 1, 1)] + "…"


def _text(text: str) -> str:
    """`text` for XML, which cannot hold control characters at all."""
    return escape(escaped(text))
