"""The interactive page in a real browser: fold, unfold, search, pan, zoom, hover, keys; nothing is fetched."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kspec.report.plot.tree import Tree
from kspec.report.plot.write import written
from tests.report.plot.models import HOSTILE, chain, hostile, stacked

playwright = pytest.importorskip("playwright.sync_api", reason="the page is tested with playwright")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

Open = Callable[..., Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip("no Chromium is installed: apt-get install chromium")
    with playwright.sync_playwright() as running:
        started = running.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Open]:
    """Opens the page of a tree; at the end nothing was fetched and the console is empty."""
    said: list[str] = []
    asked: list[str] = []
    contexts = []

    def work(tree: Tree, scheme: str = "light", **options: Any) -> Any:
        file = tmp_path / "model.html"
        text = written(tree, "html", **options)
        assert isinstance(text, str)
        file.write_text(text, encoding="utf-8")
        contexts.append(browser.new_context(viewport={"width": 900, "height": 700}, color_scheme=scheme))
        page = contexts[-1].new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(file.as_uri())
        return page

    yield work
    for context in contexts:
        context.close()
    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def titles(page: Any) -> list[str]:
    return [text.split("\n")[0] for text in page.locator(".box .title").all_text_contents()]


def view(page: Any) -> tuple[float, float, float]:
    """Where the picture stands, and how large."""
    found = page.evaluate("(({x, y, scale}) => [x, y, scale])(eye)")
    return found[0], found[1], found[2]


def test_a_click_unfolds_and_folds(opened: Open) -> None:
    page = opened(stacked(), depth=0)
    assert titles(page) == ["x", "body", "y"]
    page.locator(".box.closed").click()
    assert titles(page) == ["x", "Dense", "Add", "y"]
    assert page.locator(".line").count() >= 4
    page.get_by_role("button", name="fold body").click()
    assert titles(page) == ["x", "body", "y"]


def test_every_copy_can_be_shown(opened: Open) -> None:
    page = opened(stacked(), depth=0)
    page.get_by_role("button", name="× 3").click()
    assert titles(page) == ["x", "body", "body", "body", "y"]
    page.get_by_role("button", name="× 3").click()
    assert titles(page) == ["x", "body", "y"]
    page.keyboard.press("u")
    assert titles(page) == ["x", "Dense", "Add", "y"]
    page.keyboard.press("f")
    assert titles(page) == ["x", "body", "y"]
    assert titles(opened(stacked(), unfold=True)) == ["x", *["Dense", "Add"] * 3, "y"]


def test_shapes_stand_on_edges_and_what_a_frame_hides_is_joined(opened: Open) -> None:
    page = opened(stacked(), depth=1)
    assert page.locator(".label").all_text_contents() == ["3 float32"] * 3  # to the copies, inside, to the output
    assert page.locator("[marker-end]").count() == 4


def test_keys_do_what_a_pointer_does(opened: Open) -> None:
    page = opened(stacked(), depth=0)
    page.locator(".box.closed").focus()
    page.keyboard.press("Enter")
    assert titles(page) == ["x", "Dense", "Add", "y"]
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "fold body"
    page.keyboard.press("Space")
    assert titles(page) == ["x", "body", "y"]
    page.keyboard.press("0")
    x, y, scale = view(page)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert view(page) == (x - 60, y - 60, scale)
    page.keyboard.press("+")
    assert view(page)[2] == pytest.approx(scale * 1.25)
    page.keyboard.press("0")
    assert view(page) == (x, y, scale)


def test_wheel_zooms_towards_the_pointer_and_dragging_pans(opened: Open) -> None:
    page = opened(stacked(), depth=1)
    box = page.locator(".box").first
    before = box.bounding_box()
    page.mouse.move(before["x"], before["y"])
    page.mouse.wheel(0, -300)
    page.wait_for_function("scale => eye.scale > scale * 1.3", arg=view(page)[2] / 1.5)
    after = box.bounding_box()
    assert after["width"] > before["width"] * 1.3
    assert (after["x"], after["y"]) == pytest.approx((before["x"], before["y"]), abs=2)
    x, y, scale = view(page)
    page.mouse.move(60, 300)
    page.mouse.down()
    page.mouse.move(160, 260, steps=4)
    page.mouse.up()
    assert view(page) == pytest.approx((x + 100, y - 40, scale), abs=1)
    assert len(titles(page)) == 4  # a drag is no click


def test_search_finds_what_is_folded_away(opened: Open) -> None:
    page = opened(stacked(), depth=0)
    page.keyboard.press("/")
    page.keyboard.type("dense")
    assert page.locator("#count").text_content() == "3"
    assert page.locator(".hit").count() == 1  # all three are in the box that stands for them
    page.keyboard.press("Enter")
    assert page.locator("#count").text_content() == "1 of 3"
    assert page.locator(".hit .title").all_text_contents() == ["Dense"]
    page.keyboard.press("Enter")
    assert titles(page).count("Dense") >= 1
    assert "body_1.dense" in page.locator("#card").inner_text()
    page.keyboard.press("Escape")
    assert page.locator(".hit").count() == 0
    page.fill("#search", "no such layer")
    assert page.locator("#count").text_content() == "nothing"


def test_hovering_tells_all_that_is_known(opened: Open) -> None:
    first, second = chain("a", "b")
    lines = ("model.yaml:7: - Dense: 3", "used in model.yaml:12: - tower")
    tree = Tree("t", (first._replace(flops=1234, lines=lines), second._replace(twin=0, params=0)), 12)
    page = opened(tree)
    assert page.locator("#card").is_hidden()
    page.locator(".box").first.hover()
    card = page.locator("#card").inner_text()
    for part in ("(None, 3) float32", "Dense", "12", "1,234", *lines):
        assert part in card
    assert page.locator(".near").count() > 0
    page.locator(".box").last.hover()
    assert "those of a" in page.locator("#card").inner_text()
    assert page.locator(".weights").count() == 1
    page.mouse.move(5, 650)
    assert page.locator("#card").is_hidden()


@pytest.mark.parametrize("direction", ["TB", "LR", "BT", "RL"])
def test_no_boxes_overlap_and_the_way_is_the_one_asked_for(direction: str, opened: Open) -> None:
    page = opened(stacked(5), depth=1, unfold=True, direction=direction)
    places = [box.bounding_box() for box in page.locator(".box .face").all()]
    for number, one in enumerate(places):
        for other in places[number + 1 :]:
            apart_x = one["x"] + one["width"] <= other["x"] + 1 or other["x"] + other["width"] <= one["x"] + 1
            apart_y = one["y"] + one["height"] <= other["y"] + 1 or other["y"] + other["height"] <= one["y"] + 1
            assert apart_x or apart_y
    axis, back = {"TB": ("y", False), "BT": ("y", True), "LR": ("x", False), "RL": ("x", True)}[direction]
    assert (places[0][axis] > places[-1][axis]) == back


def test_hostile_names_are_text(opened: Open) -> None:
    page = opened(hostile(), depth=9)
    assert page.locator(".box").count() == len(HOSTILE)
    assert page.locator("#canvas script, #canvas b, #canvas i").count() == 0
    page.locator(".box").nth(3).hover()
    assert "</script><script>alert(1)</script>" in page.locator("#card").inner_text()
    assert page.title() == '</title>hostile "<&'


def test_dark_paper_has_light_words(opened: Open) -> None:
    def colours(page: Any) -> list[float]:
        script = """() => [document.body, document.querySelector('.box .title'), document.querySelector('.box .face')]
            .map((each, at) => getComputedStyle(each)[at ? 'fill' : 'backgroundColor'])"""
        canvas = "text => { const c = document.createElement('canvas').getContext('2d'); c.fillStyle = text;"
        canvas += (
            "c.fillRect(0, 0, 1, 1); const [r, g, b] = c.getImageData(0, 0, 1, 1).data; return (r + g + b) / 765; }"
        )
        return [page.evaluate(canvas, text) for text in page.evaluate(script)]

    paper, words, face = colours(opened(stacked()))
    assert paper > 0.95
    assert face - words > 0.6
    paper, words, face = colours(opened(stacked(), "dark"))
    assert paper < 0.1
    assert words - face > 0.6


def test_a_model_of_many_layers_is_laid_out_in_seconds(opened: Open) -> None:
    page = opened(Tree("deep", chain(*(f"dense_{number}" for number in range(2_000))), 0))
    assert page.locator("body").evaluate("() => document.querySelectorAll('.box').length") > 0
    assert (
        page.evaluate("() => { const begin = performance.now(); render(); return performance.now() - begin; }") < 10_000
    )
