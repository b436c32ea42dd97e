"""MIMIC-CXR: two lists that must agree, views that only the DICOM files know, reports."""

import gzip
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from trees import touch

from cxrkit import archives, claims
from cxrkit.archives import mimic_cxr
from cxrkit.errors import InputRefused, ItemFault
from cxrkit.imaging import radiograph
from cxrkit.phantom import mimic_cxr as replica
from cxrkit.phantom.mimic_cxr_jpg import plan
from cxrkit.pipeline import build

ID = "00000000-00000000-00000000-00000000-0000000"
FOLDER = "files/p10/p10000001/s50000002"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two patients, three studies, out of order; ids are made up."""
    root = tmp_path / "mimic"
    images = [
        ("10000001", "50000002", f"{ID}b"),
        ("10000001", "50000002", f"{ID}a"),
        ("11000001", "50000003", f"{ID}c"),
        ("10000001", "50000001", f"{ID}d"),
    ]
    paths = [f"files/p{p[:2]}/p{p}/s{s}/{d}.dcm" for p, s, d in images]
    touch(root, paths)
    lines = [f"{','.join(ids)},{path}\n" for ids, path in zip(images, paths, strict=True)]
    head = "subject_id,study_id,dicom_id,path\n"
    (root / "cxr-record-list.csv").write_text(head + "".join(lines))
    studies = sorted({(p, s) for p, s, _ in images})
    (root / "cxr-study-list.csv").write_text(
        "subject_id,study_id,path\n"
        + "".join(f"{p},{s},files/p{p[:2]}/p{p}/s{s}.txt\n" for p, s in studies)
    )
    (root / f"{FOLDER}.txt").write_text("FINAL REPORT\n FINDINGS: Clear lungs.\n")
    return root


def change(root: Path, table: str, old: str, new: str) -> None:
    """Replace a text in one of the lists."""
    path = root / f"cxr-{table}-list.csv"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_every_listed_image_is_a_record_without_a_view(root: Path) -> None:
    (root / f"{FOLDER}/{ID}a.dcm").unlink()  # not downloaded: listed all the same
    records = list(mimic_cxr.records(root))
    assert [r.image for r in records] == [
        f"files/p10/p10000001/s50000001/{ID}d.dcm",
        f"{FOLDER}/{ID}a.dcm",
        f"{FOLDER}/{ID}b.dcm",
        f"files/p11/p11000001/s50000003/{ID}c.dcm",
    ]
    first, frontal, *_ = records
    assert (first.patient_id, first.study_id, first.image_id) == ("10000001", "50000001", f"{ID}d")
    assert {(r.view, r.split, r.fault) for r in records} == {("", "", "")}
    assert all(r.labels == r.extra == {} for r in records)
    assert mimic_cxr.report(root, frontal) == "FINAL REPORT\n FINDINGS: Clear lungs.\n"
    assert mimic_cxr.report(root, first) is None


def test_a_report_that_is_a_folder_is_a_fault(root: Path) -> None:
    first = next(iter(mimic_cxr.records(root)))
    (root / "files/p10/p10000001/s50000001.txt").mkdir()
    with pytest.raises(ItemFault, match=r"E201 unreadable: files/p10/p10000001/s50000001.txt"):
        mimic_cxr.report(root, first)


def test_gzipped_lists_give_the_same_records(root: Path) -> None:
    plain = list(mimic_cxr.records(root))
    for table in list(root.glob("*.csv")):
        table.with_name(f"{table.name}.gz").write_bytes(gzip.compress(table.read_bytes()))
        table.unlink()
    assert list(mimic_cxr.records(root)) == plain


def test_tables_of_the_jpg_release_are_not_read(root: Path) -> None:
    plain = list(mimic_cxr.records(root))
    (root / "mimic-cxr-2.0.0-metadata.csv").write_text("nonsense")
    (root / "mimic-cxr-2.0.0-split.csv").write_text(f"dicom_id,split\n{ID}a,test\n")
    assert list(mimic_cxr.records(root)) == plain


def test_a_packed_image_is_listed_and_fails_by_name(root: Path) -> None:
    change(root, "record", f"{ID}a.dcm", f"{ID}a.dcm.gz")
    (root / f"{FOLDER}/{ID}a.dcm.gz").write_bytes(gzip.compress(b"x" * 200))
    packed = next(r for r in mimic_cxr.records(root) if r.image_id == f"{ID}a")
    assert packed.image == f"{FOLDER}/{ID}a.dcm.gz" and not packed.fault
    with pytest.raises(ItemFault, match=rf"E212 not-an-image: {ID}a.dcm.gz"):
        radiograph.read(root / packed.image)


@pytest.mark.parametrize("table", ["record", "study"])
def test_a_missing_list_is_refused(root: Path, table: str) -> None:
    (root / f"cxr-{table}-list.csv").unlink()
    with pytest.raises(InputRefused, match=f"E102 missing-table: cxr-{table}-list.csv"):
        mimic_cxr.records(root)


@pytest.mark.parametrize(
    ("table", "old", "new", "observed"),
    [
        ("record", ",dicom_id,", ",image,", "no column dicom_id"),
        ("study", "study_id", "study", "no column study_id"),
        ("record", "10000001,5", "10000001.0,5", "column subject_id: in 3 of 4 rows"),
        ("record", ".dcm", ".jpg", "column path: in 4 of 4 rows the path is not that of the id"),
        ("study", "1000000", "1500000", "column subject_id: in 3 of 4 rows cxr-study-list.csv"),
    ],
)
def test_a_list_that_is_wrong_throughout_is_refused(
    root: Path, table: str, old: str, new: str, observed: str
) -> None:
    change(root, table, old, new)
    with pytest.raises(InputRefused) as caught:
        mimic_cxr.records(root)
    assert caught.value.code == "E103"
    assert caught.value.observed.startswith(observed)


@pytest.mark.parametrize(
    ("table", "old", "new", "faults"),
    [
        ("record", f"{ID}c.dcm", "../c.dcm", ["record-list.csv, row 3: column path: the path is"]),
        ("record", f",{ID}c,", ",../c,", ["record-list.csv, row 3: column dicom_id: the value"]),
        ("record", "11000001,50000003", "11000001", ["record-list.csv, row 3: 3 fields in the"]),
        (
            "record",
            f",{ID}b,",
            f",{ID}a,",
            [f"record-list.csv, row {n}: column dicom_id: the value is in several" for n in (1, 2)],
        ),
        ("study", "11000001,", "12000001,", ["record-list.csv, row 3: column subject_id: cxr-st"]),
        ("study", "11000001,", "n/a,", ["study-list.csv, row 3: column subject_id: the value"]),
    ],
)
def test_a_bad_row_is_named_and_the_others_are_used(
    root: Path, table: str, old: str, new: str, faults: list[str]
) -> None:
    whole = list(mimic_cxr.records(root))
    change(root, table, old, new)
    found = list(mimic_cxr.records(root))
    bad = [r.fault for r in found if r.fault]
    assert len(bad) == len(faults) and len(found) == 4
    assert all(f.startswith(f"cxr-{start}") for f, start in zip(bad, faults, strict=True))
    assert all(r in whole for r in found if not r.fault)


def test_a_study_row_whose_id_is_corrupt_is_named_too(root: Path) -> None:
    change(root, "study", "50000003,", "?,")
    lost, *images = mimic_cxr.records(root)
    assert [r.fault for r in images] == [""] * 4
    assert lost.fault.startswith("cxr-study-list.csv, row 3: column study_id: the value is not")


def test_claims_are_counted(root: Path) -> None:
    table = mimic_cxr.table(root)
    found = {c.what: claims.count(c, table) for c in mimic_cxr.CARD.claims}
    assert found == {"images": 4, "patients": 2, "studies": 3, "folders p10 to p19": 2}


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A small replica; the number of studies and the seed are those of `plan` below."""
    root = tmp_path_factory.mktemp("phantoms") / "mimic"
    replica.write_release(root, studies=12, seed=1, size=64)
    yield root
    shutil.rmtree(root)


def test_frontal_files_are_built_and_all_others_are_skipped(phantoms: Path, tmp_path: Path) -> None:
    """The list is silent: each file's own view decides, and a blank one is not frontal."""
    views = [image.view for study in plan(12, 1, 64) for image in study.images]
    options = build.Options(workers=1)
    summary = build.build(
        "mimic-cxr", phantoms, tmp_path / "out", options, lambda _: None, lambda _: None
    )
    skipped = {
        "view-unknown": views.count(""),
        "view-not-frontal:LATERAL": views.count("LATERAL"),
        "view-not-frontal:LL": views.count("LL"),
    }
    assert summary.skipped == {rule: n for rule, n in skipped.items() if n}
    frontal = sum(view in ("PA", "AP") for view in views)
    assert summary.done + sum(summary.quarantined.values()) == frontal > 0
    assert summary.inputs == len(views)
    assert archives.load("mimic-cxr").CARD.blank_view_is_frontal is False
