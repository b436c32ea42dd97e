"""Each check flags what it is for, leaves good radiographs alone, and says so in words."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from sklearn.datasets import load_sample_images

from cxrkit.errors import IntegrityFailure
from cxrkit.imaging import radiograph
from cxrkit.phantom.anatomy import Subject, render
from cxrkit.quality import picture_kind, pictures
from cxrkit.quality.picture_kind import Network

PEOPLE = (
    Subject(seed=1),
    Subject(seed=2, sex="M", view="AP", girth=0.8, findings=("tube", "line", "effusion")),
    Subject(seed=3, age="child", stature=0.6, view="AP"),
    Subject(seed=4, sex="M", findings=("cardiomegaly",), inspiration=0.4),
    Subject(seed=5, age="child", stature=0.75, view="AP", findings=("consolidation",)),
    Subject(seed=6, girth=0.1, findings=("pneumothorax", "nodule"), side="left"),
)
SIZES = ((512, 512), (700, 560), (480, 640), (1024, 860), (600, 600), (540, 512))


@pytest.fixture(scope="module")
def network() -> Network:
    return picture_kind.load()


@pytest.fixture(scope="module")
def frontals() -> list[np.ndarray]:
    return [_phantom(subject, size) for subject, size in zip(PEOPLE, SIZES, strict=True)]


@pytest.fixture(scope="module")
def laterals() -> list[np.ndarray]:
    people = [replace(subject, view="LATERAL", findings=()) for subject in PEOPLE]
    return [_phantom(subject, size) for subject, size in zip(people, SIZES, strict=True)]


def _phantom(subject: Subject, size: tuple[int, int]) -> np.ndarray:
    return np.asarray(render(subject, *size, np.random.default_rng(subject.seed)).radiograph)


def names(picture: np.ndarray, network: Network, reading: tuple[str, ...] = ()) -> list[str]:
    flags = pictures.flags(np.ascontiguousarray(picture), network, reading)
    assert [f.name for f in flags] == sorted((f.name for f in flags), key=pictures.CHECKS.index)
    return [flag.name for flag in flags]


def test_good_radiographs_have_no_flag(frontals: list[np.ndarray], network: Network) -> None:
    assert [names(picture, network) for picture in frontals] == [[]] * len(frontals)


CHANGES: list[tuple[str, Callable[[np.ndarray], np.ndarray], str]] = [
    ("inverted", lambda p: 255 - p, "negative"),
    ("rotated", lambda p: np.rot90(p, -1), "turned by 90 degrees clockwise"),
    ("rotated", lambda p: np.rot90(p, 2), "turned by 180 degrees"),
    ("rotated", lambda p: np.rot90(p, 1), "turned by 270 degrees clockwise"),
    ("mirrored", lambda p: p[:, ::-1], "dextrocardia"),
]


@pytest.mark.parametrize(("name", "change", "words"), CHANGES)
def test_a_change_is_flagged_in_words(
    name: str,
    change: Callable[[np.ndarray], np.ndarray],
    words: str,
    frontals: list[np.ndarray],
    network: Network,
) -> None:
    for picture in frontals:
        found = pictures.flags(np.ascontiguousarray(change(picture)), network)
        assert [flag.name for flag in found] == [name]
        assert words in found[0].reason and "limit" in found[0].reason


def test_a_turned_negative_is_both(frontals: list[np.ndarray], network: Network) -> None:
    assert names(np.rot90(255 - frontals[0]), network) == ["rotated", "inverted"]


def test_laterals_are_flagged_whichever_way_they_face(
    laterals: list[np.ndarray], network: Network
) -> None:
    for picture in laterals:
        assert names(picture, network) == names(picture[:, ::-1], network) == ["lateral"]


def test_a_frontal_beside_a_lateral_is_a_collage(
    frontals: list[np.ndarray], laterals: list[np.ndarray], network: Network
) -> None:
    for one, other in zip(frontals, laterals, strict=True):
        scaled = cv2.resize(other, (one.shape[1], one.shape[0]), interpolation=cv2.INTER_AREA)
        assert "collage" in names(np.hstack([one, scaled]), network)


def test_a_strip_of_films_is_a_collage(frontals: list[np.ndarray], network: Network) -> None:
    same = [cv2.resize(p, (400, 500), interpolation=cv2.INTER_AREA) for p in frontals]
    gap = np.zeros((500, 10), np.uint8)
    assert "collage" in names(np.hstack([same[0], gap, same[1], gap, same[3]]), network)
    rows = [np.hstack(same[:2]), np.hstack(same[2:4])]
    assert "collage" in names(np.vstack(rows), network)


@pytest.mark.parametrize("level", [0, 7, 128, 255])
def test_an_even_picture_is_blank_and_nothing_else(level: int, network: Network) -> None:
    rng = np.random.default_rng(level)
    noisy = np.clip(level + rng.normal(0, 12, (300, 280)), 0, 255).astype(np.uint8)
    assert names(noisy, network) == ["blank"]
    assert names(np.full((300, 280), level, np.uint8), network) == ["blank"]


def test_a_blank_field_in_a_frame_with_a_marker_is_blank(network: Network) -> None:
    picture = np.zeros((400, 400), np.uint8)
    picture[60:340, 60:340] = 90
    cv2.putText(picture, "L", (70, 100), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 250, 2)
    assert names(picture, network) == ["blank"]


def test_pages_and_a_photograph_are_no_chest(network: Network) -> None:
    for photograph in load_sample_images().images:  # a temple and a flower, never learnt from
        gray = cv2.cvtColor(photograph, cv2.COLOR_RGB2GRAY)
        assert "not_a_chest" in names(gray, network)
    page = np.full((500, 400), 255, np.uint8)
    for line in range(20):
        words = "the quick brown fox jumps over"
        cv2.putText(page, words, (20, 30 + 23 * line), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 0, 1)
    assert "not_a_chest" in names(page, network)


def test_colour_is_told_by_the_reading(frontals: list[np.ndarray], network: Network) -> None:
    marked = cv2.cvtColor(frontals[0], cv2.COLOR_GRAY2BGR)
    cv2.arrowedLine(marked, (400, 100), (330, 180), (0, 0, 230), 4)
    data = cv2.imencode(".png", marked)[1].tobytes()
    read = radiograph.decode(data, "marked.png", 224)
    assert names(read.pixels, network, read.flags) == ["colour_marks"]
    assert names(read.pixels, network) == []


def test_the_same_picture_gives_the_same_flags_at_any_reading_size(
    frontals: list[np.ndarray], network: Network
) -> None:
    mirrored = np.ascontiguousarray(frontals[3][:, ::-1])  # 1024 x 860
    data = cv2.imencode(".png", mirrored)[1].tobytes()
    reduced = radiograph.decode(data, "x", 224).pixels
    assert reduced.shape != mirrored.shape
    assert names(reduced, network) == names(mirrored, network) == ["mirrored"]
    assert pictures.flags(mirrored, network) == pictures.flags(mirrored, picture_kind.load())


def test_a_picture_is_left_as_it_was(frontals: list[np.ndarray], network: Network) -> None:
    before = frontals[0].copy()
    pictures.flags(frontals[0], network)
    assert np.array_equal(before, frontals[0])


def test_a_flipped_verdict_must_agree() -> None:
    """A network that sees a lateral in one view only is not believed."""
    one_view = np.zeros((2, 10), np.float32)
    one_view[0, 1] = one_view[:, 4] = 20.0
    one_view[1, 0] = 20.0
    picture = np.tile(np.arange(256, dtype=np.uint8), (256, 1))
    seen = picture_kind.see(picture, Network("", lambda views: one_view))
    assert pictures.lateral(seen) is None
    both = one_view[[0, 0]]
    assert pictures.lateral(picture_kind.see(picture, Network("", lambda views: both)))


def test_a_turn_is_the_opposite_turn_in_the_mirror() -> None:
    logits = np.zeros((2, 10), np.float32)
    logits[0, 5] = logits[1, 7] = 20.0
    picture = np.tile(np.arange(256, dtype=np.uint8), (256, 1))
    seen = picture_kind.see(picture, Network("", lambda views: logits))
    flag = pictures.rotated(seen)
    assert flag is not None and "90 degrees clockwise" in flag.reason


def test_the_shipped_file_is_that_of_its_card(tmp_path: Path) -> None:
    card = json.loads((picture_kind.WEIGHTS / "card.json").read_text())
    data = (picture_kind.WEIGHTS / card["files"]["float32"]["file"]).read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    assert digest == card["files"]["float32"]["sha256"] == picture_kind.load().weights_sha256
    assert card["recipe"]["limits"] == pictures.LIMIT
    assert {d["archive"] for d in card["data"]} == {"guangzhou", "shenzhen", "v7"}
    assert all(d["terms"] and d["citation"] for d in card["data"])
    (tmp_path / "card.json").write_text(json.dumps(card))
    (tmp_path / card["files"]["float32"]["file"]).write_bytes(data[:-1] + b"?")
    with pytest.raises(IntegrityFailure, match="E503"):
        picture_kind.load(tmp_path)


def test_of_real_radiographs_of_an_unseen_hospital_few_are_flagged(
    real_data: Path, network: Network
) -> None:
    """Those that are flagged were looked at: docs/pictures.md names them."""
    paths = sorted((real_data / "chestx-ray14" / "images").glob("*.png"))
    read = [radiograph.read(path, 224) for path in paths]
    flagged = [bool(pictures.flags(r.pixels, network, r.flags)) for r in read]
    assert len(paths) == 78 and sum(flagged) <= 2
    turned = [names(np.rot90(r.pixels, -1), network) for r in read[:20]]
    assert sum("rotated" in found for found in turned) >= 19
    negative = [names(255 - r.pixels, network) for r in read[:20]]
    assert sum("inverted" in found for found in negative) >= 19
