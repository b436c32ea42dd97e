"""What replicas share: exams that do not depend on their number, files that repeat."""

import gzip
import signal
from pathlib import Path

import numpy as np
import pytest

from cxrkit.errors import InputRefused
from cxrkit.phantom import release
from cxrkit.phantom.subject import DEVICES


def test_an_exam_does_not_depend_on_how_many_there_are() -> None:
    assert release.draw_exams(40, 3)[:15] == release.draw_exams(15, 3)
    assert release.draw_exams(15, 3) != release.draw_exams(15, 4)
    assert [e.index for e in release.draw_exams(40, 3)] == list(range(40))


def test_a_patient_is_one_person_who_comes_again_later() -> None:
    visits: dict[int, list[release.Exam]] = {}
    for exam in release.draw_exams(60, 0):
        visits.setdefault(exam.patient, []).append(exam)
    assert max(map(len, visits.values())) > 1
    for exams in visits.values():
        assert len({(e.subject.seed, e.subject.sex, e.years) for e in exams}) == 1
        assert [e.day for e in exams] == sorted({e.day for e in exams})
    alone = release.draw_exams(30, 0, once=True)
    assert [e.patient for e in alone] == list(range(30))


def test_children_are_drawn_as_children() -> None:
    exams = release.draw_exams(20, 0, kinds=[(("AP",), 1.0)], age="child")
    assert {e.subject.age for e in exams} == {"child"}
    assert all(1 <= e.years <= 5 and e.views == ("AP",) for e in exams)


def test_findings_keep_their_chances() -> None:
    exams = release.draw_exams(300, 1, chances={"nodule": 1.0})
    share = np.mean(["nodule" in e.subject.findings for e in exams])
    assert share == pytest.approx(0.6, abs=0.08)
    assert {f for e in exams for f in e.subject.findings} <= {"nodule", *DEVICES}


def _files(job: int) -> dict[str, bytes]:
    return {f"a/{job}.txt": bytes([job])}


def test_workers_do_not_change_the_files(tmp_path: Path) -> None:
    seen: list[int] = []
    one = release.write_files(tmp_path / "1", [1, 2, 3], _files, 1, seen.append)
    two = release.write_files(tmp_path / "2", [1, 2, 3], _files, 2, seen.append)
    assert one == two and seen == [1, 2, 3, 1, 2, 3]
    assert [(tmp_path / "2" / p).read_bytes() for p in sorted(one)] == [b"\1", b"\2", b"\3"]


def test_a_filled_folder_is_refused(tmp_path: Path) -> None:
    release.refuse_filled(tmp_path, tmp_path / "absent")
    (tmp_path / "x").write_text("x")
    for folder in (tmp_path, tmp_path / "x"):
        with pytest.raises(InputRefused, match="E105"):
            release.refuse_filled(folder)


def test_masks_go_beside_the_release(tmp_path: Path) -> None:
    release.accept_folders(tmp_path / "a", None)
    release.accept_folders(tmp_path / "a", tmp_path / "masks")
    for inside in (tmp_path / "a", tmp_path / "a" / "masks"):
        with pytest.raises(InputRefused, match="E107"):
            release.accept_folders(tmp_path / "a", inside)
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "x").write_text("x")
    with pytest.raises(InputRefused, match="E105"):
        release.accept_folders(tmp_path / "a", tmp_path / "masks")


def test_gzip_holds_no_time() -> None:
    packed = release.gzipped(b"abc")
    assert gzip.decompress(packed) == b"abc" and packed[4:8] == bytes(4)
    assert release.sums_bytes({"b": "2", "a": "1"}) == b"1 a\n2 b\n"


def _hears_of_ctrl_c(job: int) -> dict[str, bytes]:
    return {"": str(signal.getsignal(signal.SIGINT) == signal.SIG_IGN).encode()}


def test_ctrl_c_ends_the_parent_alone() -> None:
    """A worker that dies of it too can leave the parent waiting for ever."""
    assert list(release._made([1, 2], _hears_of_ctrl_c, 2)) == [{"": b"True"}] * 2
    assert list(release._made([1], _hears_of_ctrl_c, 1)) == [{"": b"False"}]
