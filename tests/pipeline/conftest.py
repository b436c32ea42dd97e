"""Builds and conversions of made-up pictures with a stand-in for the network."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import radiographs


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    radiographs.use_stand_ins(monkeypatch)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of 70 pictures."""
    radiographs.write_folder(tmp_path / "in", 70)
    return tmp_path / "in"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where the output may go; nothing is there."""
    return tmp_path / "out"


@pytest.fixture(scope="module")
def fast() -> Iterator[Path]:
    """A folder in memory where there is one: what a killed process wrote is seen alike there."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)
