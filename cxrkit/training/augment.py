"""Changed copies of a radiograph and its lung mask: other positions, other scanners, other disease.

Each copy is drawn from its own generator, so that it depends on the seed, the epoch and the image,
never on the worker or on what was drawn before it.
"""

import hashlib

import cv2
import numpy as np


def generator(seed: int, epoch: int, number: int, image_id: str) -> np.random.Generator:
    """The generator of one copy: nothing that was drawn before changes it."""
    digest = hashlib.sha256(image_id.encode()).digest()
    return np.random.default_rng([seed, epoch, number, int.from_bytes(digest[:8], "big")])


def augment(
    image: np.ndarray, lung: np.ndarray, ignore: np.ndarray, size: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One changed copy: image (size, size) uint8, lung and ignore (size, size) float32 in 0-1.

    Args:
        image: (H, W) uint8, air dark.
        lung: (H, W) bool.
        ignore: (H, W) bool, pixels that are neither lung nor background.
        size: the side of the copy in pixels.
        rng: the generator of this copy.
    """
    fill = 0 if rng.random() < 0.7 else int(rng.integers(0, 256))
    stack = np.dstack([image, lung.astype(np.uint8) * 255, ignore.astype(np.uint8) * 255])
    warped = cv2.warpAffine(
        stack,
        affine(image.shape, size, rng),
        (size, size),
        flags=cv2.INTER_LINEAR,
        borderValue=(fill, 0, 0),
    )
    target = warped[..., 1].astype(np.float32) / 255
    unsure = warped[..., 2].astype(np.float32) / 255
    picture = warped[..., 0].astype(np.float32)
    if rng.random() < 0.2:
        picture = _opacity(picture, target, rng)
    if rng.random() < 0.35:
        picture = _gas(picture, target, rng)
    if rng.random() < 0.1:
        picture = _collimation(picture, target, rng)
    if rng.random() < 0.12:
        picture = _foreign(picture, rng)
    return exposure(picture, rng), target, unsure


def moved(
    image: np.ndarray, lung: np.ndarray, ignore: np.ndarray, size: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A copy that is only flipped, turned, zoomed, cropped and stretched; as `augment` gives it."""
    stack = np.dstack([image, lung.astype(np.uint8) * 255, ignore.astype(np.uint8) * 255])
    matrix = affine(image.shape, size, rng)
    warped = cv2.warpAffine(stack, matrix, (size, size), flags=cv2.INTER_LINEAR)
    target, unsure = (warped[..., k].astype(np.float32) / 255 for k in (1, 2))
    return np.ascontiguousarray(warped[..., 0]), target, unsure


def affine(shape: tuple[int, ...], size: int, rng: np.random.Generator) -> np.ndarray:
    """The (2, 3) float64 matrix of one flip, rotation, shear, zoom, aspect change and shift."""
    rows, columns = shape[:2]
    angle = np.deg2rad(rng.normal(0, 5) if rng.random() < 0.9 else rng.uniform(-20, 20))
    zoom = np.exp(rng.normal(0, 0.1))
    aspect = np.exp(rng.normal(0, 0.06))
    shear = rng.normal(0, 0.03)
    mirror = -1 if rng.random() < 0.5 else 1
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    stretch = np.array([[mirror * zoom * aspect, shear], [0, zoom / aspect]])
    squash = np.diag([size / columns, size / rows])
    linear = turn @ stretch @ squash
    shift = rng.normal(0, 0.04, 2) * size
    centre = np.array([columns / 2, rows / 2])
    offset = np.array([size / 2, size / 2]) + shift - linear @ centre
    return np.hstack([linear, offset[:, None]])


def _blob(shape: tuple[int, int], centre: np.ndarray, radii: np.ndarray, soft: float,
          rng: np.random.Generator) -> np.ndarray:  # fmt: skip
    """A soft ellipse, (H, W) float32 in 0-1."""
    canvas = np.zeros(shape, np.float32)
    cv2.ellipse(
        canvas,
        (int(centre[0]), int(centre[1])),
        (max(1, int(radii[0])), max(1, int(radii[1]))),
        float(rng.uniform(0, 180)),
        0,
        360,
        1.0,
        -1,
    )
    return cv2.GaussianBlur(canvas, (0, 0), soft)


def _opacity(picture: np.ndarray, lung: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Consolidation or effusion: part of a lung, mostly its base, as bright as the mediastinum.

    The mask stays, since the lung is still there: dense bases are what networks leave out.
    """
    places = np.argwhere(lung > 0.5)
    if len(places) < 50:
        return picture
    row, column = places[_towards_base(len(places), rng)]
    size = picture.shape[0]
    radii = rng.uniform(0.04, 0.2, 2) * size
    blob = _blob(picture.shape, np.array([column, row]), radii, rng.uniform(2, 9), rng)
    blob *= cv2.GaussianBlur(lung, (0, 0), 2) * rng.uniform(0.3, 1)
    bright = np.percentile(picture, 85) + rng.normal(0, 12)
    brighter: np.ndarray = picture + blob * np.maximum(bright - picture, 0)
    return brighter


def _towards_base(count: int, rng: np.random.Generator) -> int:
    """An index into pixels listed from top to bottom, the lower ones more often."""
    return min(count - 1, int(count * np.sqrt(rng.random())))


def _gas(picture: np.ndarray, lung: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Gas in stomach or colon: up to three bubbles as dark as lung, close under it, no lung."""
    columns = np.flatnonzero((lung > 0.5).any(axis=0))
    if len(columns) < 10:
        return picture
    size = picture.shape[0]
    column = int(rng.choice(columns))
    row = int(np.flatnonzero(lung[:, column] > 0.5)[-1])
    gas = np.zeros_like(picture)
    for _ in range(int(rng.integers(1, 4))):
        radii = rng.uniform(0.03, 0.13, 2) * size
        centre = np.array([column, row + radii[1] + rng.uniform(0, 0.06) * size])
        gas = np.maximum(gas, _blob(picture.shape, centre, radii, rng.uniform(1, 3), rng))
        column += int(rng.normal(0, 0.08) * size)
        row += int(rng.uniform(-0.02, 0.08) * size)
    gas *= (1 - lung) * rng.uniform(0.4, 1)
    dark = np.percentile(picture[lung > 0.5], rng.uniform(5, 60))
    darker: np.ndarray = picture - gas * np.maximum(picture - dark, 0)
    return darker


def _collimation(picture: np.ndarray, lung: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Even borders outside the lungs, as shutters and film edges leave."""
    ys, xs = np.nonzero(lung > 0.5)
    if len(ys) == 0:
        return picture
    size = picture.shape[0]
    value = float(rng.choice([0.0, 255.0, rng.uniform(0, 255)], p=[0.6, 0.15, 0.25]))
    framed = np.full_like(picture, value)
    top = int(rng.uniform(0, ys.min()))
    left = int(rng.uniform(0, xs.min()))
    bottom = int(rng.uniform(ys.max() + 1, size))
    right = int(rng.uniform(xs.max() + 1, size))
    framed[top:bottom, left:right] = picture[top:bottom, left:right]
    return framed


def _foreign(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Lines, leads, devices and lettering: bright strokes and rectangles anywhere."""
    size = picture.shape[0]
    marked = picture.copy()
    for _ in range(int(rng.integers(1, 4))):
        value = float(rng.uniform(150, 255))
        if rng.random() < 0.6:
            points = np.cumsum(
                np.vstack([rng.uniform(0, size, 2), rng.normal(0, size * 0.12, (5, 2))]), axis=0
            )
            line = points.astype(np.int32).reshape(-1, 1, 2)
            cv2.polylines(marked, [line], False, value, int(rng.integers(1, 4)), cv2.LINE_AA)
        else:
            corner = rng.integers(0, size, 2)
            far = corner + rng.integers(4, size // 8, 2)
            cv2.rectangle(marked, corner.tolist(), far.tolist(), value, -1)
    blended: np.ndarray = picture + (marked - picture) * float(rng.uniform(0.4, 1))
    return blended


def exposure(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Another scanner's look, uint8: shading, gamma, contrast, equalisation, blur, noise."""
    size = picture.shape[0]
    if rng.random() < 0.2:
        coarse = rng.normal(0, 0.1, (3, 3)).astype(np.float32)
        picture = picture * (1 + cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC))
    picture = 255 * (np.clip(picture, 0, 255) / 255) ** np.exp(rng.normal(0, 0.22))
    picture = (picture - 128) * np.exp(rng.normal(0, 0.15)) + 128 + rng.normal(0, 12)
    blur = rng.random()
    if blur < 0.15:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.6))
    elif blur < 0.25:
        picture += rng.uniform(0.5, 2) * (picture - cv2.GaussianBlur(picture, (0, 0), 1.5))
    if rng.random() < 0.2:
        picture = picture + rng.normal(0, rng.uniform(1, 7), picture.shape)
    out: np.ndarray = np.clip(np.round(picture), 0, 255).astype(np.uint8)
    if rng.random() < 0.1:
        out = cv2.equalizeHist(out)
    return out
