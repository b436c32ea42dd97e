"""`cxr verify` as a user runs it: the table, the JSON, the list of bad files, exit statuses."""

import csv
import fcntl
import json
import os
import pty
import resource
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from cxrkit.cli import stages
from cxrkit.phantom.anatomy import render
from cxrkit.phantom.subject import Subject

CXR = (sys.executable, "-c", "from cxrkit.cli import main; main()")


def cxr(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*CXR, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=120
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Four phantoms under the names of Shenzhen, without masks."""
    root = tmp_path / "SZ-CXR"
    (root / "images").mkdir(parents=True)
    for number in range(1, 5):
        found = render(Subject(seed=number), 120, 100, np.random.default_rng(number))
        cv2.imwrite(str(root / f"images/CHNCXR_{number:04}_{number % 2}.png"), found.radiograph)
    return root


def test_a_whole_copy_ends_with_status_0_and_its_counts_last(root: Path) -> None:
    before = {p: p.read_bytes() for p in root.rglob("*") if p.is_file()}
    done = cxr("verify", "shenzhen", root, "--skip", "claims")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[-1] == "10 hold, 0 false as published, 0 differ, 3 unverifiable"
    assert "not looked at: claims" in lines
    row = next(line for line in lines if "images that can be decoded" in line)
    assert row.split()[0] == "holds" and row.split()[-4:-2] == ["4", "4"]
    assert done.stderr == ""
    assert {p: p.read_bytes() for p in root.rglob("*") if p.is_file()} == before


def test_a_copy_that_differs_ends_with_status_9_and_one_line_on_stderr(root: Path) -> None:
    """Four images are not the 662 that Jaeger 2014 publishes."""
    done = cxr("verify", "shenzhen", root, "--tables-only")
    assert done.returncode == 9
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("E902 copy-differs: ") and "Remedy: " in done.stderr
    row = next(line for line in done.stdout.splitlines() if line.startswith("DIFFERS"))
    assert row.split()[1:4] == ["images", "662", "4"] and "Jaeger 2014" in row


def test_the_list_names_every_bad_file(root: Path, tmp_path: Path) -> None:
    (root / "images/CHNCXR_0002_0.png").write_bytes(b"")
    path = root / "images/CHNCXR_0003_1.png"
    path.write_bytes(path.read_bytes()[:-40])
    bad = tmp_path / "bad.csv"
    done = cxr("verify", "shenzhen", root, "--skip", "claims", "--list", bad, "--json")
    assert done.returncode == 9
    with bad.open(newline="") as file:
        rows = [(r["relpath"], r["code"], r["name"]) for r in csv.DictReader(file)]
    assert rows == [
        ("images/CHNCXR_0002_0.png", "E210", "empty-file"),
        ("images/CHNCXR_0003_1.png", "E214", "truncated-image"),
    ]
    assert not list(tmp_path.glob("*.partial"))
    said = json.loads(done.stdout)
    assert said["bad_files"] == 2 and said["exit_status"] == 9 and said["counts"]["failed"] == 2
    failed = [c for c in said["checks"] if c["status"] == "failed"]
    assert {c["what"] for c in failed} == {"headers that can be read", "images that can be decoded"}
    assert "CHNCXR_0003_1.png (E214" in failed[1]["note"]


def test_a_list_that_cannot_be_is_refused_before_the_work(root: Path, tmp_path: Path) -> None:
    for place in (tmp_path / "absent" / "bad.csv", tmp_path, root / "bad.csv"):
        done = cxr("verify", "shenzhen", root, "--list", place)
        assert done.returncode == 4 and done.stderr.startswith("E107")
        assert done.stdout == ""


def test_refusals_have_status_4(tmp_path: Path, root: Path) -> None:
    done = cxr("verify", "shenzhen", tmp_path / "absent")
    assert done.returncode == 4 and done.stderr.startswith("E101") and done.stdout == ""
    done = cxr("verify", "shenzhen", root, "--skip", "pixels")
    assert done.returncode == 4 and done.stderr.startswith("E107")
    assert "decode" in done.stderr


def test_a_smaller_sample_is_decoded(root: Path) -> None:
    done = cxr("verify", "shenzhen", root, "--skip", "claims", "--sample", 2, "--json")
    checks = {c["what"]: c["claimed"] for c in json.loads(done.stdout)["checks"]}
    assert checks["images that can be decoded"] == 2
    assert checks["headers that can be read"] == 4


def processor_seconds() -> float:
    """Of all commands so far; other programs on the machine change it little."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_the_public_tables_of_chestx_ray14_hold_in_seconds(real_data: Path) -> None:
    began = processor_seconds()
    done = cxr("verify", "chestx-ray14", real_data / "chestx-ray14", "--tables-only")
    assert processor_seconds() - began < 6
    assert done.returncode == 0, done.stderr
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert any(line.startswith("holds images 112,120 112,120 ") for line in lines)
    assert any(line.startswith("false patients 32,717 30,805 ") for line in lines)
    assert "holds patients in more than one split 0 0 counted" in lines
    assert lines[-1].endswith("0 differ")


def test_a_terminal_gets_a_bar(root: Path) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    arguments = [*CXR, "verify", "shenzhen", str(root), "--skip", "claims"]
    environment = {**os.environ, "TERM": "xterm"}
    with subprocess.Popen(
        arguments, stdout=subprocess.DEVNULL, stderr=theirs, env=environment
    ) as running:
        os.close(theirs)
        shown = b""
        while True:
            try:
                data = os.read(ours, 4096)
            except OSError:  # Linux says so when the other end is closed
                break
            if not data:
                break
            shown += data
    os.close(ours)
    assert running.returncode == 0
    text = shown.decode()
    assert "decoding" in text and "headers" in text and "4/4" in text and "/s" in text


def test_elsewhere_a_line_is_written_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    update = stages.lines()
    for second in range(0, 41, 4):
        now[0] = float(second)
        update("headers", second * 10, 1000)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "headers: 120 of 1000, 10.0/s, 88 s left",
        "headers: 240 of 1000, 10.0/s, 76 s left",
        "headers: 360 of 1000, 10.0/s, 64 s left",
    ]
