"""The laws of a conversion are those of a build, since the straight line is the same."""

import functools
import hashlib
import io
import json
import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import polars as pl
import pytest
import radiographs
from PIL import Image
from radiographs import convert, encoded, picture, rows, sums, tree

import cxrkit
from cxrkit import archives, conversion, records
from cxrkit.conversion import convert as conversions
from cxrkit.conversion import png
from cxrkit.errors import (
    CxrkitError,
    InputRefused,
    IntegrityFailure,
    ItemFault,
    ResourceExhausted,
)
from cxrkit.imaging import radiograph
from cxrkit.phantom import dicom_file
from cxrkit.pipeline import durable, journal, seal, workers
from cxrkit.pipeline.progress import State
from cxrkit.records import Record

pytestmark = pytest.mark.usefixtures("stand_ins")
refused = functools.partial(radiographs.refused, convert)


def test_every_image_has_its_file_its_row_and_its_sum(root, out):
    summary = convert(root, out)
    assert (summary.status, summary.inputs, summary.done, summary.exit_code) == (
        "converted", 70, 70, 0,
    )  # fmt: skip
    listed = rows(out, "conversion.csv")
    assert tuple(listed[0]) == conversions.COLUMNS and len(listed) == 70
    for row in listed:
        source, made = (root / row["image"]).read_bytes(), (out / row["path"]).read_bytes()
        assert row["source_sha256"] == hashlib.sha256(source).hexdigest()
        assert row["sha256"] == hashlib.sha256(made).hexdigest()
        wanted = radiograph.decode(source, "x").pixels
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(made))), wanted)
    found = tree(out)
    assert found.pop(seal.SUMS)
    assert sums(out) == found
    assert sorted(p.name for p in (out / "runs").iterdir()) == ["journal", "lock"]
    facts = json.loads((out / "run.json").read_text())
    assert (facts["command"], facts["recipe"]) == ("convert", "png")
    assert facts["counts"] == {"inputs": 70, "converted": 70, "quarantined": {}, "skipped": {}}


def test_one_and_two_workers_give_the_same_bytes_and_inputs_stay(root, out, tmp_path):
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in root.rglob("*.*")}
    convert(root, out, workers=1)
    convert(root, tmp_path / "two", workers=2)
    assert tree(out) == tree(tmp_path / "two")
    assert before == {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in root.rglob("*.*")}
    for path in out.rglob("*"):
        if path.is_file() and "runs" not in path.parts:
            assert str(tmp_path).encode() not in path.read_bytes()


def test_a_run_cut_off_anywhere_goes_on_and_ends_in_the_same_bytes(
    root, out, tmp_path, monkeypatch
):
    (root / "a/empty.png").touch()
    convert(root, tmp_path / "whole")
    write = durable._write_all
    # Writes of one process before its disk is full: a block has 32 files and its lines.
    for allowed in (3, 40, 34, 3):
        left = allowed

        def full(descriptor: int, data: bytes) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                write(descriptor, data[: len(data) // 2])
                raise OSError(28, "no space")
            write(descriptor, data)

        with monkeypatch.context() as patch:
            patch.setattr(durable, "_write_all", full)
            message = refused(ResourceExhausted, "E601", root, out)
        assert "goes on" in message and not (out / seal.SUMS).exists()
        seen = tree(out)
        assert all(tree(tmp_path / "whole")[name] == sha256 for name, sha256 in seen.items())
    assert len(journal.read(out).commits) == 2
    assert convert(root, out, workers=2).status == "converted"
    assert tree(out) == tree(tmp_path / "whole")


def test_a_second_run_finds_nothing_to_do(root, out, monkeypatch):
    (root / "a/empty.png").touch()
    assert convert(root, out).exit_code == 3
    before = tree(out)
    monkeypatch.setattr(workers, "started", None)  # no worker is needed
    again = convert(root, out, workers=2, max_quarantine="9")
    assert (again.status, again.exit_code, again.quarantined, again.done) == (
        "already-converted", 3, {"E210": 1}, 70,
    )  # fmt: skip
    assert tree(out) == before


@pytest.mark.parametrize("finished", [True, False])
def test_another_recipe_archive_version_or_command_is_refused(root, out, monkeypatch, finished):
    convert(root, out)
    if not finished:
        (out / seal.SUMS).unlink()
    before = tree(out)
    assert "--recipe png then, jpeg now" in refused(InputRefused, "E104", root, out, "jpeg")
    with pytest.raises(InputRefused, match="command convert then, build now"):
        radiographs.run(root, out)
    (root / "a/new.png").write_bytes(encoded(picture(99), ".png"))
    assert "images listed 70 then, 71 now" in refused(InputRefused, "E104", root, out)
    (root / "a/new.png").unlink()
    if not finished:
        monkeypatch.setattr(cxrkit, "__version__", "9.9")
        assert "cxrkit 0.1.0 then, 9.9 now" in refused(InputRefused, "E104", root, out)
    assert tree(out) == before


@pytest.mark.parametrize("finished", [True, False])
def test_a_dataset_is_not_converted_over(root, out, finished):
    radiographs.run(root, out)
    if not finished:
        (out / seal.SUMS).unlink()
    before = tree(out)
    assert "command build then, convert now" in refused(InputRefused, "E104", root, out)
    assert tree(out) == before


def test_what_is_wrong_from_the_start_writes_nothing(root, out, tmp_path, monkeypatch):
    refused(InputRefused, "E101", tmp_path / "nowhere", out)
    refused(InputRefused, "E107", root, out, "no-such")
    refused(InputRefused, "E107", root, out, max_quarantine="many")
    refused(InputRefused, "E107", root, root / "out")
    monkeypatch.setattr(png, "ARCHIVES", ("shenzhen",))
    assert "png for shenzhen" in refused(InputRefused, "E107", root, out)
    assert not out.exists()


def break_folder(root: Path) -> dict[str, str]:
    """Ten kinds of broken file among the others; their names and the codes they deserve."""
    whole = dicom_file.encode(picture(900), 12)
    jpeg = encoded(picture(901, 300, 280), ".jpg")
    folder = root / "a"
    (folder / "zero.dcm").touch()
    (folder / "cut.dcm").write_bytes(whole[: len(whole) // 2])
    (folder / "page.dcm").write_bytes(b"<!DOCTYPE html><html><body>Log in</body></html>")
    (folder / "pointer.dcm").write_bytes(
        b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 1\n"
    )
    (folder / "huge.dcm").write_bytes(
        dicom_file.encode(picture(902), 12, Rows=65535, Columns=65535)
    )
    (folder / "sr.dcm").write_bytes(radiographs.dicom_without_pixels())
    (folder / "blank.dcm").write_bytes(dicom_file.encode(np.full((9, 9), 7, np.uint8), 12))
    (folder / "wrong.dcm").write_bytes(jpeg)
    (folder / "locked.dcm").write_bytes(whole)
    (folder / "locked.dcm").chmod(0)
    (folder / "folder.dcm").mkdir()
    return {
        "a/zero.dcm": "E210", "a/cut.dcm": "E214", "a/page.dcm": "E219", "a/pointer.dcm": "E218",
        "a/huge.dcm": "E211", "a/sr.dcm": "E215", "a/blank.dcm": "E216", "a/wrong.dcm": "E217",
        "a/locked.dcm": "E201", "a/folder.dcm": "E203",
    }  # fmt: skip


@pytest.mark.parametrize("recipe", ["mimic-jpg", "png"])
def test_ten_kinds_of_broken_file_harm_nobody_else(root, out, tmp_path, recipe):
    for number, path in enumerate(sorted(root.rglob("*.*g"))):
        path.unlink()
        data = dicom_file.encode(picture(number), 12, ("MONOCHROME1", "MONOCHROME2")[number % 2])
        path.with_suffix(".dcm").write_bytes(data)
    convert(root, out, recipe)
    clean = tree(out)
    codes = break_folder(root)
    broken = tmp_path / "broken"
    summary = convert(root, broken, recipe, workers=2)
    assert (summary.exit_code, summary.inputs, summary.done) == (3, 80, 70)
    listed = rows(broken, "quarantine.csv")
    assert {row["relpath"]: row["code"] for row in listed} == codes
    for row in listed:
        assert row["remedy"] and row["message"] and row["stage"] in ("read", "convert")
        if row["sha256"]:
            data = (root / row["relpath"]).read_bytes()
            assert row["sha256"] == hashlib.sha256(data).hexdigest()
        else:
            assert row["code"] in ("E201", "E203")
    with_faults = tree(broken)
    different = {name for name in clean if with_faults.get(name) != clean[name]}
    assert different == {"quarantine.csv", "run.json", "SHA256SUMS.txt"}
    assert set(with_faults) == set(clean)


def test_a_path_that_cannot_be_an_output_is_quarantined(root, out):
    data = encoded(picture(1), ".png")
    for name in (b"a/line\nbreak.png", b"a/\xff.png", b"a/back\\slash.png"):
        (root / name.decode("utf-8", "surrogateescape")).write_bytes(data)
    summary = convert(root, out)
    assert (summary.done, summary.quarantined) == (70, {"E201": 3})
    listed = {row["relpath"] for row in rows(out, "quarantine.csv")}
    assert listed == {"a/line\\nbreak.png", "a/\\udcff.png", "a/back\\slash.png"}


def test_a_corrupt_row_is_quarantined_and_the_others_are_converted(root, out, monkeypatch):
    listed = list(archives.load("folder").records(root))
    table = records.frame(listed)
    fault = "labels.csv, row 9: column Age: text"
    bad = records.frame([Record("made", "labels.csv-row-9", "labels.csv-row-9", fault=fault)])
    outside = records.frame([Record("made", "x", "../x.png")])
    adapter = radiographs.fake_archive([])
    adapter.table = lambda root: pl.concat([bad, table, outside]).sort("image")
    monkeypatch.setattr(archives, "load", lambda name: adapter)
    (root.parent / "x.png").write_bytes(encoded(picture(1), ".png"))
    summary = convert(root, out)
    assert (summary.inputs, summary.done) == (72, 70)
    assert summary.quarantined == {"E103": 1, "E201": 1}
    messages = {row["relpath"]: row["message"] for row in rows(out, "quarantine.csv")}
    assert fault in messages["labels.csv-row-9"] and "leaves the archive" in messages["../x.png"]
    assert {row["stage"] for row in rows(out, "quarantine.csv")} == {"list"}


@pytest.mark.parametrize("death", ["kill", "hang"])
def test_a_file_that_ends_or_hangs_its_worker_is_quarantined_alone(
    root, out, tmp_path, monkeypatch, death
):
    convert(root, tmp_path / "whole")
    decode = radiograph.decode

    def trapped(data: bytes, name: str, smallest: int | None = None):
        if "image007" in name:
            time.sleep(600) if death == "hang" else os.kill(os.getpid(), signal.SIGKILL)
        return decode(data, name, smallest)

    monkeypatch.setattr(radiograph, "decode", trapped)
    results = workers.results
    monkeypatch.setattr(workers, "results", lambda *a: results(*a, 0.7 if death == "hang" else 60))
    summary = convert(root, out, workers=2)
    assert summary.quarantined == {"E303" if death == "hang" else "E301": 1}
    whole, found = tree(tmp_path / "whole"), tree(out)
    (lost,) = set(whole) - set(found)
    assert "image007" in lost
    changed = {name for name in found if found[name] != whole[name]}
    assert changed == {"conversion.csv", "quarantine.csv", "run.json", "SHA256SUMS.txt"}


def test_a_file_that_changes_while_it_is_converted_is_quarantined(root, out, monkeypatch):
    make = png.convert

    def slow(archive, root, record, path):
        files = make(archive, root, record, path)
        if "image001" in record.image:
            (root / record.image).write_bytes(b"other")
        return files

    monkeypatch.setattr(png, "convert", slow)
    assert convert(root, out).quarantined == {"E207": 1}


def test_too_many_unusable_files_stop_the_run_which_goes_on_with_a_higher_limit(root, out):
    for number in range(20):
        (root / f"a/zero{number}.png").touch()
    assert "at most 9" in refused(InputRefused, "E304", root, out, max_quarantine="10%")
    assert not (out / seal.SUMS).exists()
    assert convert(root, out, max_quarantine="20").quarantined == {"E210": 20}


def two_files() -> SimpleNamespace:
    """A recipe with two files for an image and a closing table, one image of three refused."""

    def make(archive, root, record, path):
        if "image003" in record.image:
            raise ItemFault("E231", "", "no mask", "a mask", "look")
        return {path: b"image " + record.image_id.encode(), f"masks/{path}": b"mask"}

    def tables(table, paths, converted):
        ids = table.filter(pl.Series(converted))["image_id"].to_list()
        kept = [path for path, done in zip(paths, converted, strict=True) if done]
        assert len(ids) == len(kept) == sum(converted)
        return {"tables/ids.txt": "\n".join(ids).encode()}

    return SimpleNamespace(
        ARCHIVES=(), convert=make, tables=tables, paths=lambda table: table["image"].to_list(),
        outputs=lambda path: (path, f"masks/{path}"),
    )  # fmt: skip


def test_a_recipe_of_several_files_has_all_of_them_in_the_sums(root, out, monkeypatch):
    recipe = two_files()
    monkeypatch.setattr(conversion, "load", lambda name: recipe)
    summary = convert(root, out)
    assert (summary.done, summary.quarantined) == (69, {"E231": 1})
    found = tree(out)
    assert sum(name.startswith("masks/") for name in found) == 69
    ids = (out / "tables/ids.txt").read_text().split("\n")
    assert ids == [row["image_id"] for row in rows(out, "conversion.csv")]
    assert set(sums(out)) == set(found) - {seal.SUMS}


def test_no_file_of_an_earlier_attempt_stays(root, out, monkeypatch):
    """A crash after a block's files and before its line; the resumed run meets a file gone."""
    recipe = two_files()
    monkeypatch.setattr(conversion, "load", lambda name: recipe)
    with monkeypatch.context() as patch:
        patch.setattr(journal, "add", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            convert(root, out)
    assert any("image005" in name for name in tree(out))
    gone = next(root.rglob("image005*"))
    gone.rename(gone.with_name("later"))
    gone.touch()  # still listed
    gone.chmod(0)
    assert convert(root, out).quarantined == {"E201": 1, "E231": 1}
    assert not any("image005" in name for name in tree(out))


def test_a_recipe_that_gives_what_it_did_not_announce_is_an_error(root, out, monkeypatch):
    recipe = two_files()
    recipe.outputs = lambda path: (path,)
    monkeypatch.setattr(conversion, "load", lambda name: recipe)
    summary = convert(root, out, max_quarantine="100%")
    assert summary.quarantined == {"E231": 1, "E399": 69} and summary.done == 0


def test_a_closing_table_takes_no_other_files_place(root, out, monkeypatch):
    recipe = two_files()
    monkeypatch.setattr(conversion, "load", lambda name: recipe)
    for name in ("a/IMAGE001.jpg", "run.json", "../x"):
        recipe.tables = lambda table, paths, converted, name=name: {name: b""}
        refused(CxrkitError, "E399", root, out)
    assert not (out / seal.SUMS).exists() and not (out.parent / "x").exists()


def test_outputs_that_vanish_before_a_resume_are_made_anew(root, out, tmp_path, monkeypatch):
    convert(root, tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(seal, "write", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            convert(root, out)
    (out / rows(out, "conversion.csv")[3]["path"]).unlink()
    said: list[str] = []
    options = conversions.Options("png")
    conversions.convert_archive("folder", root, out, options, said.append, lambda _: None)
    assert any("made anew" in line for line in said)
    assert tree(out) == tree(tmp_path / "whole")


def test_a_whole_conversion_that_lost_a_file_is_refused(root, out):
    convert(root, out)
    (out / rows(out, "conversion.csv")[3]["path"]).unlink()
    assert "remove SHA256SUMS.txt" in refused(IntegrityFailure, "E501", root, out)


def test_how_much_room_is_needed_is_told_once_the_first_images_took_theirs(root, out):
    rng = np.random.default_rng(0)
    for path in root.rglob("*.png"):
        cv2.imwrite(str(path), rng.integers(0, 256, (200, 200), np.uint8))
    said: list[str] = []
    states: list[State] = []
    options = conversions.Options("png")
    conversions.convert_archive("folder", root, out, options, said.append, states.append)
    (told,) = [line for line in said if "going by the first images" in line]
    assert "about 2 MB in all" in told or "about 1 MB in all" in told
    assert states[-1].done == 70


def test_conservation_is_checked_before_sealing(root, out, monkeypatch):
    write = conversions.csv_files.write

    def lossy(*arguments):
        counts = write(*arguments)
        counts["converted"] -= 1
        return counts

    monkeypatch.setattr(conversions.csv_files, "write", lossy)
    assert "69 converted" in refused(IntegrityFailure, "E504", root, out)
    assert not (out / seal.SUMS).exists()
