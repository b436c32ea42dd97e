"""Pictures that are no chest radiograph, computed: noise, textures, scenes, pages, body parts.

They are what stands by mistake in folders of radiographs: test images, photographs, scanned pages
and radiographs of other regions. Body parts are sums of simple shapes along a beam; they need not
be good anatomy, only other anatomy.
"""

from collections.abc import Callable

import cv2
import numpy as np

Rng = np.random.Generator
Scene = Callable[[int, Rng], np.ndarray]


def draw(size: int, rng: Rng) -> np.ndarray:
    """One picture of a kind drawn from `SCENES`, (size, size) uint8."""
    scene = SCENES[int(rng.integers(len(SCENES)))]
    canvas = scene(size, rng)
    low, high = np.percentile(canvas, (0.5, 99.5))
    return np.asarray(np.clip(255 * (canvas - low) / max(high - low, 1e-3), 0, 255)).astype(
        np.uint8
    )


def noise(size: int, rng: Rng) -> np.ndarray:
    """Noise of one to three blob sizes."""
    out = np.zeros((size, size), np.float32)
    for _ in range(int(rng.integers(1, 4))):
        cells = int(np.exp(rng.uniform(np.log(2), np.log(size))))
        grains = rng.standard_normal((cells, cells), dtype=np.float32)
        way = int(rng.choice([cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC]))
        out += cv2.resize(grains, (size, size), interpolation=way) * float(rng.uniform(0.2, 1))
    return out


def gradient(size: int, rng: Rng) -> np.ndarray:
    """A linear or round slope, with some noise."""
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j].astype(np.float32)
    a = rng.uniform(0, 2 * np.pi)
    cx, cy = rng.uniform(-0.7, 0.7, 2)
    slope = x * np.cos(a) + y * np.sin(a) if rng.random() < 0.5 else np.hypot(x - cx, y - cy)
    grains = rng.standard_normal((size, size), dtype=np.float32)
    return np.asarray(slope + grains * rng.uniform(0, 0.15), np.float32)


def stripes(size: int, rng: Rng) -> np.ndarray:
    """Waves, grids or chessboards."""
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j].astype(np.float32)
    waves = []
    for _ in range(int(rng.integers(1, 3))):
        a, pitch = rng.uniform(0, np.pi), rng.uniform(2, 40)
        waves.append(np.sin(pitch * (x * np.cos(a) + y * np.sin(a)) + rng.uniform(0, 6)))
    out = np.prod(waves, axis=0)
    out = np.sign(out) if rng.random() < 0.4 else out
    return np.asarray(out + 0.3 * noise(size, rng) * (rng.random() < 0.5), np.float32)


def shapes(size: int, rng: Rng) -> np.ndarray:
    """Ellipses, rectangles and polygons over each other."""
    out = np.full((size, size), rng.uniform(0, 1), np.float32)
    for _ in range(int(rng.integers(1, 14))):
        value = float(rng.uniform(0, 1))
        centre = rng.integers(0, size, 2).tolist()
        radii = (1 + rng.integers(0, max(2, size // 3), 2)).tolist()
        form = rng.random()
        if form < 0.5:
            cv2.ellipse(out, centre, radii, float(rng.uniform(0, 180)), 0, 360, value, -1)
        elif form < 0.75:
            far = (np.array(centre) + radii).tolist()
            cv2.rectangle(out, centre, far, value, -1 if rng.random() < 0.7 else 2)
        else:
            corners = rng.integers(0, size, (int(rng.integers(3, 6)), 2)).astype(np.int32)
            cv2.fillPoly(out, [corners], value)
    return np.asarray(cv2.GaussianBlur(out, (0, 0), float(rng.uniform(0.3, 4))))


def landscape(size: int, rng: Rng) -> np.ndarray:
    """A photograph's look: sky, ground, textured things lit from one side, blur in the distance."""
    horizon = int(size * rng.uniform(0.2, 0.8))
    out: np.ndarray = np.empty((size, size), np.float32)
    out[:horizon] = np.linspace(rng.uniform(0.5, 1), rng.uniform(0.4, 1), max(horizon, 1))[:, None]
    ground = size - horizon
    out[horizon:] = np.linspace(rng.uniform(0.1, 0.7), rng.uniform(0, 0.6), ground)[:, None]
    for _ in range(int(rng.integers(2, 12))):
        cover = np.zeros((size, size), np.float32)
        if rng.random() < 0.5:
            foot = int(rng.uniform(0, size)), int(rng.uniform(horizon, size))
            wide, tall = rng.uniform(0.03, 0.3, 2) * size
            corner = (int(foot[0] + wide), int(foot[1] - tall))
            cv2.rectangle(cover, foot, corner, 1.0, -1)
        else:
            centre = rng.integers(0, size, 2).tolist()
            radii = (1 + rng.integers(0, size // 4, 2)).tolist()
            cv2.ellipse(cover, centre, radii, float(rng.uniform(0, 180)), 0, 360, 1.0, -1)
        light = np.linspace(rng.uniform(-0.3, 0.3), rng.uniform(-0.3, 0.3), size)
        body = rng.uniform(0, 1) + light[None] + rng.uniform(0, 0.2) * noise(size, rng)
        out = out * (1 - cover) + body * cover
    blurred = cv2.GaussianBlur(out.astype(np.float32), (0, 0), float(rng.uniform(0.3, 2)))
    return np.asarray(blurred + 0.05 * rng.uniform(0, 1) * noise(size, rng), np.float32)


def page(size: int, rng: Rng) -> np.ndarray:
    """Lines of writing, dark on light or light on dark, perhaps beside a figure."""
    out = np.zeros((size, size), np.uint8)
    pitch = float(rng.uniform(0.03, 0.09)) * size
    left, y = rng.uniform(0.02, 0.15) * size, rng.uniform(0.03, 0.3) * size
    while y < size * rng.uniform(0.85, 1):
        letters = "".join(rng.choice(list("abcdefghiklmnoprstuvwxyzEANT 0123456789"), 60))
        stop = max(2, int(rng.uniform(0.2, 1) * 40))
        cv2.putText(
            out, letters[:stop], (int(left), int(y)), int(rng.choice([0, 2, 3])), pitch / 38, 255,
            1, cv2.LINE_AA,
        )  # fmt: skip
        y += pitch * rng.uniform(1, 2)
    if rng.random() < 0.3:
        corner = rng.integers(0, size // 2, 2)
        far = corner + rng.integers(size // 6, size // 2, 2)
        cv2.rectangle(out, corner.tolist(), far.tolist(), int(rng.integers(50, 200)), -1)
    return np.asarray(out if rng.random() < 0.4 else 255 - out, np.float32)


def limb(size: int, rng: Rng) -> np.ndarray:
    """An arm or leg: one or two long bones, sometimes with a joint."""
    water, bone = np.zeros((2, size, size), np.float32)
    middle, half = size * rng.uniform(0.4, 0.6), size * rng.uniform(0.12, 0.32)
    _rod(water, (middle, -size), (middle, 2 * size), half, 60)
    joint = size * rng.uniform(0.35, 0.65)
    pair = rng.random() < 0.5
    for side in (-1, 1) if pair else (0,):
        x = middle + side * half * 0.42
        thick = half * rng.uniform(0.16, 0.3)
        gap = size * rng.uniform(0.01, 0.03)
        _rod(bone, (x, -size), (x + rng.normal(0, 3), joint - gap), thick, 22)
        _rod(bone, (x, joint + gap), (x + rng.normal(0, 3), 2 * size), thick * 0.9, 22)
        _ball(bone, (x, joint - gap - thick), (thick * 1.6, thick * 1.2), 18)
        _ball(bone, (x, joint + gap + thick), (thick * 1.6, thick * 1.1), 18)
    return _turned(_film(water, bone, rng), rng, 180)


def hand(size: int, rng: Rng) -> np.ndarray:
    """A palm with five rows of bones, or a foot."""
    water, bone = np.zeros((2, size, size), np.float32)
    wrist = np.array([size * 0.5, size * 0.85])
    for k in range(5):
        angle = np.radians(-90 + (k - 2) * rng.uniform(11, 20) + rng.normal(0, 3))
        way = np.array([np.cos(angle), np.sin(angle)])
        at, reach = wrist + way * size * 0.14, size * rng.uniform(0.55, 0.7)
        _rod(water, wrist, wrist + way * reach, size * 0.055, 18)
        for share in (0.36, 0.22, 0.15, 0.1):
            end = at + way * reach * share * 0.8
            _rod(bone, at, end, size * 0.017, 9)
            at = end + way * size * 0.018
    _ball(water, tuple(wrist - [0, size * 0.12]), (size * 0.2, size * 0.2), 22)
    _rod(water, tuple(wrist), (size * 0.5, 2 * size), size * 0.12, 25)
    for _ in range(8):
        spot = wrist + rng.uniform(-0.1, 0.1, 2) * size
        _ball(bone, tuple(spot), (size * 0.035, size * 0.03), 9)
    for side in (-1, 1):
        x = size * (0.5 + side * 0.055)
        _rod(bone, (x, size * 0.97), (x, 2 * size), size * 0.035, 12)
    return _turned(_film(water, bone, rng), rng, 180)


def skull(size: int, rng: Rng) -> np.ndarray:
    """A head from the front or the side: a shell, eye sockets, teeth, a neck."""
    water, bone = np.zeros((2, size, size), np.float32)
    middle = size * rng.uniform(0.45, 0.55)
    high, wide = size * rng.uniform(0.3, 0.4), size * rng.uniform(0.26, 0.4)
    centre = (middle, size * 0.42)
    _ball(water, centre, (wide * 1.06, high * 1.06), 150)
    _ball(bone, centre, (wide, high), 14)
    _ball(bone, centre, (wide * 0.93, high * 0.94), -9)
    _rod(water, (middle, size * 0.6), (middle, 2 * size), wide * 0.6, 90)
    for side in (-1, 1):
        _ball(bone, (middle + side * wide * 0.4, size * 0.48), (wide * 0.24, high * 0.16), -4)
    for k in range(8):
        _ball(bone, (middle + (k - 3.5) * wide * 0.12, size * 0.72), (wide * 0.06, high * 0.1), 12)
    _spine(bone, middle, size, (0.7, 1.2), wide * 0.2, rng)
    return _turned(_film(water, bone, rng), rng, 15)


def abdomen(size: int, rng: Rng) -> np.ndarray:
    """A belly or a pelvis: spine, iliac wings, hips, gas in the bowel; no lung."""
    water, bone = np.zeros((2, size, size), np.float32)
    middle, half = size * rng.uniform(0.46, 0.54), size * rng.uniform(0.38, 0.52)
    _rod(water, (middle, -size), (middle, 2 * size), half, 200)
    _spine(bone, middle, size, (-0.1, rng.uniform(0.6, 0.8)), size * rng.uniform(0.05, 0.08), rng)
    crest = size * rng.uniform(0.55, 0.9)
    for side in (-1, 1):
        wing = (middle + side * half * 0.55, crest)
        _ball(bone, wing, (half * 0.38, size * 0.2), 16)
        _ball(bone, (middle + side * half * 0.3, crest + size * 0.25), (size * 0.1,) * 2, 18)
        _rod(bone, (middle + side * half * 0.7, crest + size * 0.25),
             (middle + side * half * 0.85, 2 * size), size * 0.05, 30)  # fmt: skip
    for _ in range(int(rng.integers(0, 12))):
        spot = (middle + rng.normal(0, 0.45) * half, rng.uniform(0.05, 0.8) * size)
        _ball(water, spot, tuple(rng.uniform(0.015, 0.07, 2) * size), -rng.uniform(20, 80))
    return _turned(_film(water, bone, rng), rng, 180 if rng.random() < 0.3 else 10)


def spine(size: int, rng: Rng) -> np.ndarray:
    """A column of vertebrae in a narrow field, perhaps bent."""
    water, bone = np.zeros((2, size, size), np.float32)
    middle = size * rng.uniform(0.4, 0.6)
    _rod(water, (middle, -size), (middle, 2 * size), size * rng.uniform(0.3, 0.7), 150)
    _spine(bone, middle, size, (-0.1, 1.1), size * rng.uniform(0.08, 0.2), rng)
    return _turned(_film(water, bone, rng), rng, 180 if rng.random() < 0.3 else 15)


def slice_(size: int, rng: Rng) -> np.ndarray:
    """A cross-section as CT or MR shows it: a bright ring with organs in a black square."""
    out = np.zeros((size, size), np.float32)
    middle = (np.array([0.5, 0.5]) + rng.normal(0, 0.03, 2)) * size
    radii = rng.uniform(0.3, 0.48, 2) * size
    _ball(out, tuple(middle), tuple(radii), 0.8)
    _ball(out, tuple(middle), tuple(radii * 0.9), -0.4)
    for _ in range(int(rng.integers(3, 12))):
        spot = middle + rng.uniform(-0.6, 0.6, 2) * radii
        _ball(out, tuple(spot), tuple(rng.uniform(0.03, 0.2, 2) * size), rng.uniform(-0.5, 0.6))
    return np.asarray(out + 0.05 * noise(size, rng), np.float32)


SCENES: tuple[Scene, ...] = (
    noise, gradient, stripes, shapes, landscape, page, limb, hand, skull, abdomen, spine, slice_,
)  # fmt: skip


def shuffled(picture: np.ndarray, rng: Rng) -> np.ndarray:
    """The tiles of a square picture in another order: its textures without its anatomy."""
    side = int(rng.integers(3, 6))
    tile = picture.shape[0] // side
    cut = picture[: side * tile, : side * tile].reshape(side, tile, side, tile)
    tiles = cut.transpose(0, 2, 1, 3).reshape(side * side, tile, tile)
    mixed = tiles[rng.permutation(side * side)].reshape(side, side, tile, tile)
    joined = mixed.transpose(0, 2, 1, 3).reshape(side * tile, side * tile)
    return np.asarray(cv2.resize(joined, picture.shape[::-1], interpolation=cv2.INTER_LINEAR))


def _ball(
    layer: np.ndarray, centre: tuple[float, ...], radii: tuple[float, ...], thick: float
) -> None:
    """Adds an ellipsoid of this thickness in its middle."""
    size = len(layer)
    y = (np.arange(size, dtype=np.float32)[:, None] - centre[1]) / max(radii[1], 1)
    x = (np.arange(size, dtype=np.float32)[None] - centre[0]) / max(radii[0], 1)
    layer += thick * np.sqrt(np.clip(1 - x * x - y * y, 0, None))


def _rod(layer: np.ndarray, start: object, end: object, half: float, thick: float) -> None:
    """Adds a round rod of this half-width and thickness between two points."""
    size = len(layer)
    a, b = np.asarray(start, np.float32), np.asarray(end, np.float32)
    y, x = np.mgrid[:size, :size].astype(np.float32)
    way = b - a
    t = np.clip(((x - a[0]) * way[0] + (y - a[1]) * way[1]) / max(float(way @ way), 1e-6), 0, 1)
    away = np.hypot(x - a[0] - t * way[0], y - a[1] - t * way[1]) / max(half, 0.7)
    layer += thick * np.sqrt(np.clip(1 - away * away, 0, None))


def _spine(
    bone: np.ndarray, middle: float, size: int, span: tuple[float, float], half: float, rng: Rng
) -> None:
    bend, phase = rng.normal(0, 0.02) * size, rng.uniform(0, 6)
    pitch = half * rng.uniform(1.2, 1.6)
    y = span[0] * size
    while y < span[1] * size:
        x = middle + bend * np.sin(y / size * 4 + phase)
        _ball(bone, (x, y), (half, pitch * 0.45), 25)
        _ball(bone, (x, y), (half * 1.7, pitch * 0.16), 8)
        y += pitch


def _film(water: np.ndarray, bone: np.ndarray, rng: Rng) -> np.ndarray:
    """Density of a film, brighter where more was crossed."""
    depth = np.maximum(water * 0.02 + bone * rng.uniform(0.04, 0.08), 0)
    grains = rng.standard_normal(depth.shape, dtype=np.float32) * rng.uniform(0, 0.05)
    return np.asarray(depth ** rng.uniform(0.6, 1.1) + grains, np.float32)


def _turned(picture: np.ndarray, rng: Rng, most: float) -> np.ndarray:
    size = len(picture)
    turn = cv2.getRotationMatrix2D(
        (size / 2, size / 2), float(rng.uniform(-most, most)), float(rng.uniform(0.9, 1.4))
    )
    return np.asarray(cv2.warpAffine(picture, turn, (size, size), borderMode=cv2.BORDER_REPLICATE))
