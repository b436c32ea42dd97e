"""Headers per second of `cxrkit.imaging.sizes.measure` beside Pillow and pydicom in the same run.

PNG, JPEG and DICOM phantoms, hard-linked to the number of files asked for. Each way is timed
several times and the best run counts: in one thread, in threads, and in processes that are running
already. `measure` itself starts processes for 8,192 images and more.

    nice -n 10 python benchmarks/verify_speed.py [--files 6000] [--workers 2] [--rounds 3]

Peers: `PIL.Image.open(path).size` for PNG and JPEG, and for DICOM
`pydicom.dcmread(path, stop_before_pixels=True)`.
"""

import argparse
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pydicom import dcmread

from cxrkit.imaging.sizes import measure, read_size
from cxrkit.phantom.anatomy import draw_subject, render
from cxrkit.phantom.dicom_file import encode
from cxrkit.phantom.release import jpeg, png

DISTINCT = 20  # phantoms of each kind
ROWS, COLUMNS = 1024, 840
# What a header of an archive commonly has before the size of the image; all made up.
ELEMENTS: dict[str, Any] = {
    "SpecificCharacterSet": "ISO_IR 100", "ImageType": ["ORIGINAL", "PRIMARY"],
    "StudyDate": "21000101", "SeriesDate": "21000101", "ContentDate": "21000101",
    "StudyTime": "101010", "SeriesTime": "101010", "ContentTime": "101010",
    "AccessionNumber": "1", "Manufacturer": "made up", "InstitutionName": "made up",
    "ReferringPhysicianName": "", "StudyDescription": "CHEST", "SeriesDescription": "PA",
    "ManufacturerModelName": "made up", "PatientName": "", "PatientID": "1",
    "PatientBirthDate": "", "PatientSex": "O", "PatientAge": "050Y", "BodyPartExamined": "CHEST",
    "KVP": "120", "DistanceSourceToDetector": "1800", "ExposureTime": "10", "Exposure": "3",
    "XRayTubeCurrent": "300", "ImagerPixelSpacing": [0.14, 0.14], "ViewPosition": "PA",
    "StudyID": "1", "SeriesNumber": "1", "InstanceNumber": "1", "PatientOrientation": ["L", "F"],
    "WindowCenter": "2048", "WindowWidth": "4096",
}  # fmt: skip


def write(folder: Path, count: int) -> dict[str, list[str]]:
    """Paths below the folder by kind."""
    out: dict[str, list[str]] = {"png": [], "jpeg": [], "dicom": []}
    for number in range(DISTINCT):
        rng = np.random.default_rng(number)
        pixels = render(draw_subject(rng), ROWS, COLUMNS, rng).radiograph
        made = {"png": png(pixels), "jpeg": jpeg(pixels), "dicom": encode(pixels, **ELEMENTS)}
        for kind, data in made.items():
            (folder / f"{kind}-{number}").write_bytes(data)
    for kind, paths in out.items():
        for number in range(count):
            path = f"{kind}/{number // 500:03}/{number:06}"
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            os.link(folder / f"{kind}-{number % DISTINCT}", folder / path)
            paths.append(path)
    return out


def pillow(path: Path) -> tuple[int, int]:
    """Rows and columns."""
    with Image.open(path) as image:
        return image.height, image.width


def pydicom(path: Path) -> tuple[int, int]:
    """Rows and columns."""
    dataset = dcmread(path, stop_before_pixels=True)
    return int(dataset.Rows), int(dataset.Columns)


def ours(path: Path) -> tuple[int, int]:
    """Rows and columns."""
    size = read_size(path)
    return size.rows, size.columns


def every(read: Callable[[Path], object], paths: Sequence[Path]) -> int:
    """What one process does with its share; the number of files."""
    return len([read(path) for path in paths])


def seconds(action: Callable[[], object], rounds: int) -> float:
    """The best of the rounds."""
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        action()
        taken.append(time.perf_counter() - began)
    return min(taken)


def rates(
    read: Callable[[Path], object], paths: Sequence[Path], pools: Sequence[Executor], given: Any
) -> dict[str, float]:
    """Files per second by way."""
    shares = [paths[n :: given.workers] for n in range(given.workers)]
    ways: dict[str, Callable[[], object]] = {"1 thread": lambda: every(read, paths)}
    for name, pool in zip(("threads", "processes"), pools, strict=True):
        ways[name] = partial(lambda p: list(p.map(every, [read] * given.workers, shares)), pool)
        ways[name]()  # starts and imports, not timed
    return {way: len(paths) / seconds(do, given.rounds) for way, do in ways.items()}


def main() -> None:
    """Measure and print one line per kind and way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=6000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    spawn = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory() as name,
        ThreadPoolExecutor(given.workers) as threads,
        ProcessPoolExecutor(given.workers, spawn) as processes,
    ):
        root = Path(name)
        files = write(root, given.files)
        print(f"{given.files} files of each kind, {given.workers} workers, best of {given.rounds}")
        for kind, images in files.items():
            peer = pydicom if kind == "dicom" else pillow
            paths = [root / image for image in images]
            assert [*map(ours, paths)] == [*map(peer, paths)]
            table = seconds(lambda r=root, i=images: measure(r, i), given.rounds)  # type: ignore[misc]
            print(f"{kind:6} measure, 1 thread {given.files / table:8,.0f} files/s")
            pools = (threads, processes)
            theirs, own = (rates(read, paths, pools, given) for read in (peer, ours))
            for way in own:
                print(
                    f"{kind:6} {way:10} read_size {own[way]:8,.0f}   {peer.__name__} "
                    f"{theirs[way]:8,.0f} files/s   {own[way] / theirs[way]:5.2f} x"
                )


if __name__ == "__main__":
    main()
