"""Annotation files of V7 Darwin, versions 1.0 and 2.0: outlines and tags of one picture.

    version  picture                   outline                                     other
    1.0      image.{filename, width,   polygon.path: points                        tag: {}
             height, ...}              complex_polygon.path: lists of points
    2.0      item.name, item.slots[0]  polygon.paths: lists of points              tag: {}

A point is {x, y} in pixels, (0, 0) the centre of the first one. Several lists of one outline follow
the even-odd rule, so that holes are holes. Formats: docs.v7labs.com, "Darwin JSON".
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from cxrkit.errors import ItemFault
from cxrkit.imaging import headers, radiograph

_FAR = 1_000_000  # pixels: beyond any picture, and within what can be drawn
Points = list[dict[str, float]]


@dataclass(frozen=True)
class Outline:
    """One outlined region: the name of its class and closed paths of points, as the file has them.

    The points are checked when the region is filled: a list of thousands of pictures needs none.
    """

    name: str
    paths: tuple[Points, ...]


@dataclass(frozen=True)
class Annotations:
    """What is known of one picture; `filename` is Darwin's, `original` that of the upload."""

    filename: str
    original: str
    rows: int
    columns: int
    outlines: tuple[Outline, ...]
    tags: tuple[str, ...]


def read(path: Path) -> Annotations:
    """The annotations in a Darwin file of either version.

    Raises:
        ItemFault: E231, it is not such a file; and as `radiograph.file_bytes`.
    """
    data = radiograph.file_bytes(path)
    try:
        content = json.loads(data)
        head = _head_1(content) if "image" in content else _head_2(content)
        outlines: list[Outline] = []
        tags: list[str] = []
        for annotation in content["annotations"]:
            name = _text(annotation["name"])
            if "tag" in annotation:
                tags.append(name)
            if paths := _paths(annotation):
                outlines.append(Outline(name, paths))
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise _bad(path.name, f"it cannot be read: {type(error).__name__}") from error
    headers.check_size(head[2], head[3], path.name)
    return Annotations(*head, tuple(outlines), tuple(tags))


def fill(outline: Outline, rows: int, columns: int) -> np.ndarray:
    """The region as (rows, columns) bool: the pixels inside the outline and on it.

    Points are rounded to pixels and filled by the even-odd rule, as Darwin's own PNG export does
    (v7labs/upolygon: the same as OpenCV's fillPoly).

    Raises:
        ItemFault: E231, a path that has fewer than three points or one that is no point.
    """
    canvas = np.zeros((rows, columns), np.uint8)
    try:
        paths = [np.rint(_corners(path)).astype(np.int32) for path in outline.paths]
    except (ValueError, KeyError, TypeError) as error:
        raise _bad(f"outline {outline.name}", str(error)) from error
    cv2.fillPoly(canvas, paths, (1,))
    return canvas.astype(bool)


def _head_1(content: dict[str, Any]) -> tuple[str, str, int, int]:
    image = content["image"]
    name = _text(image["filename"])
    original = _text(image.get("original_filename") or name)
    return name, original, _whole(image["height"]), _whole(image["width"])


def _head_2(content: dict[str, Any]) -> tuple[str, str, int, int]:
    item = content["item"]
    slot = item["slots"][0]
    name = _text(item["name"])
    original = _text(slot["source_files"][0].get("file_name") or name)
    return name, original, _whole(slot["height"]), _whole(slot["width"])


def _paths(annotation: dict[str, Any]) -> tuple[Points, ...]:
    """The closed paths of an annotation; none where it is no outline."""
    if "complex_polygon" in annotation:
        return tuple(annotation["complex_polygon"]["path"])
    if "polygon" not in annotation:
        return ()
    polygon = annotation["polygon"]
    return tuple(polygon["paths"]) if "paths" in polygon else (polygon["path"],)


def _corners(path: Points) -> np.ndarray:
    """(n, 2) float64, x and y."""
    if len(path) < 3:
        raise ValueError("a path of fewer than three points")
    return np.array([(_number(point["x"]), _number(point["y"])) for point in path])


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("no whole number")
    return value


def _number(value: object) -> float:
    """A coordinate; far ones would not fit the integers that outlines are drawn with."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("a point that is no number")
    if not math.isfinite(value) or abs(value) > _FAR:
        raise ValueError("a point outside any picture")
    return float(value)


def _bad(name: str, observed: str) -> ItemFault:
    return ItemFault(
        "E231", name, observed, "a Darwin JSON file of version 1.0 or 2.0", "export it again"
    )
