"""Pictures as files: what names hold means nothing to any format."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from kspec.report.cells import escaped
from kspec.report.plot.fold import folded
from kspec.report.plot.mermaid import mermaid
from kspec.report.plot.write import FORMATS, written
from tests.report.plot.models import HOSTILE, hostile, stacked

SVG = "{http://www.w3.org/2000/svg}"


def shown(text: str) -> str:
    """Without what keeps characters apart and is not seen."""
    return text.replace("\u200b", "")


def texts(svg: str) -> list[str]:
    return [shown("".join(node.itertext())).strip() for node in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def nodes(svg: str, kind: str) -> int:
    return sum(node.get("class") == kind for node in ElementTree.fromstring(svg).iter(f"{SVG}g"))


def drawing(format: str, **options: object) -> str:
    text = written(hostile(), format, **options)  # type: ignore[arg-type]
    assert isinstance(text, str)
    return text


def test_svg_is_well_formed_and_has_every_node() -> None:
    svg = written(stacked(), "svg", depth=1)
    assert isinstance(svg, str)
    assert (nodes(svg, "node"), nodes(svg, "edge"), nodes(svg, "cluster")) == (4, 4, 2)
    assert {"stacked", "Dense", "Add", "× 3", "body", "3 float32"} <= set(texts(svg))


def test_hostile_names_are_text_in_svg() -> None:
    found = texts(drawing("svg", depth=9))
    assert [text for name in HOSTILE if (text := escaped(name)) not in found] == []
    assert '</title>hostile "<&' in found


def test_png_is_a_picture() -> None:
    image = written(stacked(), "png")
    assert isinstance(image, bytes)
    assert image.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(image) > 2_000


def test_hostile_names_stay_in_their_quotes_in_mermaid() -> None:
    text = mermaid(folded(hostile(), depth=9))
    for line in text.splitlines():
        assert line.count('"') in (0, 2), line
        assert "<script" not in line
        assert re.fullmatch(r"[^\x00-\x1f]*", line), line
    assert "#60;/script#62;" in text


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.data = ""
        self.title = ""
        self.within = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.within = "data" if ("id", "data") in attrs else tag

    def handle_data(self, data: str) -> None:
        if self.within == "data":
            self.data += data
            self.within = ""
        elif self.within == "h1":
            self.title += data
            self.within = ""


def test_hostile_names_are_data_in_html() -> None:
    text = drawing("html")
    page = _Page()
    page.feed(text)
    assert page.tags.count("script") == 2
    assert page.title == '</title>hostile "<&'
    parts = json.loads(page.data)["parts"]
    names = [part["name"] for part in (*parts[:-1], *parts[-1]["parts"])]
    assert names == [escaped(name) for name in HOSTILE]


def test_the_page_loads_nothing() -> None:
    text = drawing("html")
    assert "default-src 'none'" in text
    assert not re.findall(r"""(?:src|href)=["'](?!data:)""", text)
    assert set(re.findall(r"https?://[^\s'\"<]+", text)) == {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize("format", FORMATS)
def test_the_same_model_is_the_same_picture(format: str) -> None:
    assert written(stacked(), format) == written(stacked(), format)
