"""Jinja's `{{ … }}` as a spec's `$name` and `$(…)`: names, arithmetic, comparisons, choices and a few filters."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from kspec.convert.foreigntext import Beyond

_LONGEST = 1000
_LONGEST_TEXT = 10_000
"""Characters of a text that has expressions."""
_DEEPEST = 40
_LONGEST_CHAIN = 200
"""Settings that are made of each other."""
_FILTERS = {"int": "int", "float": "float", "round": "round", "abs": "abs", "length": "len", "count": "len"}
_CALLS = {**_FILTERS, "min": "min", "max": "max", "range": "range"}
_WORDS = {"true": True, "false": False, "none": None, "True": True, "False": False, "None": None}
_ALLOWED = (
    *(ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Constant, ast.List, ast.Tuple, ast.Load),
    *(ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.USub, ast.UAdd, ast.Not),
    *(ast.And, ast.Or, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn),
)
HELP = "write the value itself there, or a name, arithmetic, a comparison or `a if b else c`"


class Variables:
    """What names mean in a Kurfile: loops and templates have their own, the rest are the sections' values.

    `used` collects the sections' values that were asked for, by the names that the spec has for them.
    """

    def __init__(self, sections: Mapping[str, Any]) -> None:
        self.sections = sections
        self.used: dict[str, Any] = {}
        self.paths: dict[str, tuple[str, ...]] = {}
        self.own: list[set[str]] = []
        self.chain = 0
        self.defaults: dict[str, Any] = {}
        """Defaults of a template's arguments, as its text has them."""

    @contextmanager
    def scope(self, names: set[str]) -> Iterator[None]:
        """Names of a loop or a template; inside, they come before everything else."""
        self.own.append(names)
        try:
            yield
        finally:
            self.own.pop()

    def value(self, raw: Any) -> Any:
        """A value in a spec's words: every `{{ … }}` in it is written as `$…`. Raises Beyond."""
        if isinstance(raw, dict):
            return {key: self.value(item) for key, item in raw.items()}
        if isinstance(raw, list):
            return [self.value(item) for item in raw]
        if not isinstance(raw, str):
            return raw
        if "{%" in raw or "{#" in raw:
            raise Beyond(f"`{_short(raw)}` is a Jinja statement", HELP)
        if "{{" in raw and len(raw) > _LONGEST_TEXT:
            raise Beyond(
                f"a text of {len(raw):,} characters with expressions: at most {_LONGEST_TEXT:,} are read", HELP
            )
        stripped = raw.strip()
        if stripped.startswith("{{") and stripped.endswith("}}") and "{{" not in (whole := stripped[2:-2]):
            found = self.expression(_bare(whole))
            return _literal(found) if isinstance(found, ast.Constant) else written(found)
        parts, end = [], 0
        while (start := raw.find("{{", end)) >= 0 and (stop := raw.find("}}", start + 2)) >= 0:
            after = raw[stop + 2 : stop + 3]
            inside = after.isalnum() or after in ("_", ".", "[")
            expression = self.expression(_bare(raw[start + 2 : stop]))
            parts += [raw[end:start].replace("$", "$$"), written(expression, inside=inside)]
            end = stop + 2
        return "".join((*parts, raw[end:].replace("$", "$$")))

    def expression(self, text: str) -> ast.expr:
        """A Jinja expression as one of a spec's."""
        if len(text) > _LONGEST:
            raise Beyond(f"an expression of {len(text):,} characters", HELP)
        try:
            tree = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise Beyond(f"`{_short(text)}` is beyond what a spec can compute", HELP) from None
        if _is_deep(tree):
            raise Beyond(f"`{_short(text)}` is nested too deep", HELP)
        found: ast.expr = self._node(_Binding().visit(tree))
        return found

    def _node(self, node: Any) -> Any:
        path = _path(node)
        if path is not None:
            return self._named(path)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return self._filtered(node)
        if isinstance(node, ast.Subscript):
            return ast.Subscript(self._node(node.value), self._node(node.slice), ast.Load())
        if isinstance(node, ast.Call):
            return self._called(node)
        if not isinstance(node, _ALLOWED):
            raise Beyond(f"`{_short(ast.unparse(node))}` is beyond what a spec can compute", HELP)
        if isinstance(node, ast.Constant) and not _is_plain(node.value):
            raise Beyond(f"`{_short(ast.unparse(node))}` is no value that a spec can have", HELP)
        for field, value in ast.iter_fields(node):
            if isinstance(value, list):
                setattr(node, field, [self._node(each) if isinstance(each, ast.expr) else each for each in value])
            elif isinstance(value, ast.expr):
                setattr(node, field, self._node(value))
        return node

    def _filtered(self, node: ast.BinOp) -> Any:
        """`x | int`, and `x | default(3)`."""
        right = node.right
        name = right.id if isinstance(right, ast.Name) else _name(right.func) if isinstance(right, ast.Call) else ""
        if name in ("default", "d") and isinstance(right, ast.Call) and len(right.args) == 1:
            return self._default(node.left, right.args[0])
        if name not in _FILTERS or (isinstance(right, ast.Call) and (right.keywords or name != "round")):
            raise Beyond(f"the filter `{ast.unparse(right)}` is beyond what a spec can compute", HELP)
        more = [self._node(each) for each in right.args] if isinstance(right, ast.Call) else []
        return ast.Call(ast.Name(_FILTERS[name], ast.Load()), [self._node(node.left), *more], [])

    def _default(self, left: Any, default: Any) -> Any:
        path = _path(left)
        if path is None:
            raise Beyond("a default is beyond what a spec can compute but for a name", HELP)
        own = path[-1] if self._is_own(path) else ""
        if own:
            value = self._node(default)
            if not isinstance(value, ast.Constant) or self.defaults.get(own, _literal(value)) != _literal(value):
                raise Beyond(f"the default of `{own}` is not one number or text", HELP)
            self.defaults[own] = _literal(value)
            return ast.Name(own, ast.Load())
        return self._named(path) if self._has(path) else self._node(default)

    def _called(self, node: ast.Call) -> Any:
        name = _name(node.func)
        if name not in _CALLS or node.keywords:
            raise Beyond(f"`{_short(ast.unparse(node))}` is beyond what a spec can compute", HELP)
        return ast.Call(ast.Name(_CALLS[name], ast.Load()), [self._node(each) for each in node.args], [])

    def _is_own(self, path: tuple[str, ...]) -> bool:
        bare = path[1:] if path[0] == "args" and len(path) > 1 else path
        return len(bare) == 1 and any(bare[0] in names for names in self.own)

    def _has(self, path: tuple[str, ...]) -> bool:
        try:
            return self._found(path) is not None
        except Beyond:
            return False

    def _named(self, path: tuple[str, ...]) -> Any:
        if len(path) == 1 and path[0] in _WORDS:
            return ast.Constant(_WORDS[path[0]])
        if self._is_own(path):
            return ast.Name(path[-1], ast.Load())
        if any(path[0] in names for names in self.own):
            raise Beyond(f"`{'.'.join(path)}` is a part of an argument", "give that part as an argument of its own")
        value = self._found(path)
        name = "_".join(path)
        while self.paths.get(name, path) != path or any(name in names for names in self.own):
            name += "_"
        if name not in self.used:
            if self.chain == _LONGEST_CHAIN:
                raise Beyond(f"more than {_LONGEST_CHAIN} settings that are made of each other", HELP)
            self.paths[name] = path
            self.used[name] = None  # a value that means itself finds a name
            self.chain += 1
            try:
                self.used[name] = self.value(value)
            except Beyond:
                del self.used[name]
                raise
            finally:
                self.chain -= 1
        return ast.Name(name, ast.Load())

    def _found(self, path: tuple[str, ...]) -> Any:
        """The value of a section at a path; settings are at hand by their own names."""
        settings = self.sections.get("settings")
        for around in (settings if isinstance(settings, dict) else {}, self.sections):
            value: Any = around
            for part in path:
                value = value.get(part, _MISSING) if isinstance(value, dict) else _MISSING
            if value is not _MISSING:
                if isinstance(value, dict):
                    raise Beyond(f"`{'.'.join(path)}` is a mapping, not a value", "name one of its values")
                return value
        raise Beyond(f"`{'.'.join(path)}` stands nowhere in the settings", HELP)


class _Binding(ast.NodeTransformer):
    """Python's tree of an expression -> Jinja's. A filter is of the operand before it, with that operand's sign; to
    Python, which takes `|` for an operator, it is of all the arithmetic before it. Raises Beyond at `**`, which Jinja
    binds from the left, and after a sign.
    """

    def visit_BinOp(self, node: ast.BinOp) -> Any:
        self.generic_visit(node)
        if isinstance(node.op, ast.BitOr):
            return _piped(node.left, node.right, alone=_start(node.left) != _start(node))
        if isinstance(node.op, ast.Pow) and _is_power(node.right) and _end(node.right) == _end(node):
            raise _otherwise(node)
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Any:
        if isinstance(node.op, ast.USub) and _is_power(node.operand) and _end(node.operand) == _end(node):
            raise _otherwise(node)
        return self.generic_visit(node)


def _piped(value: Any, pipe: Any, *, alone: bool) -> ast.BinOp:
    """A value before a filter; where it is not `alone`, in parentheses, the filter is of its last operand."""
    if isinstance(value, ast.BinOp) and not isinstance(value.op, ast.BitOr) and not alone:
        value.right = _piped(value.right, pipe, alone=_end(value.right) != _end(value))
        return value
    return ast.copy_location(ast.BinOp(value, ast.BitOr(), pipe), value)


def _is_power(node: Any) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow)


def _start(node: ast.expr) -> tuple[int, int]:
    """Where a node begins: after the parentheses around it, which are no part of a tree."""
    return node.lineno, node.col_offset


def _end(node: ast.expr) -> tuple[int | None, int | None]:
    """Where a node ends: before the parentheses around it."""
    return node.end_lineno, node.end_col_offset


def _otherwise(node: ast.expr) -> Beyond:
    message = f"`{_short(ast.unparse(node))}`: `**` binds otherwise in Jinja than in a spec"
    return Beyond(message, "put what belongs together in parentheses")


_MISSING: Any = object()


def _literal(node: ast.Constant) -> Any:
    """A value as it stands in a spec, where a text's `$` is written twice."""
    return node.value.replace("$", "$$") if isinstance(node.value, str) else node.value


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (int, str)) or (isinstance(value, float) and math.isfinite(value))


def _bare(marked: str) -> str:
    """What stands between the braces, without the signs for the blanks around it: `{{- a -}}`."""
    return marked.removeprefix("-").removesuffix("-")


def written(node: ast.expr, *, inside: bool = False) -> str:
    """An expression as a spec has it; `inside` a longer text that would go on with its name."""
    if isinstance(node, ast.Name) and not inside:
        return f"${node.id}"
    text = ast.unparse(ast.fix_missing_locations(node))
    return f"$({text})"


def _path(node: Any) -> tuple[str, ...] | None:
    """A dotted name, `a.b` or `a['b']`, as its parts."""
    if isinstance(node, ast.Name):
        return (node.id,)
    if isinstance(node, ast.Attribute):
        around = _path(node.value)
        return None if around is None else (*around, node.attr)
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
        around = _path(node.value)
        return None if around is None else (*around, node.slice.value)
    return None


def _is_deep(tree: ast.AST) -> bool:
    """Whether an expression is nested deeper than a spec's may be."""
    level: list[ast.AST] = [tree]
    for _ in range(_DEEPEST):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    return bool(level)


def _name(node: Any) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:60] + "…"
