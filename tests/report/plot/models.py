"""Small trees to draw."""

from __future__ import annotations

from kspec.report.plot.tree import Group, Leaf, Tree

FLOAT = ((None, 3), "float32")
HOSTILE = (
    'a "q" b', "<b>x</b>", "a & b &amp;", "</script><script>alert(1)</script>", "back\\slash \\N \\n", "#35; hash",
    "`md`", "**bold** _it_", "- dash", "{{data}}", "nul\x00 esc\x1b \u202e", "[x](y)", "end", "日本語", "it's", "%% no",
    "|pipe|", "subgraph x", "$$x$$", "]", '")', "<!--", "]]>", "-->",
)  # fmt: skip


def chain(*names: str) -> tuple[Leaf, ...]:
    """Dense layers one after another."""
    return tuple(
        Leaf(number, name, "Dense", (FLOAT,), ((number - 1, 0),) if number else (), 12)
        for number, name in enumerate(names)
    )


def hostile() -> Tree:
    """A model whose names mean something in one format or another."""
    calls = chain(*HOSTILE)
    block = Group("block", '</script> "block"', '<i>"block&', calls[12:], ("a.yaml:1: </script>",))
    return Tree('</title>hostile "<&', (*calls[:12], block), 12 * len(calls))


def stacked(copies: int = 3, tail: int = 0) -> Tree:
    """An input, a block of two layers several times with the input added, and an output."""
    made = [Leaf(0, "x", "Input", (FLOAT,))]
    groups = []
    for copy in range(copies):
        first = len(made)
        name = f"body_{copy}" if copy else "body"
        made.append(
            Leaf(first, f"{name}.dense", "Dense", (FLOAT,), ((first - 1, 0),), 12, lines=("a.yaml:3: - Dense",))
        )
        made.append(Leaf(first + 1, f"{name}.add", "Add", (FLOAT,), ((first, 0), (0, 0))))
        groups.append(Group("copy", "", "", (Group("block", name, "body", tuple(made[-2:])),)))
    end = len(made)
    last = Leaf(end, "y", "Output", (FLOAT,), ((end - 1, 0),))
    return Tree("stacked", (made[0], Group("run", "", "repeat", tuple(groups)), last), 12 * copies)
