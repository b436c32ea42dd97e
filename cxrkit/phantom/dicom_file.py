"""A radiograph as a DICOM file, in the variants that archives contain."""

import hashlib
import io

import cv2
import numpy as np
from pydicom import dcmwrite
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
)


def uid(*parts: object) -> str:
    """A UID that depends on the parts alone, below 2.25 (PS3.5 B.2)."""
    digest = hashlib.sha256("\0".join(map(str, parts)).encode()).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"


def stored(pixels: np.ndarray, bits: int) -> np.ndarray:
    """(H, W) uint8 gray as `bits` bits: uint8 as it is, or uint16 spread over the whole range."""
    if bits == 8:
        return pixels
    return np.asarray(np.round(pixels * ((2**bits - 1) / 255)), np.uint16)


def encode(
    pixels: np.ndarray,
    bits: int = 12,
    photometric: str = "MONOCHROME2",
    syntax: str = ExplicitVRLittleEndian,
    instance: str = "",
    study: str = "",
    series: str = "",
    **elements: object,
) -> bytes:
    """A DICOM file of a radiograph, (H, W) uint8 with air dark; the same bytes for the same input.

    Args:
        pixels: the picture as it should be seen.
        bits: Bits Stored, 8 to 16.
        photometric: MONOCHROME1 stores it turned over.
        syntax: a transfer syntax without compression, or JPEG Baseline for 8 bits (quality 95).
        instance: SOP Instance UID; of the pixels when empty. `study` and `series` likewise.
        elements: further elements by keyword, such as ViewPosition="PA"; they replace the others.
    """
    values = stored(pixels, bits)
    if photometric == "MONOCHROME1":
        values = (2**bits - 1 - values).astype(values.dtype)
    own = hashlib.sha256(pixels.tobytes()).hexdigest()
    modality = str(elements.get("Modality", "CR"))
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = (
        DigitalXRayImageStorageForPresentation
        if modality == "DX"
        else ComputedRadiographyImageStorage
    )
    meta.MediaStorageSOPInstanceUID = UID(instance or uid("instance", own))
    meta.TransferSyntaxUID = UID(syntax)
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID = meta.MediaStorageSOPClassUID
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.StudyInstanceUID = study or uid("study", own)
    dataset.SeriesInstanceUID = series or uid("series", own)
    dataset.Modality = modality
    dataset.Rows, dataset.Columns = values.shape
    dataset.SamplesPerPixel, dataset.PixelRepresentation = 1, 0
    dataset.PhotometricInterpretation = photometric
    dataset.BitsAllocated = 8 if bits == 8 else 16
    dataset.BitsStored, dataset.HighBit = bits, bits - 1
    dataset.PixelData = _payload(values, syntax)
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    buffer = io.BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def _payload(values: np.ndarray, syntax: str) -> bytes:
    if syntax == JPEGBaseline8Bit:
        frame = cv2.imencode(".jpg", values, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
        return bytes(encapsulate([frame]))
    data = values.astype(values.dtype.newbyteorder("<")).tobytes()
    return data + b"\0" * (len(data) % 2)
