"""Darwin files of both versions, and outlines against a rule that knows no raster."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from cxrkit.errors import ItemFault
from cxrkit.imaging import darwin
from cxrkit.imaging.darwin import Outline

SQUARE = [(2.0, 3.0), (8.0, 3.0), (8.0, 7.0), (2.0, 7.0)]
HOLE = [(4.0, 4.0), (6.0, 4.0), (6.0, 6.0), (4.0, 6.0)]


def points(path: Sequence[tuple[float, float]]) -> list[dict[str, float]]:
    return [{"x": x, "y": y} for x, y in path]


def version_1(**image: object) -> dict[str, object]:
    known = {"seq": 7, "width": 12, "height": 9, "filename": "16.png", "original_filename": "a.jpg",
             "url": "", "thumbnail_url": "", "workview_url": ""}  # fmt: skip
    return {
        "dataset": "phantoms",
        "image": known | image,
        "annotated": True,
        "annotations": [
            {"name": "COVID-19", "tag": {}},
            {"name": "Lung", "polygon": {"path": points(SQUARE)}},
            {"name": "Ignore", "complex_polygon": {"path": [points(SQUARE), points(HOLE)]}},
            {"name": "Heart", "bounding_box": {"x": 1, "y": 1, "w": 2, "h": 2}},
        ],
    }


def version_2() -> dict[str, object]:
    slot = {"type": "image", "slot_name": "0", "width": 12, "height": 9,
            "source_files": [{"file_name": "a.jpg", "url": ""}]}  # fmt: skip
    return {
        "version": "2.0",
        "item": {"name": "16.png", "path": "/", "slots": [slot]},
        "annotations": [
            {"id": "1", "name": "COVID-19", "tag": {}},
            {"id": "2", "name": "Lung", "polygon": {"paths": [points(SQUARE)]},
             "bounding_box": {"x": 2, "y": 3, "w": 6, "h": 4}},
            {"id": "3", "name": "Ignore", "polygon": {"paths": [points(SQUARE), points(HOLE)]}},
            {"id": "4", "name": "Heart", "bounding_box": {"x": 1, "y": 1, "w": 2, "h": 2}},
        ],
    }  # fmt: skip


def read(folder: Path, content: object) -> darwin.Annotations:
    path = folder / "16.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return darwin.read(path)


@pytest.mark.parametrize("content", [version_1(), version_2()])
def test_both_versions_say_the_same(tmp_path: Path, content: dict[str, object]):
    found = read(tmp_path, content)
    assert found == darwin.Annotations(
        "16.png",
        "a.jpg",
        9,
        12,
        (
            Outline("Lung", (points(SQUARE),)),
            Outline("Ignore", (points(SQUARE), points(HOLE))),
        ),
        ("COVID-19",),
    )


def test_a_square_by_hand():
    filled = darwin.fill(Outline("Lung", (points(SQUARE),)), 9, 12)
    expected = np.zeros((9, 12), bool)
    expected[3:8, 2:9] = True  # inside and on the outline
    assert np.array_equal(filled, expected)


def test_a_hole_by_hand_and_its_rim_is_filled():
    filled = darwin.fill(Outline("Lung", (points(SQUARE), points(HOLE))), 9, 12)
    expected = np.zeros((9, 12), bool)
    expected[3:8, 2:9] = True
    expected[5, 5] = False
    assert np.array_equal(filled, expected)


def crossings(x: float, y: float, path: tuple[tuple[float, float], ...]) -> int:
    """How many edges a ray from the point to the right meets (Jordan)."""
    meets = 0
    for (x0, y0), (x1, y1) in zip(path, path[1:] + path[:1], strict=True):
        if (y0 > y) != (y1 > y):
            meets += x < x0 + (y - y0) * (x1 - x0) / (y1 - y0)
    return meets


def distance(x: float, y: float, path: tuple[tuple[float, float], ...]) -> float:
    """From the point to the nearest edge."""
    best = np.inf
    for (x0, y0), (x1, y1) in zip(path, path[1:] + path[:1], strict=True):
        length = (x1 - x0) ** 2 + (y1 - y0) ** 2
        t = 0 if length == 0 else ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / length
        t = min(max(t, 0), 1)
        best = min(best, np.hypot(x - x0 - t * (x1 - x0), y - y0 - t * (y1 - y0)))
    return float(best)


def star(rng: np.random.Generator, corners: int) -> tuple[tuple[float, float], ...]:
    """A ragged closed path around (20, 18) that may leave the canvas."""
    angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
    radii = rng.uniform(3, 24, corners)
    return tuple(
        (20 + r * np.cos(a), 18 + r * np.sin(a)) for a, r in zip(angles, radii, strict=True)
    )


@pytest.mark.parametrize("seed", range(12))
def test_a_pixel_is_filled_if_a_ray_from_its_centre_meets_an_odd_number_of_edges(seed: int):
    """Except within a pixel of an edge, where points were rounded; self-crossing paths included."""
    rng = np.random.default_rng(seed)
    paths = tuple(star(rng, int(rng.integers(3, 12))) for _ in range(1 + seed % 3))
    filled = darwin.fill(Outline("Lung", tuple(map(points, paths))), 36, 40)
    sure = 0
    for y in range(36):
        for x in range(40):
            if min(distance(x, y, path) for path in paths) > 1.2:
                sure += 1
                assert filled[y, x] == (sum(crossings(x, y, p) for p in paths) % 2 == 1)
    assert sure > 200


BROKEN = {
    "no JSON": "{",
    "a list": "[1]",
    "a number": "7",
    "no picture": {"annotations": []},
    "no annotations": {"image": version_1()["image"]},
    "a width in words": version_1(width="12"),
    "a width of no pixel": version_1(width=0),
    "a name that is a number": version_1(filename=16),
    "no slot": {"version": "2.0", "item": {"name": "a", "slots": []}, "annotations": []},
}

BAD_PATHS = {
    "a point without y": [{"x": 1}] * 3,
    "a point in words": [{"x": "1", "y": 1}] * 3,
    "a point that is true": [{"x": True, "y": 1}] * 3,
    "a point far away": [{"x": 1e9, "y": 1}] * 3,
    "a point that is no number": [{"x": float("nan"), "y": 1}] * 3,
    "two points": [{"x": 1, "y": 1}] * 2,
    "no point": [],
    "numbers alone": [1, 2, 3],
}


@pytest.mark.parametrize("kind", BAD_PATHS)
def test_a_broken_outline_is_named_when_it_is_filled(tmp_path: Path, kind: str):
    broken = {"name": "Lung", "polygon": {"path": BAD_PATHS[kind]}}
    found = read(tmp_path, version_1() | {"annotations": [broken]})
    with pytest.raises(ItemFault, match="outline Lung") as caught:
        darwin.fill(found.outlines[0], found.rows, found.columns)
    assert caught.value.code == "E231"


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_is_named(tmp_path: Path, kind: str):
    assert read(tmp_path, version_1()).rows == 9
    with pytest.raises(ItemFault) as caught:
        read(tmp_path, BROKEN[kind])
    expected = "E212" if kind == "a width of no pixel" else "E231"
    assert (caught.value.code, caught.value.path) == (expected, "16.json")


def test_an_announced_size_past_the_limit_is_refused(tmp_path: Path):
    with pytest.raises(ItemFault) as caught:
        read(tmp_path, version_1(width=60_000, height=60_000))
    assert caught.value.code == "E211"


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(ItemFault) as caught:
        darwin.read(tmp_path / "absent.json")
    assert caught.value.code == "E202"
