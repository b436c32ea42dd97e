"""Workers that die, hang or explode take one image with them and nothing else."""

import ctypes
import faulthandler
import hashlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import radiographs

from cxrkit import archives, segmentation
from cxrkit.errors import CxrkitError, InputRefused
from cxrkit.imaging import radiograph
from cxrkit.pipeline import block, durable, plan, workers
from cxrkit.pipeline.block import Setting
from cxrkit.pipeline.segmented import Segmentation


@pytest.fixture
def setting(tmp_path, stand_ins):
    radiographs.write_folder(tmp_path / "in", 40)
    for name in ("tmp", "blocks"):
        durable.make_folder(tmp_path / "out" / "runs" / name)
    task = Segmentation("excluded", "auto", segmentation.Recipe(), False)
    return Setting("folder", tmp_path / "in", tmp_path / "out", task)


def outcomes(setting: Setting, count: int = 1, seconds: float = 60.0) -> list[str]:
    archive = archives.load("folder")
    found = plan.blocks(archive, setting.root, plan.survey(archive, setting.root), 0)
    with workers.started(setting, count) as crew:
        results = list(workers.results(crew, setting, found, lambda: 0, seconds))
    assert not multiprocessing.active_children()
    return [o for r in sorted(results, key=lambda r: r.index) for o in r.outcomes]


def when_read(monkeypatch: pytest.MonkeyPatch, number: int, action) -> None:
    """`action` happens in the worker that decodes the picture of that number."""
    decode = radiograph.decode

    def trapped(data: bytes, name: str, smallest: int):
        if f"image{number:03d}" in name:
            action()
        return decode(data, name, smallest)

    monkeypatch.setattr(radiograph, "decode", trapped)


def place(setting: Setting, number: int) -> int:
    names = [r.image for r in archives.load("folder").records(setting.root)]
    return next(n for n, name in enumerate(names) if f"image{number:03d}" in name)


def row(setting: Setting, number: int) -> dict:
    index, at = divmod(place(setting, number), block.BLOCK)
    text = block.path_of(setting.out, index).read_text().splitlines()[at]
    return json.loads(text)["row"]


def test_every_item_is_built_by_one_or_two_workers(setting):
    assert outcomes(setting) == ["built"] * 40
    before = radiographs.tree(setting.out)
    assert outcomes(setting, 2) == ["built"] * 40
    assert radiographs.tree(setting.out) == before


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_an_image_that_kills_its_worker_twice_is_quarantined_alone(setting, monkeypatch, number):
    def die() -> None:
        if number == signal.SIGSEGV:
            faulthandler.disable()  # no report about a death on purpose
            ctypes.string_at(0)
        os.kill(os.getpid(), number)

    when_read(monkeypatch, 7, die)
    found = outcomes(setting, 2)
    assert found.pop(place(setting, 7)) == "quarantined E301"
    assert set(found) == {"built"}
    assert f"signal {number.value}" in row(setting, 7)["message"]
    assert row(setting, 7)["retriable"] == "true"


def test_a_worker_that_dies_once_leaves_no_trace(setting, monkeypatch, tmp_path):
    outcomes(setting)
    whole = radiographs.tree(setting.out)
    durable.remove(setting.out / "files")

    def die_once() -> None:
        if not (tmp_path / "died").exists():
            (tmp_path / "died").touch()
            os.kill(os.getpid(), signal.SIGKILL)

    when_read(monkeypatch, 7, die_once)
    assert outcomes(setting, 2) == ["built"] * 40
    assert radiographs.tree(setting.out) == whole


def test_two_images_of_one_block_that_kill_are_both_quarantined(setting, monkeypatch):
    decode = radiograph.decode

    def trapped(data: bytes, name: str, smallest: int):
        if "image007" in name or "image011" in name:
            os._exit(9)
        return decode(data, name, smallest)

    monkeypatch.setattr(radiograph, "decode", trapped)
    found = outcomes(setting)
    assert found.count("quarantined E301") == 2 and found.count("built") == 38
    assert "exit status 9" in row(setting, 11)["message"]


def test_an_image_that_takes_for_ever_is_given_up(setting, monkeypatch):
    when_read(monkeypatch, 5, lambda: time.sleep(600))
    found = outcomes(setting, 2, seconds=0.7)
    assert found.pop(place(setting, 5)) == "quarantined E303"
    assert set(found) == {"built"}


class Exploding(Exception):
    def __str__(self) -> str:
        raise RuntimeError("Jane Roe")

    def __reduce__(self):
        raise RuntimeError("Jane Roe")


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [(Exploding("Jane Roe"), "E399", "Exploding"), (ValueError("Jane Roe"), "E399", "ValueError"),
     (MemoryError(), "E302", "memory"), (RecursionError("Jane Roe"), "E399", "RecursionError")],
)  # fmt: skip
def test_an_unforeseen_error_is_quarantined_by_its_class_alone(
    setting, monkeypatch, error, code, text
):
    def explode() -> None:
        raise error

    when_read(monkeypatch, 3, explode)
    found = outcomes(setting)
    assert found.pop(place(setting, 3)) == f"quarantined {code}"
    assert set(found) == {"built"}
    assert text in row(setting, 3)["message"] and "Roe" not in str(row(setting, 3))
    assert row(setting, 3)["stage"] == "decode" and len(row(setting, 3)["sha256"]) == 64


def test_what_a_worker_meets_while_it_loads_ends_the_run(setting, monkeypatch):
    def refuse(*_: object) -> None:
        raise InputRefused("E106", "openvino", "not installed", "the package", "install it")

    monkeypatch.setattr(segmentation, "load", refuse)
    with pytest.raises(InputRefused) as refused, workers.started(setting, 2):
        pass
    assert refused.value.code == "E106" and not multiprocessing.active_children()
    monkeypatch.setattr(segmentation, "load", lambda *_: os._exit(4))
    with pytest.raises(CxrkitError, match=r"E301.*exit status 4"), workers.started(setting, 1):
        pass


def test_a_worker_that_dies_while_it_commits_is_no_images_fault(setting, monkeypatch):
    monkeypatch.setattr(durable, "publish", lambda *_: os._exit(4))
    with pytest.raises(CxrkitError, match=r"E301 worker-died.*while it wrote") as failure:
        outcomes(setting)
    assert failure.value.exit_code == 1


def test_a_disk_that_is_full_for_a_worker_ends_the_run(setting, monkeypatch):
    def full(*_: object) -> int:
        raise OSError(28, "no")

    monkeypatch.setattr(durable, "_write_all", full)
    with pytest.raises(CxrkitError) as failure:
        outcomes(setting)
    assert failure.value.code == "E601" and failure.value.exit_code == 6


def test_an_image_that_is_not_built_leaves_no_file_of_an_earlier_attempt(setting):
    outcomes(setting)
    archive = archives.load("folder")
    first = next(plan.blocks(archive, setting.root, plan.survey(archive, setting.root), 0))
    make, _ = setting.task.load(archive, setting.root)
    built = len(radiographs.tree(setting.out))
    block.compute(replace(first, faults={4: ("E301", "x")}), setting.out, make, lambda place: None)
    assert len(radiographs.tree(setting.out)) == built - 3


ORPHAN = """
import os, pathlib, signal, sys
sys.path.insert(0, sys.argv[3])
import pytest, radiographs
from cxrkit import archives, segmentation
from cxrkit.pipeline import workers
from cxrkit.pipeline.block import Setting
from cxrkit.pipeline.segmented import Segmentation
radiographs.use_stand_ins(pytest.MonkeyPatch())
setting = Setting("folder", pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]),
                  Segmentation("excluded", "auto", segmentation.Recipe(), False))
with workers.started(setting, 2) as crew:
    print(*(worker.process.pid for worker in crew), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_workers_end_with_their_parent(setting):
    arguments = (str(setting.root), str(setting.out), str(Path(__file__).parent))
    done = subprocess.run(
        [sys.executable, "-c", ORPHAN, *arguments], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == -signal.SIGKILL
    numbers = [int(word) for word in done.stdout.split()]
    assert len(numbers) == 2
    deadline = time.monotonic() + 2
    while any(_lives(number) for number in numbers) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(_lives(number) for number in numbers)


def _lives(number: int) -> bool:
    try:
        return psutil.Process(number).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_rows_of_a_block_are_refused_when_they_changed(setting):
    outcomes(setting)
    path = block.path_of(setting.out, 0)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    assert len(block.rows(setting.out, 0, sha256)) == 32
    path.write_bytes(path.read_bytes().replace(b"built", b"buiLt", 1))
    with pytest.raises(CxrkitError, match="E501"):
        block.rows(setting.out, 0, sha256)
