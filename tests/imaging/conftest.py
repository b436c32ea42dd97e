"""Made-up pictures, and the files that hold them."""

import io
import tempfile
from pathlib import Path

import cv2
import gdcm
import numpy as np
import pytest
from pydicom import dcmwrite
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)


def chest(rows: int, columns: int, seed: int = 0) -> np.ndarray:
    """(rows, columns) float64 in 0-1: two dark lungs, ribs and noise, in a light trunk."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:rows, :columns]
    y, x = y / rows, x / columns
    lungs = sum(np.exp(-(((x - c) / 0.13) ** 4) - ((y - 0.5) / 0.33) ** 4) for c in (0.3, 0.7))
    ribs = 0.06 * np.sin(40 * y + 12 * (x - 0.5) ** 2)
    trunk = 0.85 * np.exp(-(((x - 0.5) / 0.45) ** 6))
    return np.clip(trunk - 0.45 * lungs + ribs * trunk + rng.normal(0, 0.012, x.shape), 0, 1)


@pytest.fixture(scope="session")
def picture() -> np.ndarray:
    """(301, 403) uint8, sides that no reduction divides."""
    return np.round(chest(301, 403) * 255).astype(np.uint8)


@pytest.fixture(scope="session")
def large() -> np.ndarray:
    """(1811, 2045) uint8, large enough for every reduction to 224."""
    return np.round(chest(1811, 2045) * 255).astype(np.uint8)


def encoded(suffix: str, pixels: np.ndarray, *options: int) -> bytes:
    """The file that OpenCV writes for (H, W) or (H, W, channels)."""
    return bytes(cv2.imencode(suffix, pixels, list(options))[1])


def make_dicom(stored: np.ndarray, bits: int, syntax: str = "", **elements: object) -> bytes:
    """A DICOM file of (H, W) stored values in the transfer syntax, Explicit VR LE by default."""
    syntax = syntax or ExplicitVRLittleEndian
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID = meta.MediaStorageSOPClassUID
    dataset.SOPInstanceUID = "1.2.3.4"
    dataset.Rows, dataset.Columns = stored.shape[:2]
    dataset.SamplesPerPixel = 1 if stored.ndim == 2 else 3
    dataset.PhotometricInterpretation = "MONOCHROME2" if stored.ndim == 2 else "RGB"
    if stored.ndim == 3:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated = 8 * stored.dtype.itemsize
    dataset.BitsStored, dataset.HighBit = bits, bits - 1
    dataset.PixelRepresentation = int(stored.dtype.kind == "i")
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    big = syntax == ExplicitVRBigEndian
    dataset.PixelData = stored.astype(stored.dtype.newbyteorder(">" if big else "<")).tobytes()
    dataset["PixelData"].VR = "OW" if stored.dtype.itemsize == 2 else "OB"
    plain = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian)
    if syntax in (*plain, ExplicitVRBigEndian):
        meta.TransferSyntaxUID = syntax
    stream = io.BytesIO()
    dcmwrite(stream, dataset, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=not big)
    if meta.TransferSyntaxUID == syntax:
        return stream.getvalue()
    return compressed(stream.getvalue(), str(syntax))


def compressed(plain: bytes, syntax: str) -> bytes:
    """An Explicit VR Little Endian file brought to a compressed transfer syntax by gdcm."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "plain.dcm"), Path(folder, "compressed.dcm")
        source.write_bytes(plain)
        reader = gdcm.ImageReader()
        reader.SetFileName(str(source))
        assert reader.Read()
        change = gdcm.ImageChangeTransferSyntax()
        change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(syntax)))
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer = gdcm.ImageWriter()
        writer.SetFileName(str(target))
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        assert writer.Write()
        return target.read_bytes()
