"""A radiograph as a DICOM file, in the variants that archives contain."""

import hashlib
import io

import cv2
import numpy as np
from pydicom import Dataset, Sequence, dcmwrite
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels.encoders.base import get_encoder
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    DeflatedExplicitVRLittleEndian,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    RLELossless,
)

from cxrkit.errors import InputRefused

# What pydicom and OpenCV write without further packages.
SYNTAXES = (
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
    RLELossless,
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
    voi_lut: np.ndarray | None = None,
    **elements: object,
) -> bytes:
    """A DICOM file of a radiograph, (H, W) uint8 with air dark; the same bytes for the same input.

    Args:
        pixels: the picture as it should be seen.
        bits: Bits Stored, 8 to 16.
        photometric: MONOCHROME1 stores it turned over.
        syntax: one of SYNTAXES; JPEG Baseline for 8 bits (quality 95). RLE takes pydicom's encoder
            in Python, some seconds for a radiograph of full size.
        instance: SOP Instance UID; of the pixels when empty. `study` and `series` likewise.
        voi_lut: (N,) output values of 16 bits for the stored values from 0 on, a VOI LUT sequence.
        elements: further elements by keyword, such as ViewPosition="PA"; they replace the others.

    Raises:
        InputRefused: E107, another syntax.
    """
    if syntax not in SYNTAXES or (syntax == JPEGBaseline8Bit and bits != 8):
        known = ", ".join(uid.keyword for uid in SYNTAXES)
        raise InputRefused("E107", "syntax", f"{syntax} of {bits} bits", known, "use one of these")
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
    dataset.PixelData = _payload(values, bits, syntax)
    if syntax == ExplicitVRBigEndian and bits == 8:
        dataset["PixelData"].VR = "OB"  # as words, two neighbours would change places
    if voi_lut is not None:
        dataset.VOILUTSequence = _voi_lut_sequence(voi_lut, syntax)
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    buffer = io.BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def _voi_lut_sequence(entries: np.ndarray, syntax: str) -> Sequence:
    """PS3.3 C.11.2: the table as words, which Explicit VR cannot hold as numbers past 64 kB."""
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(entries) % 65536, 0, 16])  # 0 stands for 65,536
    item.add_new("LUTData", "OW", _words(np.asarray(entries, np.uint16), syntax))
    return Sequence([item])


def _payload(values: np.ndarray, bits: int, syntax: str) -> bytes:
    if syntax == JPEGBaseline8Bit:
        frame = cv2.imencode(".jpg", values, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
        return bytes(encapsulate([frame]))
    if syntax == RLELossless:
        frame = get_encoder(RLELossless).encode(
            values,
            # By name, so that the bytes do not depend on what else is installed.
            encoding_plugin="pydicom",
            rows=values.shape[0],
            columns=values.shape[1],
            samples_per_pixel=1,
            bits_allocated=8 * values.dtype.itemsize,
            bits_stored=bits,
            pixel_representation=0,
            photometric_interpretation="MONOCHROME2",
            number_of_frames=1,
        )
        return bytes(encapsulate([frame]))
    data = _words(values, syntax)
    return data + b"\0" * (len(data) % 2)


def _words(values: np.ndarray, syntax: str) -> bytes:
    big = syntax == ExplicitVRBigEndian
    return values.astype(values.dtype.newbyteorder(">" if big else "<")).tobytes()
