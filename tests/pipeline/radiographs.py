"""A tiny archive of made-up pictures, a cheap stand-in for the network, and forked runs."""

import csv
import hashlib
import io
import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from PIL import Image
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from cxrkit import segmentation
from cxrkit.conversion import convert as conversion
from cxrkit.errors import CxrkitError
from cxrkit.pipeline import durable, seal, workers
from cxrkit.pipeline.build import Options, build
from cxrkit.pipeline.summary import Summary


def picture(seed: int, rows: int = 60, columns: int = 50) -> np.ndarray:
    """(rows, columns) uint8: noise on a gradient, another one for each seed."""
    rng = np.random.Generator(np.random.PCG64(seed))
    ramp = np.linspace(20, 200, columns)[None, :] + np.linspace(0, 30, rows)[:, None]
    return np.clip(ramp + rng.normal(0, 6, (rows, columns)), 0, 255).astype(np.uint8)


def write_folder(root: Path, count: int) -> list[str]:
    """`count` PNG and JPEG pictures in two folders; gives their names."""
    names = []
    for number in range(count):
        suffix = (".png", ".jpg")[number % 2]
        name = f"{'ab'[number % 3 == 0]}/image{number:03d}{suffix}"
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(encoded(picture(number), suffix))
        names.append(name)
    return sorted(names)


def encoded(pixels: np.ndarray, suffix: str) -> bytes:
    """The picture as the bytes of a file of that kind."""
    return cv2.imencode(suffix, pixels)[1].tobytes()


def ellipses(image: np.ndarray) -> np.ndarray:
    """(224, 224) float32 in 0-1: two lungs that move a little with the image's content."""
    probability = np.zeros(image.shape, np.float32)
    shift = int(hashlib.sha256(image.tobytes()).digest()[0]) % 20 - 10
    for x in (70, 154):
        cv2.ellipse(probability, (x, 112 + shift), (30, 60), 0, 0, 360, 0.9, -1)
    return probability


def use_stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Builds in this process use `ellipses` as network and forked workers, which inherit it."""

    def load(convention: str, *_: object) -> segmentation.Segmenter:
        return segmentation.Segmenter(convention, "onnxruntime", "0" * 64, ellipses)

    cv2.setNumThreads(1)  # a fork does not take OpenCV's threads along, and would wait for them
    monkeypatch.setattr(segmentation, "load", load)
    monkeypatch.setattr(segmentation, "weights_sha256", lambda *_: "0" * 64)
    monkeypatch.setattr(workers, "START", multiprocessing.get_context("fork"))
    # No test here cuts the power, and waiting for the disk is most of a small build's time.
    monkeypatch.setattr(durable, "_SYNCFS", lambda descriptor: 0)
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def run(root: Path, out: Path, archive: str = "folder", **options: object) -> Summary:
    """One build that says nothing."""
    return build(archive, root, out, Options(**options), lambda _: None, lambda _: None)


def convert(root: Path, out: Path, recipe: str = "png", **options: object) -> Summary:
    """One conversion of a folder that says nothing."""
    chosen = conversion.Options(recipe, **options)
    return conversion.convert_archive("folder", root, out, chosen, lambda _: None, lambda _: None)


def tree(out: Path) -> dict[str, str]:
    """SHA-256 of every file of a dataset by its path, without runs/."""
    return {
        path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.relative_to(out).parts[0] != "runs"
    }


def rows(out: Path, name: str) -> list[dict[str, str]]:
    """The rows of a CSV table of a dataset."""
    with (out / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def sums(out: Path) -> dict[str, str]:
    """SHA-256 by path, as the file of sums says."""
    lines = (out / seal.SUMS).read_text(encoding="utf-8").splitlines()
    return {name: sha256 for sha256, name in (line.split("  ", 1) for line in lines)}


def refused(
    command: Callable, kind: type[CxrkitError], code: str, *arguments: object, **options: object
) -> str:
    """The message with which `run` or `convert` fails, which must be of that kind and code."""
    with pytest.raises(kind) as failure:
        command(*arguments, **options)
    assert failure.value.code == code
    return str(failure.value)


def fake_archive(records: list, **card: object) -> SimpleNamespace:
    """An adapter that lists these records."""
    facts = {"title": "Made up", "licence": "open", "blank_view_is_frontal": True,
             "labels_belong_to": "image"} | card  # fmt: skip
    return SimpleNamespace(
        CARD=SimpleNamespace(**facts), LAYOUT="", records=lambda root: iter(records)
    )


def cmyk() -> bytes:
    """A JPEG of four inks."""
    buffer = io.BytesIO()
    Image.new("CMYK", (64, 64), (10, 20, 30, 40)).save(buffer, "JPEG")
    return buffer.getvalue()


def dicom_without_pixels() -> bytes:
    """A DICOM file of a structured report: no pixel data."""
    dataset = Dataset()
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.11"  # Basic Text SR
    dataset.SOPInstanceUID = "1.2.3.4"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = io.BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()
