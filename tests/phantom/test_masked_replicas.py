"""The imitated archives with lung masks, the children's and the hospital's folder: shared laws."""

import hashlib
import importlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from cxrkit import archives
from cxrkit.errors import InputRefused
from cxrkit.imaging import radiograph
from cxrkit.phantom import folder, guangzhou, jsrt, montgomery, shenzhen, v7

STUDIES, SEED, SIZE = 12, 3, 128
WRITERS: dict[str, tuple[str, Callable[..., int]]] = {
    "montgomery": ("montgomery", montgomery.write_release),
    "jsrt": ("jsrt", jsrt.write_release),
    "shenzhen": ("shenzhen", shenzhen.write_release),
    "shenzhen, SZ-CXR": ("shenzhen", shenzhen.write_masked_release),
    "v7": ("v7", v7.write_release),
    "v7, Darwin 1.0": ("v7", v7.write_darwin_release),
    "v7, Darwin 2.0": ("v7", partial(v7.write_darwin_release, version="2.0")),
    "guangzhou": ("guangzhou", guangzhou.write_release),
    "folder": ("folder", folder.write_release),
}
# Masks of half the image's side cannot be nearer to the truth at this size.
NEAR = {"jsrt": 0.93}


def tree(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module", params=WRITERS)
def written(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path, Path]:
    """The archive's name, the release, and its exact masks."""
    name, write = WRITERS[request.param]
    root = tmp_path_factory.mktemp("replica") / name
    done: list[int] = []
    images = write(root, STUDIES, SEED, SIZE, masks=root.parent / "masks", progress=done.append)
    assert done == list(range(1, STUDIES + 1))
    assert images == len(list(archives.load(name).records(root)))
    return name, root, root.parent / "masks"


def test_every_image_is_read_at_its_size(written: tuple[str, Path, Path]) -> None:
    name, root, _ = written
    for record in archives.load(name).records(root):
        picture = radiograph.read(root / record.image)
        assert max(picture.rows, picture.columns) <= SIZE and not record.fault
        assert not set(picture.flags) & {"colour", "alpha"}


def test_every_frontal_image_has_its_exact_masks(written: tuple[str, Path, Path]) -> None:
    name, root, masks = written
    ids = {r.image_id for r in archives.load(name).records(root)}
    both = [{p.stem for p in (masks / kind).iterdir()} for kind in ("excluded", "included")]
    assert both[0] == both[1] and both[0] <= ids
    assert len(both[0]) >= STUDIES
    if name not in ("v7", "folder"):  # these have lateral views
        assert both[0] == ids


def test_the_archives_mask_is_the_exact_one_of_its_convention(
    written: tuple[str, Path, Path],
) -> None:
    name, root, masks = written
    archive = archives.load(name)
    masked = [r for r in archive.records(root) if r.mask]
    assert bool(masked) == (name not in ("guangzhou", "folder"))
    for record in masked:
        lung, ignore = archives.read_mask(archive, root, record)
        exact = {
            kind: cv2.imread(str(masks / kind / f"{record.image_id}.png"), -1) > 0
            for kind in ("excluded", "included")
        }
        own = archive.CARD.mask_convention
        assert own is not None
        truth = exact[own] & ~ignore
        found = lung & ~ignore
        assert (found & truth).sum() / (found | truth).sum() > NEAR.get(name, 0.99)
        other = exact["included" if own == "excluded" else "excluded"] & ~ignore
        assert (found & other).sum() / (found | other).sum() < 0.93  # the check can fail


@pytest.mark.parametrize("kind", WRITERS)
def test_the_bytes_depend_on_the_seed_and_on_nothing_else(kind: str, tmp_path: Path) -> None:
    _, write = WRITERS[kind]
    for place, seed, workers in (("one", 1, 1), ("again/deep", 1, 2), ("other", 2, 1)):
        write(tmp_path / place, 3, seed, 64, workers=workers)
    assert tree(tmp_path / "one") == tree(tmp_path / "again/deep")
    assert tree(tmp_path / "one") != tree(tmp_path / "other")


@pytest.mark.parametrize("kind", WRITERS)
def test_a_filled_folder_and_masks_inside_the_release_are_refused(
    kind: str, tmp_path: Path
) -> None:
    _, write = WRITERS[kind]
    with pytest.raises(InputRefused, match=r"E107 bad-option: .*masks inside the release"):
        write(tmp_path / "a", 1, 1, 64, masks=tmp_path / "a" / "masks")
    assert not (tmp_path / "a").exists()
    (tmp_path / "note.txt").touch()
    with pytest.raises(InputRefused, match=r"E105 output-not-empty"):
        write(tmp_path, 1, 1, 64)


@pytest.mark.parametrize("name", sorted({name for name, _ in WRITERS.values()}))
def test_a_replica_reads_no_adapter(name: str) -> None:
    module = importlib.import_module(f"cxrkit.phantom.{name}")
    text = Path(str(module.__file__)).read_text()
    assert "cxrkit.archives" not in text and "import archives" not in text
    assert module.LONG_SIDE >= 2048
    assert np.all([hasattr(module, wanted) for wanted in ("write_release", "plan")])
