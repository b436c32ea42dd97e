"""A radiograph that is nothing but its values: the .IMG files of JSRT.

Square, 16-bit big-endian, 12 bits used, a high value is dark (Shiraishi 2000, doi
10.2214/ajr.174.1.1740071). No byte of the content says so: the name and the length decide.
"""

import math

import numpy as np

from cxrkit.errors import ItemFault
from cxrkit.imaging import raster
from cxrkit.imaging.headers import COPY_AGAIN, Header, check_size
from cxrkit.imaging.raster import Plane

SUFFIX = ".img"  # in any case
HIGHEST = 4095  # of 12 bits


def side(length: int, name: str) -> int:
    """Rows, and as many columns, of a file of that many bytes.

    Raises:
        ItemFault: E211 too large, E214 the length is not that of a square picture.
    """
    pixels = math.isqrt(length // 2)
    if 2 * pixels * pixels != length or not length:
        raise ItemFault(
            "E214",
            name,
            f"{length} bytes",
            "two bytes for each pixel of a square, such as 8388608 for 2048 x 2048",
            COPY_AGAIN,
        )
    check_size(pixels, pixels, name)
    return pixels


def read(data: bytes, name: str, smallest: int | None) -> Plane:
    """The gray plane of a file without a header, turned over so that air is dark.

    Raises:
        ItemFault: E211 too large, E212 a value above 12 bits, E214 the length is not that of a
            square picture.
    """
    pixels = side(len(data), name)
    values = np.frombuffer(data, ">u2").reshape(pixels, pixels)
    if values.max() > HIGHEST:
        raise ItemFault(
            "E212",
            name,
            f"a value of {int(values.max())} in a file without a header",
            f"16-bit big-endian values of at most {HIGHEST}",
            "use the file as it was published; one that was converted needs its own suffix",
        )
    turned = (HIGHEST - values).astype(np.uint16)
    first_step = f"headerless big-endian values read, turned over ({HIGHEST} - value)"
    return raster.to_gray(turned, Header(pixels, pixels, 1, 12), first_step, smallest)
