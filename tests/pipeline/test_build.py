"""The laws of a build: nothing is lost, nothing depends on the run, bad input harms nobody else."""

import contextlib
import functools
import hashlib
import json
import os
import shutil
from pathlib import Path

import polars as pl
import pytest
import radiographs
from radiographs import encoded, picture, rows, run, sums, tree

import cxrkit
from cxrkit import archives, segmentation
from cxrkit.errors import (
    InputRefused,
    IntegrityFailure,
    ItemFault,
    Locked,
    ResourceExhausted,
)
from cxrkit.imaging import runlength
from cxrkit.pipeline import assemble, build, durable, interrupt, journal, lock, seal, space, workers
from cxrkit.pipeline import run as line
from cxrkit.pipeline.block import Result
from cxrkit.pipeline.progress import State
from cxrkit.records import Record

pytestmark = pytest.mark.usefixtures("stand_ins")
refused = functools.partial(radiographs.refused, run)


def test_a_dataset_is_whole_and_every_file_has_its_sum(root, out):
    summary = run(root, out)
    assert (summary.status, summary.inputs, summary.done, summary.exit_code) == (
        "built",
        70,
        70,
        0,
    )
    found = tree(out)
    assert found.pop(seal.SUMS)
    assert sums(out) == found
    assert sorted(p.name for p in (out / "runs").iterdir()) == ["journal", "lock"]
    records = pl.read_parquet(out / "records.parquet")
    assert records.height == 70
    for row in records.iter_rows(named=True):
        source = hashlib.sha256((root / row["image"]).read_bytes()).hexdigest()
        assert row["source_sha256"] == source and (out / row["mask"]).is_file()
        mask = runlength.decode(row["mask_rle"], (row["rows"], row["columns"]), "coco")
        assert mask.any()


def test_one_and_two_workers_give_the_same_bytes(root, out, tmp_path):
    run(root, out, workers=1)
    run(root, tmp_path / "two", workers=2)
    assert tree(out) == tree(tmp_path / "two")


def test_nothing_of_the_surroundings_gets_into_the_dataset(root, out, tmp_path, monkeypatch):
    run(root, out)
    moved = tmp_path / "elsewhere" / "archive"
    shutil.copytree(root, moved)
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("LC_ALL", "C")
    before = os.umask(0o077)
    try:
        run(Path("archive"), tmp_path / "elsewhere" / "out")
    finally:
        os.umask(before)
    assert tree(tmp_path / "elsewhere" / "out") == tree(out)
    for path in out.rglob("*"):
        if path.is_file() and path.parts[len(out.parts)] != "runs":
            assert str(tmp_path).encode() not in path.read_bytes()


def test_inputs_stay_as_they_are(root, out):
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in root.rglob("*.*")}
    run(root, out, workers=2)
    assert before == {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in root.rglob("*.*")}


def test_a_second_run_finds_nothing_to_do_and_ends_alike(root, out, monkeypatch):
    (root / "a/empty.png").touch()
    assert run(root, out).exit_code == 3
    before = tree(out)
    monkeypatch.setattr(workers, "started", None)  # no worker is needed
    again = run(root, out, workers=2, max_quarantine="9")
    assert (again.status, again.exit_code, again.quarantined) == ("already-built", 3, {"E210": 1})
    assert tree(out) == before


def test_a_finished_dataset_that_lost_a_file_is_refused_and_can_be_made_anew(root, out):
    run(root, out)
    before = tree(out)
    lost = out / pl.read_parquet(out / "records.parquet")["mask"][3]
    lost.unlink()
    message = refused(IntegrityFailure, "E501", root, out)
    assert lost.name in message and "remove SHA256SUMS.txt" in message
    (out / seal.SUMS).unlink()
    assert run(root, out).status == "built"
    assert tree(out) == before
    with (out / "records.parquet").open("r+b") as file:
        file.truncate(1000)
    assert "damaged: records.parquet" in refused(IntegrityFailure, "E501", root, out)
    (out / seal.SUMS).unlink()
    assert run(root, out).status == "built"
    assert tree(out) == before
    (out / seal.RUN).unlink()
    refused(IntegrityFailure, "E501", root, out)


@pytest.mark.parametrize(
    ("changed", "shown"),
    [({"convention": "included"}, "--mask-convention excluded then, included now"),
     ({"seed": 5}, "--seed 0 then, 5 now"), ({"engine": "openvino"}, "engine onnxruntime then")],
)  # fmt: skip
@pytest.mark.parametrize("finished", [True, False])
def test_other_options_are_refused_with_both_values(root, out, changed, shown, finished):
    run(root, out)
    if not finished:
        (out / seal.SUMS).unlink()
    before = tree(out)
    assert shown in refused(InputRefused, "E104", root, out, **changed)
    assert tree(out) == before


@pytest.mark.parametrize("finished", [True, False])
def test_another_network_is_refused(root, out, monkeypatch, finished):
    run(root, out)
    if not finished:
        (out / seal.SUMS).unlink()
    monkeypatch.setattr(segmentation, "weights_sha256", lambda *_: "1" * 64)
    assert f"weights {'0' * 64} then, {'1' * 64} now" in refused(InputRefused, "E104", root, out)


@pytest.mark.parametrize("finished", [True, False])
def test_an_archive_that_grew_is_refused(root, out, finished):
    run(root, out)
    if not finished:
        (out / seal.SUMS).unlink()
    (root / "a/new.png").write_bytes(encoded(picture(99), ".png"))
    assert "images listed 70 then, 71 now" in refused(InputRefused, "E104", root, out)


def test_another_version_goes_not_on_with_a_half_built_dataset(root, out, monkeypatch):
    run(root, out)
    (out / seal.SUMS).unlink()
    monkeypatch.setattr(cxrkit, "__version__", "9.9")
    assert "cxrkit 0.1.0 then, 9.9 now" in refused(InputRefused, "E104", root, out)


def test_folders_in_each_other_or_not_ours_are_refused_and_untouched(root, tmp_path):
    for place in (root, root / "out", tmp_path):
        assert "archive" in refused(InputRefused, "E107", root, place)
    assert not (root / "out").exists()
    other = tmp_path / "other"
    (other / "runs").mkdir(parents=True)
    (other / "runs" / "notes.txt").write_text("mine")
    assert "notes.txt" in refused(InputRefused, "E105", root, other)
    (other / "runs" / "notes.txt").rename(other / "notes.txt")
    assert "notes.txt" in refused(InputRefused, "E105", root, other)
    assert {p.name for p in other.iterdir()} == {"runs", "notes.txt"}
    refused(InputRefused, "E105", root, other / "notes.txt")


def test_a_wrong_archive_writes_nothing(tmp_path, root, out):
    refused(InputRefused, "E101", tmp_path / "nowhere", out)
    refused(InputRefused, "E101", root, out, archive="shenzhen")
    refused(InputRefused, "E101", root, out, archive="no-such")
    refused(InputRefused, "E107", root, out, max_quarantine="many")
    refused(InputRefused, "E107", root, out, engine="abacus")
    assert not out.exists()


def test_a_full_disk_is_refused_before_work(root, out, monkeypatch):
    monkeypatch.setattr(space, "needed", lambda *_: 10**18)
    message = refused(ResourceExhausted, "E601", root, out)
    assert "MB free" in message


def test_a_disk_that_fills_up_ends_with_the_amount_and_goes_on_later(
    root, out, tmp_path, monkeypatch
):
    run(root, tmp_path / "whole")
    write, left = durable._write_all, 60

    def full(descriptor: int, data: bytes) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(28, "no space")
        write(descriptor, data)

    with monkeypatch.context() as patch:
        patch.setattr(durable, "_write_all", full)
        message = refused(ResourceExhausted, "E601", root, out)
    assert "MB more in" in message and "goes on" in message
    assert not (out / "runs/tmp").exists()
    assert run(root, out).status == "built"
    assert tree(out) == tree(tmp_path / "whole")


def test_only_one_run_writes_a_dataset(root, out):
    durable.make_folder(out / "runs")
    with lock.held(out / "runs/lock"):
        message = refused(Locked, "E801", root, out)
        assert f"process {os.getpid()} on" in message


def test_damage_in_the_middle_of_the_journal_stops_and_deletes_nothing(root, out):
    run(root, out)
    (out / seal.SUMS).unlink()
    path = journal.path_of(out)
    path.write_bytes(path.read_bytes().replace(b'"block": 1', b'"block": 7'))
    before = tree(out)
    refused(IntegrityFailure, "E502", root, out)
    assert tree(out) == before


def test_conservation_is_checked_before_sealing(root, out, monkeypatch):
    write_tables = assemble.write_tables

    def lossy(*arguments):
        counts = write_tables(*arguments)
        counts["built"] -= 1
        return counts

    monkeypatch.setattr(assemble, "write_tables", lossy)
    message = refused(IntegrityFailure, "E504", root, out)
    assert "69 built" in message and not (out / seal.SUMS).exists()


def test_outputs_that_vanish_before_a_resume_are_made_anew(root, out, tmp_path, monkeypatch):
    run(root, tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(assemble, "write_tables", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run(root, out)
    next((out / "masks").rglob("*.png")).unlink()
    next((out / "files").rglob("*-mask.jpg")).write_bytes(b"short")
    said: list[str] = []
    build.build("folder", root, out, build.Options(), said.append, lambda _: None)
    assert any("made anew" in line for line in said)
    assert tree(out) == tree(tmp_path / "whole")


def break_folder(root: Path) -> dict[str, str]:
    """Ten kinds of broken file among the others; their names and the codes they deserve."""
    good_png, good_jpeg = encoded(picture(900), ".png"), encoded(picture(901, 300, 280), ".jpg")
    folder = root / "a"
    header = bytearray(good_jpeg)
    at = header.index(b"\xff\xc0") + 5
    header[at : at + 4] = b"\xff\xff\xff\xff"
    (folder / "zero.png").touch()
    (folder / "cut.jpg").write_bytes(good_jpeg[: len(good_jpeg) // 2])
    (folder / "page.jpg").write_bytes(b"<!DOCTYPE html><html><body>Log in</body></html>")
    (folder / "pointer.png").write_bytes(
        b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 1\n"
    )
    (folder / "huge.jpg").write_bytes(bytes(header))
    (folder / "cmyk.jpg").write_bytes(radiographs.cmyk())
    (folder / "sr.dcm").write_bytes(radiographs.dicom_without_pixels())
    (folder / "wrong.png").write_bytes(good_jpeg)
    (folder / "locked.png").write_bytes(good_png)
    (folder / "locked.png").chmod(0)
    (folder / "folder.png").mkdir()
    return {
        "a/zero.png": "E210", "a/cut.jpg": "E214", "a/page.jpg": "E219", "a/pointer.png": "E218",
        "a/huge.jpg": "E211", "a/cmyk.jpg": "E213", "a/sr.dcm": "E215", "a/wrong.png": "E217",
        "a/locked.png": "E201", "a/folder.png": "E203",
    }  # fmt: skip


def test_ten_kinds_of_broken_file_harm_nobody_else(root, out, tmp_path):
    run(root, out)
    clean, clean_tables = tree(out), {n: rows(out, n) for n in assemble.CSVS}
    codes = break_folder(root)
    broken = tmp_path / "broken"
    summary = run(root, broken, workers=2)
    assert (summary.exit_code, summary.inputs, summary.done) == (3, 80, 70)
    assert sum(summary.quarantined.values()) == 10
    listed = rows(broken, "quarantine.csv")
    assert {row["relpath"]: row["code"] for row in listed} == codes
    for row in listed:
        assert row["remedy"] and row["message"] and row["tool_version"] == "0.1.0"
        assert row["stage"] in ("read", "decode")
        path = root / row["relpath"]
        if row["sha256"]:
            data = path.read_bytes()
            assert (row["sha256"], row["bytes"]) == (
                hashlib.sha256(data).hexdigest(),
                str(len(data)),
            )
        else:
            assert row["code"] in ("E201", "E203")
    with_faults = tree(broken)
    different = {name for name in clean if with_faults.get(name) != clean[name]}
    assert different == {"quarantine.csv", "run.json", "SHA256SUMS.txt"}
    assert set(with_faults) == set(clean)
    for name, before in clean_tables.items():
        assert name == "quarantine.csv" or rows(broken, name) == before


def test_too_many_unusable_files_stop_the_run_which_goes_on_with_a_higher_limit(
    root, out, tmp_path
):
    for number in range(0, 20):
        (root / f"a/zero{number}.png").touch()
    message = refused(InputRefused, "E304", root, out, max_quarantine="10%")
    assert "empty-file (E210)" in message and "at most 9" in message
    assert not (out / seal.SUMS).exists()
    assert run(root, out, max_quarantine="20").exit_code == 3
    assert run(root, tmp_path / "whole").quarantined == {"E210": 20}  # the default allows 50
    assert tree(out) == tree(tmp_path / "whole")


def test_an_archive_that_vanishes_stops_the_run_and_counts_for_nothing(
    root, out, tmp_path, monkeypatch
):
    radiographs.write_folder(root, 120)
    listed = list(archives.load("folder").records(root))  # a table, which stays
    adapter = radiographs.fake_archive(listed)
    monkeypatch.setattr(archives, "load", lambda name: adapter)
    run(root, tmp_path / "whole")
    results = workers.results

    def unmounted(crew, setting, blocks, stopped):
        for number, result in enumerate(results(crew, setting, blocks, stopped)):
            if number == 1:
                root.rename(tmp_path / "gone")
            yield result

    with monkeypatch.context() as patch:
        patch.setattr(workers, "results", unmounted)
        message = refused(ResourceExhausted, "E202", root, out)
    assert "still mounted" in message
    done = journal.read(out).commits
    assert all("quarantined E202" not in c.outcomes for c in list(done.values())[:2])
    (tmp_path / "gone").rename(root)
    summary = run(root, out)
    assert (summary.done, summary.exit_code) == (120, 0)
    assert tree(out) == tree(tmp_path / "whole")


def test_fifty_missing_files_in_a_row_are_quarantined(root, out, monkeypatch):
    listed = list(archives.load("folder").records(root))
    for record in listed[10:60]:
        (root / record.image).unlink()
    adapter = radiographs.fake_archive(listed)
    monkeypatch.setattr(archives, "load", lambda name: adapter)
    summary = run(root, out)
    assert (summary.done, summary.quarantined, summary.exit_code) == (20, {"E202": 50}, 3)
    broken = Result(0, "", ("quarantined E202",) * 51)
    with pytest.raises(ResourceExhausted):
        line._missing_in_a_row(0, broken, root)


@pytest.mark.parametrize("status", [130, 143])
def test_a_run_that_is_asked_to_stop_keeps_what_it_has(root, out, tmp_path, monkeypatch, status):
    run(root, tmp_path / "whole")
    asked = 0

    @contextlib.contextmanager
    def watched():
        yield lambda: status if asked else 0

    def update(state: State) -> None:
        nonlocal asked
        asked = state.done

    with monkeypatch.context() as patch:
        patch.setattr(interrupt, "watched", watched)
        stopped = build.build("folder", root, out, build.Options(), lambda _: None, update)
    assert (stopped.status, stopped.exit_code) == ("interrupted", status)
    assert 0 < stopped.done < 70 and not (out / "runs/tmp").exists()
    assert run(root, out).status == "built"
    assert tree(out) == tree(tmp_path / "whole")


def test_reports_and_skips_are_counted_and_conserved(root, out, monkeypatch):
    listed = list(archives.load("folder").records(root))
    views = ["PA", "LATERAL", ""]
    records = [
        Record("made", r.image_id, r.image, f"p{n // 2}", view=views[n % 3], labels={"Edema": 0})
        for n, r in enumerate(listed)
    ]
    adapter = radiographs.fake_archive(records, blank_view_is_frontal=False)
    adapter.report = lambda root, r: None if r.patient_id == "p0" else f"Report of {r.patient_id}."
    monkeypatch.setattr(archives, "load", lambda name: adapter)
    summary = run(root, out)
    assert summary.skipped == {
        "report-missing": 1, "view-not-frontal:LATERAL": 23, "view-unknown": 23,
    }  # fmt: skip
    assert summary.done == 23 and summary.exit_code == 0
    texts = {row["Reports"] for row in rows(out, "CXLSeg-metadata.csv")}
    assert texts == {f"Report of {records[n].patient_id}." for n in range(3, 70, 3)}
    facts = json.loads((out / "run.json").read_text())
    counts = facts["counts"]
    assert counts["inputs"] == 70 == counts["built"] + sum(counts["skipped"].values())
    assert facts["archive"]["reports"] is True and sum(facts["splits"].values()) == 23


def test_an_error_in_one_image_says_nothing_of_its_text(root, out, monkeypatch):
    def explode(*_: object) -> None:
        raise ItemFault("E240", "image", "no lung", "a chest", "look")

    monkeypatch.setattr(segmentation, "segment", explode)
    summary = run(root, out, max_quarantine="100%")
    assert summary.quarantined == {"E240": 70} and summary.done == 0
    assert pl.read_parquet(out / "records.parquet").height == 0
