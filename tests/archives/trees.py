"""Empty files where an archive has images."""

from collections.abc import Iterable
from pathlib import Path


def touch(root: Path, names: Iterable[str]) -> None:
    """Create the files and the folders above them."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
