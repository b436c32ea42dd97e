"""A miniature V7 COVID-19 X-ray set of phantoms, as PNG masks with a table or as Darwin JSON files.

Layout, names, tags and the values of the masks from the README and files of
v7labs/covid-19-xray-dataset, the JSON from docs.v7labs.com. Half of the exams stand for the part
from ieee8023, half for the part from Guangzhou. Lateral views have no lungs; every tenth exam of
adults has tags only; the first image is there twice to the byte; tubes and lines are Ignore, and
every second AP view has a line.
"""

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from cxrkit.phantom import release
from cxrkit.phantom.anatomy import Phantom
from cxrkit.phantom.release import Exam

LONG_SIDE = 5600  # pixels; the release has 156 x 156 to 5600 x 4700
FIRST_ID = 1676192
KINDS = ((("PA",), 0.3), (("AP",), 0.45), (("PA", "LATERAL"), 0.25))
CHANCES = release.CHANCES | {"consolidation": 0.6, "edema": 0.3}
LICENCES = ("CC BY 3.0", "CC BY-NC-SA", "CC BY 4.0", "listed as authorized for everyone", "")
PLACES = ("Northern Hospital", "Harbour City", "Lakeside Clinic")
COLUMNS = ("v7_image_id", "original_filename", "source", "patient_id", "view", "finding",
           "image_license")  # fmt: skip
IGNORED = ("tube", "line")


@dataclass(frozen=True)
class Item:
    """One image of the set to be."""

    v7_id: str
    exam: Exam
    number: int  # of the exam's views
    seed: int
    file: str
    row: tuple[str, ...]  # of pairs.csv
    tags: tuple[str, ...]
    rows: int
    columns: int
    outlined: bool

    @property
    def original(self) -> str:
        """The published name of the image."""
        return self.row[1]


Paths = list[list[dict[str, int]]]
Job = tuple[tuple[Item, ...], Path | None, str]


def write_release(
    root: Path,
    studies: int,
    seed: int,
    size: int = LONG_SIDE,
    workers: int = 1,
    masks: Path | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> int:
    """Write images, PNG masks and pairs.csv, the same bytes for the same arguments; their number.

    Args:
        root: folder to fill; absent or empty.
        studies: how many examinations.
        seed: of all that is random.
        size: pixels of the longer side of the largest images.
        workers: processes that render; the result does not depend on it.
        masks: where the exact lung masks of frontal images go; outside `root`, absent or empty.
            None: not written.
        progress: called with the number of finished studies.

    Raises:
        InputRefused: E105 when `root` or `masks` holds something, E107 when `masks` lies in `root`.
    """
    items = _write(root, studies, seed, size, workers, masks, progress, "")
    table = [COLUMNS, *(item.row for item in items)]
    release.write(root, "pairs.csv", release.csv_bytes(table))
    return len(items)


def write_darwin_release(
    root: Path,
    studies: int,
    seed: int,
    size: int = LONG_SIDE,
    workers: int = 1,
    masks: Path | None = None,
    progress: Callable[[int], None] = lambda done: None,
    version: str = "1.0",
) -> int:
    """Write the same images with Darwin JSON files of that version, "1.0" or "2.0"; their number.

    The other arguments are those of `write_release`.

    Raises:
        InputRefused: as `write_release`.
    """
    return len(_write(root, studies, seed, size, workers, masks, progress, version))


def _write(
    root: Path, studies: int, seed: int, size: int, workers: int, masks: Path | None,
    progress: Callable[[int], None], version: str,
) -> list[Item]:  # fmt: skip
    release.accept_folders(root, masks)
    exams = plan(studies, seed, size)
    release.write_files(root, [(e, masks, version) for e in exams], _files, workers, progress)
    return [item for exam in exams for item in exam]


def plan(studies: int, seed: int, size: int = LONG_SIDE) -> list[tuple[Item, ...]]:
    """All that is known before a pixel is computed: the items of each exam, adults first."""
    exams: list[tuple[Item, ...]] = []
    number = FIRST_ID
    adults = release.draw_exams((studies + 1) // 2, 2 * seed, KINDS, chances=CHANCES)
    children = release.draw_exams(
        studies // 2, 2 * seed + 1, ((("AP",), 1.0),), age="child", chances=CHANCES
    )
    for draw, part in ((_adult, adults), (_child, children)):
        for exam in map(_with_line, part):
            views = list(range(len(exam.views)))
            views += [0] if not exams else []  # the exact duplicate
            items = [draw(exam, view, str(number + k), seed, size) for k, view in enumerate(views)]
            number += len(items)
            exams.append(tuple(items))
    return exams


def _with_line(exam: Exam) -> Exam:
    """The exam, with a venous line where it is an adult's every second one and AP."""
    found = exam.subject.findings
    if exam.subject.age == "child" or exam.views != ("AP",) or exam.index % 2 or "line" in found:
        return exam
    return replace(exam, subject=replace(exam.subject, findings=(*found, "line")))


def _adult(exam: Exam, view: int, v7_id: str, seed: int, size: int) -> Item:
    rng = np.random.default_rng([seed, 24, exam.index, view])
    position = exam.views[view]
    ill = {"consolidation", "edema"} & set(exam.subject.findings)
    finding = ("COVID-19, ARDS" if len(ill) > 1 else "COVID-19") if ill else "No Finding"
    words = {"PA": ("PA", "PA", ""), "AP": ("AP", "AP Supine"), "LATERAL": ("L",)}[position]
    word = words[int(rng.integers(len(words)))]
    tags = ["X-ray", f"Sex/{exam.subject.sex}", f"Age:{exam.years}"]
    tags += ["COVID-19", "Viral Pneumonia"] if ill else []
    tags += [f"View/{word}"] if word and (position != "LATERAL" or rng.random() < 0.5) else []
    tags += [f"location:{PLACES[int(rng.integers(len(PLACES)))]}"] if rng.random() < 0.6 else []
    tags += ["Intubation/Y"] if "tube" in exam.subject.findings else []
    row = (
        v7_id,
        f"{int(v7_id) * 2654435761 % 2**32:08x}.jpg",
        "ieee8023",
        str(exam.patient + 1),
        word,
        finding,
        LICENCES[int(rng.integers(len(LICENCES)))],
    )
    outlined = position != "LATERAL" and exam.index % 10 != 2
    return _item(exam, view, 2 * seed, size, row, tuple(tags), outlined)


def _child(exam: Exam, view: int, v7_id: str, seed: int, size: int) -> Item:
    cause = ("bacteria", "virus")[exam.index % 2]
    ill = bool(exam.subject.findings)
    kind = "Viral Pneumonia" if cause == "virus" else "Bacterial Pneumonia"
    person = f"person{exam.patient + 1}" if ill else f"IM-{exam.patient + 115:04d}"
    name = f"{person}_{cause}_{exam.index + 1}" if ill else f"{person}-0001-{exam.index + 1:04d}"
    finding = kind if ill else "No Finding"
    row = (v7_id, f"{name}.jpeg", "guangzhou", person, "", finding, "CC BY 4.0")
    tags = ("X-ray", kind) if ill else ("X-ray",)
    return _item(exam, view, 2 * seed + 1, size, row, tags, True)


def _item(
    exam: Exam, view: int, seed: int, size: int, row: tuple[str, ...], tags: tuple[str, ...],
    outlined: bool,
) -> Item:  # fmt: skip
    rng = np.random.default_rng([seed, 25, exam.index, view])
    long = round(size * float(rng.choice([1, 0.8, 0.6])))
    rows, columns = round(long * float(rng.uniform(0.75, 1))), long
    file = row[0] + (".png", ".jpg", ".jpeg")[int(rng.integers(3))]
    return Item(row[0], exam, view, seed, file, row, tags, rows, columns, outlined)


def _files(job: Job) -> dict[str, bytes]:
    items, masks, version = job
    files = {}
    for item in items:
        phantom = release.picture(item.exam, item.number, item.rows, item.columns, item.seed)
        if masks is not None and item.exam.views[item.number] != "LATERAL":
            release.write_masks(masks, item.v7_id, phantom)
        encode = release.png if item.file.endswith(".png") else release.jpeg
        files[f"images/{item.file}"] = encode(phantom.radiograph)
        if version:
            content = _darwin_1(item, phantom) if version == "1.0" else _darwin_2(item, phantom)
            files[f"annotations/{item.v7_id}.json"] = json.dumps(content).encode()
        elif item.outlined:
            files[f"masks/{item.v7_id}.png"] = release.png(_values(phantom))
    return files


def _values(phantom: Phantom) -> np.ndarray:
    """The semantic mask: 0 background, 127 ignore, 255 lung."""
    lungs = phantom.right_lung_with_heart | phantom.left_lung_with_heart
    values = np.where(lungs, 255, 0).astype(np.uint8)
    for name in IGNORED:
        values[phantom.findings.get(name, np.zeros_like(lungs))] = 127
    return values


def _outlines(item: Item, phantom: Phantom) -> list[tuple[str, Paths]]:
    """Name and closed paths of each region, holes included."""
    if not item.outlined:
        return []
    regions = [
        ("Lung", phantom.right_lung_with_heart),
        ("Lung", phantom.left_lung_with_heart),
        *(("Ignore", phantom.findings[n]) for n in IGNORED if n in phantom.findings),
    ]
    return [(name, paths) for name, mask in regions if (paths := _paths(mask))]


def _paths(mask: np.ndarray) -> Paths:
    found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    contours = [np.asarray(contour, int).reshape(-1, 2) for contour in found]
    return [[{"x": int(x), "y": int(y)} for x, y in path] for path in contours if len(path) > 2]


def _darwin_1(item: Item, phantom: Phantom) -> dict[str, object]:
    annotations: list[dict[str, object]] = [{"name": tag, "tag": {}} for tag in item.tags]
    for name, paths in _outlines(item, phantom):
        if len(paths) == 1:
            annotations.append({"name": name, "polygon": {"path": paths[0]}})
        else:
            annotations.append({"name": name, "complex_polygon": {"path": paths}})
    image = {
        "seq": int(item.v7_id) - FIRST_ID + 1,
        "width": item.columns,
        "height": item.rows,
        "filename": item.file,
        "original_filename": item.original,
        "url": f"https://example.org/images/{item.v7_id}/original",
        "thumbnail_url": f"https://example.org/images/{item.v7_id}/thumbnail",
        "workview_url": f"https://example.org/workview?image={item.v7_id}",
    }
    return {"dataset": "phantoms", "image": image, "annotated": True, "annotations": annotations}


def _darwin_2(item: Item, phantom: Phantom) -> dict[str, object]:
    annotations: list[dict[str, object]] = [
        {"name": tag, "slot_names": [], "tag": {}} for tag in item.tags
    ]
    for name, paths in _outlines(item, phantom):
        x, y = ([point[axis] for path in paths for point in path] for axis in "xy")
        box = {"x": min(x), "y": min(y), "w": max(x) - min(x), "h": max(y) - min(y)}
        annotations.append(
            {"bounding_box": box, "name": name, "polygon": {"paths": paths}, "slot_names": ["0"]}
        )
    url = f"https://example.org/images/{item.v7_id}/original"
    slot = {
        "type": "image",
        "slot_name": "0",
        "width": item.columns,
        "height": item.rows,
        "source_files": [{"file_name": item.original, "url": url}],
    }
    source = {"dataset": {"name": "phantoms", "slug": "phantoms"}, "item_id": item.v7_id}
    picture = {"name": item.file, "path": "/", "source_info": source, "slots": [slot]}
    return {"version": "2.0", "item": picture, "annotations": annotations}


# What `cxr phantom --form` offers; the first is written without it.
FORMS = {
    "png": write_release,
    "darwin-1.0": functools.partial(write_darwin_release, version="1.0"),
    "darwin-2.0": functools.partial(write_darwin_release, version="2.0"),
}
