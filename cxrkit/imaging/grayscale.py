"""The DICOM grayscale steps as one table from stored value to 8 bits (PS3.3 C.11, C.7.6.3.1.2).

Modality LUT or rescale, then VOI LUT or window, then polarity, then depth: always in this order,
since turning the picture over before its window is wrong. One table of 256 or 65,536 entries gives
what pydicom's `apply_modality_lut` and `apply_voi_lut` give pixel by pixel, at a hundredth of the
time.
"""

from dataclasses import dataclass

import numpy as np
from pydicom import Dataset
from pydicom.valuerep import VR

_FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")


@dataclass(frozen=True)
class Display:
    """`table` maps each stored bit pattern, unsigned, to uint8 with air dark."""

    table: np.ndarray
    trace: tuple[str, ...]
    flags: tuple[str, ...]


@dataclass(frozen=True)
class _Window:
    center: float
    width: float
    function: str
    count: int


def display(dataset: Dataset, patterns: np.ndarray, used: tuple[int, int]) -> Display:
    """The table for one image.

    Args:
        dataset: the image's description; its pixels are not touched.
        patterns: (N,) int64, the stored value of every bit pattern, in the order of the table.
        used: lowest and highest stored value in the image, taken as the window where the file
            has none.
    """
    values, modality_step = _modality(dataset, patterns)
    fraction, voi_step, flags = _voi(dataset, patterns, values, used)
    trace = [step for step in (modality_step, voi_step) if step]
    table = eight_bits(fraction)
    if is_inverse(dataset):
        table = 255 - table
        first = dataset.PhotometricInterpretation == "MONOCHROME1"
        trace.append(f"{'MONOCHROME1' if first else 'Presentation LUT Shape INVERSE'} inverted")
    trace.append(f"{dataset.BitsStored} bits to 8")
    return Display(table, tuple(trace), flags)


def eight_bits(fraction: np.ndarray) -> np.ndarray:
    """0 to 1 as 0 to 255, half up; rounded to 1e-6 first, so that a tie does not hang on a bit."""
    levels = np.round(fraction.clip(0, 1) * 255, 6)
    return np.floor(levels + 0.5).astype(np.uint8)


def is_inverse(dataset: Dataset) -> bool:
    """Low values mean white. A file may say so once or twice: it is the same statement."""
    shape = str(dataset.get("PresentationLUTShape") or "").upper()
    return dataset.PhotometricInterpretation == "MONOCHROME1" or shape == "INVERSE"


def has_window(dataset: Dataset) -> bool:
    """The file brings a VOI LUT or a usable window of its own."""
    return bool(dataset.get("VOILUTSequence")) or _window(dataset) is not None


def _modality(dataset: Dataset, patterns: np.ndarray) -> tuple[np.ndarray, str]:
    """Each pattern's value after the modality step, float64, or int64 where nothing is scaled."""
    if dataset.get("ModalityLUTSequence"):
        entries, first, _ = _lut(dataset.ModalityLUTSequence[0], dataset)
        return _look_up(entries, first, patterns), "modality LUT"
    slope, intercept = _number(dataset, "RescaleSlope"), _number(dataset, "RescaleIntercept")
    if slope is None or intercept is None:
        return patterns, ""
    return patterns * slope + intercept, f"rescale slope {slope:g} intercept {intercept:g}"


def _voi(
    dataset: Dataset, patterns: np.ndarray, values: np.ndarray, used: tuple[int, int]
) -> tuple[np.ndarray, str, tuple[str, ...]]:
    """Each value's share of the output range, 0 to 1, the step in words, and flags."""
    if dataset.get("VOILUTSequence"):
        entries, first, bits = _lut(dataset.VOILUTSequence[0], dataset)
        return _look_up(entries, first, values) / (2**bits - 1), "VOI LUT", ()
    window = _window(dataset)
    if window is not None:
        several = f" (first of {window.count})" if window.count > 1 else ""
        step = f"window {window.center:g}/{window.width:g} {window.function}{several}"
        return _windowed(values, window), step, ()
    seen = values[(patterns >= used[0]) & (patterns <= used[1])]
    low, high = float(seen.min()), float(seen.max())
    unusable = dataset.get("WindowWidth") is not None
    step = f"no window: used range {low:g} to {high:g}"
    fraction = (values - low) / (high - low) if high > low else np.zeros(len(values))
    return fraction, step, ("window-unusable",) if unusable else ()


def _windowed(values: np.ndarray, window: _Window) -> np.ndarray:
    """PS3.3 C.11.2.1.2.1 (LINEAR), C.11.2.1.3.1 (SIGMOID), C.11.2.1.3.2 (LINEAR_EXACT).

    Values beside the window come out below 0 or above 1, which mean 0 and 1.
    """
    center, width = window.center, window.width
    if window.function == "SIGMOID":
        # far outside the window exp overflows to infinity, and its share is 0, as it should be
        with np.errstate(over="ignore"):
            return np.asarray(1 / (1 + np.exp(-4 * (values - center) / width)))
    if window.function == "LINEAR":
        center, width = center - 0.5, width - 1
    if width == 0:
        return (values > center).astype(float)
    return np.asarray((values - center) / width + 0.5)


def _window(dataset: Dataset) -> _Window | None:
    """The file's first window, or None where it has none or one that the standard forbids."""
    center, width = _number(dataset, "WindowCenter"), _number(dataset, "WindowWidth")
    function = str(dataset.get("VOILUTFunction") or "LINEAR").upper()
    if center is None or width is None or function not in _FUNCTIONS:
        return None
    if width <= 0 or (function == "LINEAR" and width < 1):
        return None
    return _Window(center, width, function, dataset["WindowCenter"].VM)


def _lut(item: Dataset, dataset: Dataset) -> tuple[np.ndarray, int, int]:
    """A lookup table's entries, the first value that it maps, and its output bits."""
    count, first, bits = (int(n) for n in item.LUTDescriptor)
    count = count or 65536  # PS3.3 C.11.1.1.1: 0 stands for 65,536
    data = item.LUTData
    if item["LUTData"].VR == VR.OW:
        little = dataset.original_encoding[1] is not False
        wide = len(data) >= 2 * count
        data = np.frombuffer(data, ("<u2" if little else ">u2") if wide else np.uint8)
    return np.atleast_1d(np.asarray(data)).astype(np.int64)[:count], first, bits


def _look_up(entries: np.ndarray, first: int, values: np.ndarray) -> np.ndarray:
    """Values below the table take its first entry, values above its last."""
    place = np.clip(values - first, 0, len(entries) - 1).astype(np.int64)
    return np.asarray(entries[place])


def _number(dataset: Dataset, keyword: str) -> float | None:
    """The element's first number; None where it is absent, empty or not finite."""
    value = dataset.get(keyword)
    if value is None or value == "":
        return None
    number = float(value[0] if dataset[keyword].VM > 1 else value)
    return number if np.isfinite(number) else None
