"""A whole copy passes; a copy that is damaged in one way fails in the check that is about it."""

import csv
import gzip
import hashlib
import itertools
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import polars as pl
import pytest

from cxrkit import archives, claims, records
from cxrkit.archives import mimic_cxr_jpg as adapter
from cxrkit.archives import shenzhen
from cxrkit.claims import Claim
from cxrkit.errors import InputRefused
from cxrkit.phantom import mimic_cxr_jpg
from cxrkit.phantom.anatomy import render
from cxrkit.phantom.subject import Subject
from cxrkit.records import Record
from cxrkit.verification import checksums, files, pictures
from cxrkit.verification.report import GROUPS, BadFile, Check, Report
from cxrkit.verification.verify import Options, verify

METADATA, SPLIT = (f"mimic-cxr-2.0.0-{name}.csv.gz" for name in ("metadata", "split"))
OTHERS = tuple(group for group in GROUPS if group not in ("layout", "claims"))


def looking_at(*groups: str) -> Options:
    return Options(tuple(g for g in GROUPS if g not in ("layout", *groups)), workers=2)


@pytest.fixture(scope="module")
def mimic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("whole") / "mimic"
    mimic_cxr_jpg.write_release(root, 16, 3, 64)
    return root


@pytest.fixture
def copy(mimic: Path, tmp_path: Path) -> Path:
    """A copy of its own; its files are not those of the others."""
    return Path(shutil.copytree(mimic, tmp_path / "copy"))


@pytest.fixture(scope="module")
def lungs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SZ-CXR folder of six phantoms with masks."""
    root = tmp_path_factory.mktemp("whole") / "SZ-CXR"
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    for number in range(1, 7):
        found = render(Subject(seed=number), 120, 100, np.random.default_rng(number))
        stem = f"CHNCXR_{number:04}_{number % 2}"
        cv2.imwrite(str(root / f"images/{stem}.png"), found.radiograph)
        mask = (found.right_lung | found.left_lung).astype(np.uint8) * 255
        cv2.imwrite(str(root / f"masks/{stem}_mask.png"), mask)
    return root


def images(root: Path) -> list[str]:
    return sorted(p.relative_to(root).as_posix() for p in root.rglob("*.jpg"))


def of_two_patients(root: Path) -> tuple[str, str]:
    """The first image and the last, which belong to two patients."""
    first, *_, last = images(root)
    assert first.split("/")[2] != last.split("/")[2]
    return first, last


def failed(report: Report) -> dict[str, Check]:
    return {c.what: c for c in report.checks if c.status in ("failed", "differs")}


def bad(report: Report) -> set[tuple[str, str]]:
    return {(file.path, file.code) for file in report.bad}


def change_table(root: Path, name: str, change: Callable[[list[list[str]]], None]) -> None:
    """Rewrite a gzipped table; its header is the first row."""
    with gzip.open(root / name, "rt", newline="") as file:
        rows = list(csv.reader(file))
    change(rows)
    with gzip.open(root / name, "wt", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def test_a_whole_copy_holds_in_every_check(mimic: Path) -> None:
    report = verify("mimic-cxr-jpg", mimic, Options(("claims",), workers=2))
    assert {c.group for c in report.checks} == {"layout", *OTHERS}
    assert failed(report) == {} and report.bad == () and report.as_published
    assert set(report.counts.values()) == {0, len(report.checks)}
    number = len(images(mimic))
    found = {c.what: (c.claimed, c.found) for c in report.checks}
    assert found["images that can be decoded"] == (number, number)
    assert found["sizes as in the table"] == (number, number)
    assert found["images with bytes of their own"] == (number, number)
    lines = (mimic / "SHA256SUMS.txt").read_text().splitlines()
    assert found["files with the published checksum"] == (len(lines), len(lines))


def test_a_whole_copy_with_masks_holds(lungs: Path) -> None:
    report = verify("shenzhen", lungs, Options(("claims",), workers=2))
    assert failed(report) == {} and report.bad == ()
    by_name = {c.what: c for c in report.checks}
    masks = by_name["masks that fit their images"]
    assert (masks.claimed, masks.found) == (6, 6)
    unknown = {c.what for c in report.checks if c.status == "unverifiable"}
    assert unknown == {
        "patients in more than one split",
        "files with the published checksum",
        "sizes as in the table",
    }


def test_the_report_does_not_depend_on_the_processes(lungs: Path) -> None:
    one, two = (verify("shenzhen", lungs, Options(("claims",), workers=n)) for n in (1, 2))
    assert one == two


def test_a_removed_file_is_named(copy: Path) -> None:
    image = images(copy)[3]
    (copy / image).unlink()
    report = verify("mimic-cxr-jpg", copy, looking_at("files", "checksums", "sizes"))
    assert set(failed(report)) == {
        "images and masks that records name", "files with the published checksum"
    }  # fmt: skip
    assert bad(report) == {(image, "E202")}
    assert image in failed(report)["images and masks that records name"].note


def test_an_added_file_is_named(copy: Path) -> None:
    image = images(copy)[3]
    new = image.replace(".jpg", "-2.jpg")
    data = (copy / image).read_bytes()
    (copy / new).write_bytes(data[:-2] + b"\0" + data[-2:])
    report = verify("mimic-cxr-jpg", copy, looking_at("files", "checksums"))
    check = failed(report)["images and masks that are there"]
    assert len(failed(report)) == 1 and check.found == check.claimed + 1
    assert bad(report) == {(new, "E223")}
    unlisted = next(c for c in report.checks if c.what == "files that no checksum covers")
    assert unlisted.status == "unverifiable" and unlisted.found == 1 and new in unlisted.note


def test_an_added_mask_is_named(lungs: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(lungs, tmp_path / "copy"))
    (copy / "images/CHNCXR_0003_1.png").unlink()
    report = verify("shenzhen", copy, looking_at("files"))
    assert bad(report) == {("masks/CHNCXR_0003_1_mask.png", "E223")}


def test_an_image_copied_over_another_is_named(lungs: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(lungs, tmp_path / "copy"))
    shutil.copyfile(copy / "images/CHNCXR_0002_0.png", copy / "images/CHNCXR_0005_1.png")
    report = verify("shenzhen", copy, looking_at("files"))
    assert set(failed(report)) == {"images that are of one patient alone"}
    assert bad(report) == {("images/CHNCXR_0005_1.png", "E222")}
    assert "the same bytes as images/CHNCXR_0002_0.png" in report.bad[0].message


def test_an_image_that_one_patient_has_twice_is_named_and_left_open(
    lungs: Path, tmp_path: Path
) -> None:
    """The release may have it twice, as V7 has; without checksums nobody can tell."""
    copy = Path(shutil.copytree(lungs, tmp_path / "copy"))
    shutil.copyfile(copy / "images/CHNCXR_0002_0.png", copy / "images/CHNCXR_0002_1.png")
    report = verify("shenzhen", copy, looking_at("files"))
    check = next(c for c in report.checks if c.what == "images with bytes of their own")
    assert (check.status, check.claimed, check.found) == ("unverifiable", 7, 6)
    assert "CHNCXR_0002_1.png" in check.note and report.as_published
    assert bad(report) == {("images/CHNCXR_0002_1.png", "E222")}


def test_identical_images_that_are_so_in_the_release_do_not_count(copy: Path) -> None:
    """Their checksums are those published, so nobody copied one over the other here."""
    first, second = of_two_patients(copy)
    shutil.copyfile(copy / first, copy / second)
    sums = checksums.read(copy)
    assert sums is not None
    text = (copy / "SHA256SUMS.txt").read_text()
    damaged = verify("mimic-cxr-jpg", copy, looking_at("files", "checksums"))
    assert bad(damaged) == {(second, "E222"), (second, "E220")}
    assert len(failed(damaged)) == 2
    (copy / "SHA256SUMS.txt").write_text(text.replace(sums.digests[second], sums.digests[first]))
    report = verify("mimic-cxr-jpg", copy, looking_at("files", "checksums"))
    assert failed(report) == {} and bad(report) == {(second, "E222")}
    same = next(c for c in report.checks if c.what == "images that are of one patient alone")
    assert same.status == "false" and "the release itself is so" in same.note


def test_a_truncated_image_is_named(copy: Path) -> None:
    image = images(copy)[5]
    data = (copy / image).read_bytes()
    (copy / image).write_bytes(data[: len(data) // 2])
    report = verify("mimic-cxr-jpg", copy, looking_at("sizes", "decode"))
    assert set(failed(report)) == {"images that can be decoded"}
    assert bad(report) == {(image, "E214")}
    (copy / image).write_bytes(data[:20])
    report = verify("mimic-cxr-jpg", copy, looking_at("sizes", "decode"))
    assert set(failed(report)) == {"images that can be decoded", "headers that can be read"}
    assert bad(report) == {(image, "E214")}


def test_swapped_images_are_named(copy: Path) -> None:
    first, second = images(copy)[:2]
    data = (copy / first).read_bytes()
    (copy / first).write_bytes((copy / second).read_bytes())
    (copy / second).write_bytes(data)
    report = verify("mimic-cxr-jpg", copy, looking_at("checksums", "files"))
    assert set(failed(report)) == {"files with the published checksum"}
    assert bad(report) == {(first, "E220"), (second, "E220")}


def test_a_resized_image_is_named(copy: Path) -> None:
    image = images(copy)[2]
    pixels = cv2.imread(str(copy / image), cv2.IMREAD_UNCHANGED)
    cv2.imwrite(str(copy / image), pixels[:-2])
    report = verify("mimic-cxr-jpg", copy, looking_at("sizes"))
    assert set(failed(report)) == {"sizes as in the table"}
    assert bad(report) == {(image, "E221")}
    rows, columns = pixels.shape
    assert f"{rows - 2} x {columns} pixels (expected {rows} x {columns}" in report.bad[0].message


def test_an_image_under_another_suffix_is_named(copy: Path) -> None:
    image = images(copy)[2]
    pixels = cv2.imread(str(copy / image), cv2.IMREAD_UNCHANGED)
    (copy / image).write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
    report = verify("mimic-cxr-jpg", copy, looking_at("sizes"))
    assert set(failed(report)) == {"names that fit the content"}
    assert bad(report) == {(image, "E217")}
    headers = next(c for c in report.checks if c.what == "headers that can be read")
    assert headers.note == f"{len(images(copy)) - 1} jpeg, 1 png"


@pytest.mark.parametrize("form", [" ", "  ", " *"])
def test_a_changed_checksum_is_named_in_every_form_of_the_list(copy: Path, form: str) -> None:
    lines = (copy / "SHA256SUMS.txt").read_text().splitlines()
    pairs = [line.split(maxsplit=1) for line in lines]
    named = pairs[4][1].lstrip("*")
    pairs[4][0] = pairs[4][0][::-1]
    text = "".join(f"{digest}{form}{path.lstrip('*')}\n" for digest, path in pairs)
    (copy / "SHA256SUMS.txt").write_text(text)
    report = verify("mimic-cxr-jpg", copy, looking_at("checksums"))
    check = failed(report)["files with the published checksum"]
    assert (check.claimed, check.found) == (len(lines), len(lines) - 1)
    assert bad(report) == {(named, "E220")}


def test_lines_that_are_no_checksum_are_named_and_no_path_leaves_the_archive(copy: Path) -> None:
    digest = "0" * 64
    (copy.parent / "secret").write_text("x")
    lines = [f"{digest} ../secret", f"{digest} /etc/passwd", "abc files", "", f"{digest} README"]
    (copy / "SHA256SUMS.txt").write_text("\n".join([*lines, f"{'1' * 64}  ./README"]))
    found = checksums.read(copy)
    assert found is not None and dict(found.digests) == {"README": digest}
    assert [b.path for b in found.broken] == [f"SHA256SUMS.txt, line {n}" for n in (1, 2, 3, 6)]
    report = verify("mimic-cxr-jpg", copy, looking_at("checksums"))
    assert {code for _, code in bad(report)} == {"E103", "E220"}


def test_a_removed_row_leaves_an_image_that_no_record_names(copy: Path) -> None:
    image = images(copy)[4]
    stem = Path(image).stem
    change_table(copy, METADATA, lambda rows: rows.remove(next(r for r in rows if r[0] == stem)))
    report = verify("mimic-cxr-jpg", copy, looking_at("tables", "files"))
    assert (image, "E223") in bad(report)
    assert "images and masks that are there" in failed(report)


def test_a_doubled_id_is_named_with_its_row(copy: Path) -> None:
    def double(rows: list[list[str]]) -> None:
        rows[7][0] = rows[3][0]

    change_table(copy, METADATA, double)
    report = verify("mimic-cxr-jpg", copy, looking_at("tables"))
    check = failed(report)["records"]
    assert {file.code for file in report.bad} == {"E103"}
    places = {file.path for file in report.bad}
    assert {f"{METADATA}, row 3", f"{METADATA}, row 7"} <= places
    assert f"{METADATA}, row 3" in check.note
    assert check.claimed - check.found == len(places)


def move_one(root: Path) -> str:
    """A patient with two images or more gets one of them into another split."""
    table = adapter.table(root)
    counted = table.filter(pl.col("split") != "").group_by("patient_id").len().sort("patient_id")
    patient = counted.filter(pl.col("len") > 1)["patient_id"][0]
    image, was = table.filter(pl.col("patient_id") == patient).select("image_id", "split").row(0)

    def move(rows: list[list[str]]) -> None:
        at, column = rows[0].index("dicom_id"), rows[0].index("split")
        row = next(row for row in rows if row[at] == image)
        row[column] = "test" if was != "test" else "train"

    change_table(root, SPLIT, move)
    return str(patient)


def test_a_patient_moved_to_another_split_is_named(copy: Path) -> None:
    patient = move_one(copy)
    report = verify("mimic-cxr-jpg", copy, looking_at("splits"))
    check = failed(report)["patients in more than one split"]
    assert (check.claimed, check.found) == (0, 1) and patient in check.note


def claimed(monkeypatch: pytest.MonkeyPatch, *made: Claim) -> None:
    monkeypatch.setattr(adapter, "CARD", replace(adapter.CARD, claims=made))


def test_a_split_that_leaks_as_published_is_said_and_does_not_count(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every published count holds, so the release itself is so, as CXLSeg's."""
    move_one(copy)
    claimed(monkeypatch, Claim("images", len(images(copy)), "made up", claims.rows()))
    report = verify("mimic-cxr-jpg", copy, looking_at("claims", "splits"))
    check = report.checks[-1]
    assert (check.status, check.found) == ("false", 1) and "its own split leaks" in check.note
    assert report.as_published
    summed = verify("mimic-cxr-jpg", copy, looking_at("claims", "splits", "checksums"))
    assert "patients in more than one split" in failed(summed)  # its checksum says otherwise
    claimed(monkeypatch, Claim("images", 7, "made up", claims.rows()))
    report = verify("mimic-cxr-jpg", copy, looking_at("claims", "splits"))
    assert [c.status for c in report.checks] == ["holds", "differs", "failed"]


def test_tables_with_the_published_checksums_are_not_the_copys_fault(copy: Path) -> None:
    """The list is made to say what the damaged tables are, as if they had been published so."""
    move_one(copy)

    def double(rows: list[list[str]]) -> None:
        rows[7][0] = rows[3][0]

    change_table(copy, METADATA, double)
    groups = looking_at("tables", "splits", "checksums")
    report = verify("mimic-cxr-jpg", copy, groups)
    assert {"records", "patients in more than one split"} < set(failed(report))
    sums = checksums.read(copy)
    assert sums is not None
    text = (copy / "SHA256SUMS.txt").read_text()
    for name in (METADATA, SPLIT):
        digest = hashlib.sha256((copy / name).read_bytes()).hexdigest()
        text = text.replace(sums.digests[name], digest)
    (copy / "SHA256SUMS.txt").write_text(text)
    report = verify("mimic-cxr-jpg", copy, groups)
    assert failed(report) == {} and report.counts["false"] == 2


def test_ids_that_contradict_each_other_are_named(copy: Path) -> None:
    table = adapter.table(copy).filter(pl.col("study_id").is_duplicated())
    wanted = table["image_id"][0]

    for name in (METADATA, SPLIT):
        change_table(copy, name, lambda rows: of_named(rows, wanted))
    report = verify("mimic-cxr-jpg", copy, looking_at("ids"))
    check = failed(report)["ids that contradict each other"]
    assert f"study with several patients {table['study_id'][0]}" in check.note


def of_named(rows: list[list[str]], image: str) -> None:
    """The image's row says another patient."""
    at = rows[0].index("dicom_id")
    next(row for row in rows if row[at] == image)[rows[0].index("subject_id")] = "19999999"


def test_each_claim_says_published_and_found(mimic: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    number = len(images(mimic))
    claimed(
        monkeypatch,
        Claim("images", number, "page", claims.rows()),
        Claim("images", number + 1, "page", claims.rows(), why="another version"),
        Claim("images", number + 2, "copies", claims.rows(), erratum="a slip"),
        Claim("images", number, "copies", claims.rows(), erratum="there are more"),
        Claim("boxes", 5, "page", claims.rows(), "annotations"),
        Claim("masks", 5, "page", pl.col("extra.no such column").len(), why="another form"),
    )
    report = verify("mimic-cxr-jpg", mimic, looking_at("claims"))
    found = [(c.status, c.claimed, c.found, c.source) for c in report.checks[1:]]
    assert found == [
        ("holds", number, number, "page"),
        ("differs", number + 1, number, "page"),
        ("false", number + 2, number, "copies"),
        ("failed", number, number, "copies"),
        ("unverifiable", 5, None, "page"),
        ("unverifiable", 5, None, "page"),
    ]
    notes = [c.note for c in report.checks[1:]]
    assert notes[1:3] == ["another version", "a slip"]
    assert "known to be wrong: there are more" in notes[3]
    assert "another form" in notes[5]
    assert not report.as_published
    assert report.counts == {
        "holds": 2, "false": 1, "differs": 1, "failed": 1, "unverifiable": 2
    }  # fmt: skip


def test_an_erratum_alone_does_not_count_against_a_copy(
    mimic: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claimed(monkeypatch, Claim("images", 1, "copies", claims.rows(), erratum="a slip"))
    report = verify("mimic-cxr-jpg", mimic, looking_at("claims"))
    assert report.counts["false"] == 1 and report.as_published


def write_mask(root: Path, mask: np.ndarray) -> str:
    path = "masks/CHNCXR_0002_0_mask.png"
    cv2.imwrite(str(root / path), mask)
    return path


def test_a_mask_of_another_size_or_without_a_lung_is_named(lungs: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(lungs, tmp_path / "copy"))
    for mask, said in (
        (np.full((60, 50), 255, np.uint8), "60 x 50 pixels (expected the 120 x 100"),
        (np.zeros((120, 100), np.uint8), "no pixel is marked"),
        (np.eye(120, 100, dtype=np.uint8), "pixel values 1 (expected only [0, 255])"),
    ):
        path = write_mask(copy, mask)
        report = verify("shenzhen", copy, looking_at("decode"))
        assert set(failed(report)) == {"masks that fit their images"}
        assert bad(report) == {(path, "E231")} and said in report.bad[0].message


def test_an_undeclared_value_in_a_mask_is_named(
    lungs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = Path(shutil.copytree(lungs, tmp_path / "copy"))
    path = write_mask(copy, np.full((120, 100), 99, np.uint8))
    monkeypatch.setattr(shenzhen, "MASK_VALUES", {"lung": (255,)})
    records = [r for r in shenzhen.records(copy) if r.mask == path]
    done, images, masks = pictures._decode("shenzhen", copy, records)
    assert (done, images) == (1, [])
    assert [(m.path, m.code) for m in masks] == [(path, "E231")]


def test_an_empty_mask_of_a_lateral_view_is_none_to_complain_of(lungs: Path) -> None:
    record = replace(next(shenzhen.records(lungs)), view="LATERAL")
    archive = archives.load("shenzhen")
    empty = np.zeros((120, 100), bool)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(archives, "read_mask", lambda *given: (empty, empty))
        pictures._check_mask(archive, lungs, record, (120, 100))


def test_a_sample_is_chosen_by_hash_and_grows(lungs: Path) -> None:
    table = archives.table(archives.load("shenzhen"), lungs)
    chosen = [set(pictures.sampled(table, n, 4)["image_id"]) for n in range(7)]
    assert [len(c) for c in chosen] == list(range(7))
    assert all(a < b for a, b in itertools.pairwise(chosen))
    assert pictures.sampled(table, 3, 4).equals(pictures.sampled(table, 3, 4))
    assert {tuple(pictures.sampled(table, 3, s)["image_id"]) for s in range(9)} != {
        tuple(pictures.sampled(table, 3, 4)["image_id"])
    }
    assert pictures.sampled(table, None, 0).equals(table)
    report = verify("shenzhen", lungs, replace(looking_at("decode"), sample=2))
    assert [c.claimed for c in report.checks[1:]] == [2, 2]


def test_a_file_that_ends_its_process_is_named(lungs: Path, tmp_path: Path) -> None:
    """A module of the test's own decodes in the processes, and one image kills them."""
    table = archives.table(archives.load("shenzhen"), lungs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "_decode", deadly)
        patch.setattr(pictures, "_CHUNK", 2)
        checks, found = pictures.decode_checks("shenzhen", lungs, table, {}, 2, lambda d, t: None)
    assert [(b.path, b.code) for b in found] == [("images/CHNCXR_0003_1.png", "E301")]
    assert checks[0].status == "failed" and checks[0].found == 5


def deadly(
    name: str, root: Path, records: list[archives.Record]
) -> tuple[int, list[BadFile], list[BadFile]]:
    """Ends its process at one image."""
    if any("0003" in record.image for record in records):
        os._exit(3)
    return len(records), [], []


def test_hidden_files_and_loops_of_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "x.png").touch()
    (tmp_path / "a" / ".hidden.png").touch()
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "y.png").touch()
    (tmp_path / "a" / "b" / "up").symlink_to(tmp_path)
    assert files.listing(tmp_path) == {"a/b/x.png"}


def test_an_unknown_group_is_refused(lungs: Path) -> None:
    for group in ("pixels", "layout"):
        with pytest.raises(InputRefused) as caught:
            verify("shenzhen", lungs, Options((group,)))
        assert caught.value.code == "E107"


def test_a_wrong_folder_is_refused_by_the_adapter(tmp_path: Path) -> None:
    with pytest.raises(InputRefused) as caught:
        verify("shenzhen", tmp_path, Options())
    assert caught.value.code == "E101"


def test_the_public_tables_of_chestx_ray14(real_data: Path) -> None:
    """Against the counts of its page and of the tables themselves, written here by hand."""
    skip = ("checksums", "files", "sizes", "decode")
    report = verify("chestx-ray14", real_data / "chestx-ray14", Options(skip))
    assert report.as_published and report.counts["differs"] == report.counts["unverifiable"] == 0
    found = {(c.what, c.claimed): (c.status, c.found) for c in report.checks}
    expected = {"images": 112_120, "patients": 30_805, "train images": 86_524,
                "test images": 25_596, "boxes": 984, "Effusion": 13_317, "Hernia": 227,
                "No Finding": 60_361}  # fmt: skip
    for what, number in expected.items():
        assert found[what, number] == ("holds", number)
    assert found["patients", 32_717] == ("false", 30_805)
    assert found["patients in more than one split", 0] == ("holds", 0)


def test_a_file_that_the_release_itself_lacks_does_not_count(tmp_path: Path) -> None:
    """Open-i has 7,469 DICOM files for 7,470 names; two missing files are more than that."""
    table = records.frame([Record("x", n, f"{n}.png") for n in "abc"])
    for there, absent, status in (
        (3, 1, "holds"),
        (2, 1, "false"),
        (1, 1, "failed"),
        (2, 0, "failed"),
    ):
        disk = [f"{n}.png" for n in "abc"[:there]]
        check, bad = files.missing(tmp_path, table, disk, absent)
        assert (check.status, len(bad)) == (status, 3 - there)
