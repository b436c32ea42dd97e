"""What does the film show? Beam, scatter, quantum noise, collimation, marker and 8-bit grey.

Attenuation coefficients are those of 60 keV, the mean of a 110-125 kVp chest technique: water
0.0206 per mm, compact bone 0.0604 per mm (NIST tables, density 1.92).
"""

from dataclasses import dataclass

import cv2
import numpy as np

from cxrkit.phantom.body import Floats

WATER = 0.0206  # per mm
BONE = 0.0604 - WATER  # per mm of compact bone in place of water
METAL = 0.30  # per mm, wires and tips of devices


@dataclass(frozen=True)
class Film:
    """How one radiograph was exposed and processed."""

    scatter: float  # fraction of the signal at the detector that was scattered
    dose: float  # quanta per pixel of 0.14 mm behind no object, in thousands
    latitude: float  # how much the processing flattens slow changes, 0-1
    gamma: float  # >1 darkens the lungs
    brightness: float  # shift of the curve, grey values
    sharpen: float  # edge enhancement
    margins: tuple[float, float, float, float]  # collimated share: top, bottom, left, right
    border: int  # grey of what the shutters cover
    angle: float  # of the shutters, degrees
    marker: str  # lead letters
    marker_at: tuple[float, float]  # x, y as share of the picture
    words: str  # burned-in text, empty for none


def draw_film(portable: bool, rng: np.random.Generator) -> Film:
    """One exposure; a portable one scatters more and has the rougher processing."""
    margins = np.where(rng.random(4) < 0.45, rng.uniform(0.0, 0.035, 4), 0.0)
    left = bool(rng.random() < 0.55)
    return Film(
        scatter=float(rng.uniform(0.30, 0.42) + (0.12 if portable else 0)),
        dose=float(np.exp(rng.normal(np.log(20), 0.35))),
        latitude=float(rng.uniform(0.15, 0.5)),
        gamma=float(rng.uniform(0.9, 1.25)),
        brightness=float(rng.normal(0, 8)),
        sharpen=float(rng.uniform(0.2, 0.7)),
        margins=(float(margins[0]), float(margins[1]), float(margins[2]), float(margins[3])),
        border=int(rng.choice([0, 2, 245], p=[0.15, 0.67, 0.18])),
        angle=float(rng.normal(0, 0.5)),
        marker="L" if left else "R",
        marker_at=(
            float(rng.uniform(0.86, 0.93) if left else rng.uniform(0.06, 0.13)),
            float(rng.uniform(0.05, 0.14)),
        ),
        words="PORTABLE" if portable and rng.random() < 0.4 else "",
    )


def absorbed(water: Floats, bone: Floats, metal: Floats) -> Floats:
    """Optical depth of the object from maps of mm along the beam (Beer-Lambert's exponent)."""
    depth = cv2.addWeighted(water, WATER, bone, BONE, 0)
    return np.asarray(cv2.scaleAdd(metal, METAL, depth))


def signal(depth: Floats, step: float, film: Film) -> Floats:
    """Detector signal, 1 without an object, from the optical depth; `step` is mm per pixel."""
    primary = cv2.exp(-depth)
    small = cv2.resize(primary, None, fx=0.125, fy=0.125, interpolation=cv2.INTER_AREA)
    sigma = 28.0 / (8 * step)
    wide = cv2.GaussianBlur(small, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    wide = np.minimum(wide, 0.25)  # open air beside the body scatters little
    wide = cv2.resize(wide, (primary.shape[1], primary.shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray((1 - film.scatter) * primary + film.scatter * 0.55 * wide, np.float32)


def density(quanta: Floats, film: Film) -> Floats:
    """Minus the logarithm of the signal, slow changes flattened and edges sharpened.

    The processing is that of a detector's reader station.
    """
    dense = -cv2.log(np.maximum(quanta, 1e-4))
    rows, columns = dense.shape
    small = cv2.resize(dense, None, fx=0.125, fy=0.125, interpolation=cv2.INTER_AREA)
    slow = cv2.GaussianBlur(
        small, (0, 0), max(0.07 * small.shape[1], 1), borderType=cv2.BORDER_REPLICATE
    )
    slow = cv2.resize(slow, (columns, rows), interpolation=cv2.INTER_LINEAR)
    inside = np.clip(dense, 0, 1) ** 2
    fine = dense - cv2.GaussianBlur(dense, (0, 0), 0.006 * columns)
    return np.asarray(
        dense + inside * (film.sharpen * fine - film.latitude * (slow - 2.0)), np.float32
    )


def read_out(dense: Floats, lung: Floats, middle: Floats) -> tuple[float, float]:
    """The densities that the automatic exposure puts at lung grey and at mediastinum grey.

    `dense` is (H, W) without findings, `lung` and `middle` are the (H, W) bool zones it reads.
    """
    low = float(np.median(dense[lung]))
    return low, max(float(np.median(dense[middle])), low + 0.4)


def develop(
    dense: Floats,
    quanta: Floats,
    levels: tuple[float, float],
    film: Film,
    shape: tuple[int, int],
    step: float,
    rng: np.random.Generator,
) -> Floats:
    """The radiograph, `shape` uint8, air dark.

    Args:
        dense: from `density`.
        quanta: the detector signal it came from.
        levels: from `read_out`.
        film: how it was exposed.
        shape: (rows, columns) of the result.
        step: mm per pixel of the result.
        rng: quantum noise.
    """
    low, high = levels
    size = (shape[1], shape[0])
    level = cv2.resize((dense - low) / (high - low), size, interpolation=cv2.INTER_CUBIC)
    spread = _noise_level(quanta, film, step) / (high - low)
    noise = rng.standard_normal(shape, dtype=np.float32)
    grain = cv2.GaussianBlur(noise, (0, 0), 0.55)
    wide = cv2.resize(spread, size, interpolation=cv2.INTER_LINEAR)
    return _grey(cv2.add(level, cv2.multiply(grain, wide)), film)


def _noise_level(quanta: Floats, film: Film, step: float) -> Floats:
    per_pixel = film.dose * 1000 * (step / 0.14) ** 2
    return np.asarray(np.sqrt(1 / (per_pixel * np.maximum(quanta, 2e-3)) + 1.5e-5), np.float32)


# Level to grey, 0 at the lungs' median and 1 in the mediastinum. Medians of real lungs and
# mediastina lie near 125 and 226.
CURVE = (
    (-1.4, 2), (-0.95, 2), (-0.7, 13), (-0.45, 42), (-0.2, 88), (0.0, 122), (0.25, 158),
    (0.5, 187), (0.75, 208), (1.0, 223), (1.3, 235), (1.7, 244), (2.5, 252), (4.0, 255),
)  # fmt: skip


def _grey(level: Floats, film: Film) -> Floats:
    at, grey = np.array(CURVE, np.float64).T
    table = np.interp(np.linspace(-1.4, 4.0, 4096), at, grey)
    table = 255 * (table / 255) ** film.gamma + film.brightness * np.sin(np.pi * table / 255)
    index = np.clip((level + 1.4) * (4095 / 5.4), 0, 4095)
    return np.asarray(np.clip(table + 0.5, 0, 255).astype(np.uint8)[index.astype(np.uint16)])


def shutter(picture: Floats, film: Film) -> Floats:
    """The picture with its collimated border, its lead marker and its words; a new array."""
    rows, columns = picture.shape
    out = _mark(picture.copy(), film)
    top, bottom, left, right = film.margins
    if not any(film.margins):
        return out
    corners = np.array(
        [
            [left * columns, top * rows],
            [(1 - right) * columns, top * rows],
            [(1 - right) * columns, (1 - bottom) * rows],
            [left * columns, (1 - bottom) * rows],
        ]
    )
    slack = np.array(
        [[left > 0, top > 0], [right > 0, top > 0], [right > 0, bottom > 0], [left > 0, bottom > 0]]
    )
    middle = np.array([columns, rows]) / 2
    a = np.radians(film.angle)
    turned = (corners - middle) @ np.array(
        [[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]
    ) + middle
    corners = np.where(slack, turned, np.where(corners < middle, -rows, 2 * rows))
    open_field = np.zeros((rows, columns), np.uint8)
    cv2.fillConvexPoly(open_field, np.rint(corners).astype(np.int32), 255)
    blurred = cv2.blur(open_field, (max(rows // 250, 1),) * 2)
    share = blurred.astype(np.float32) / 255
    return np.asarray(out * share + film.border * (1 - share) + 0.5).astype(np.uint8)


def _mark(picture: Floats, film: Film) -> Floats:
    rows, columns = picture.shape
    tall = 0.022 * rows
    font, thick = cv2.FONT_HERSHEY_DUPLEX, max(round(tall / 6), 1)
    lead = np.zeros_like(picture)
    at = (round(film.marker_at[0] * columns), round(film.marker_at[1] * rows + tall))
    cv2.putText(lead, film.marker, at, font, tall / 22, 255, thick, cv2.LINE_AA)
    if film.words:
        place = (round(0.42 * columns), round(0.03 * rows))
        cv2.putText(
            lead,
            film.words,
            place,
            cv2.FONT_HERSHEY_SIMPLEX,
            tall / 34,
            255,
            max(thick // 2, 1),
            cv2.LINE_AA,
        )
    share = lead.astype(np.float32) * (0.93 / 255)
    return np.asarray(picture * (1 - share) + 250 * share + 0.5).astype(np.uint8)
