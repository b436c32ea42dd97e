"""CXLSeg: four tables that must agree, the published release and our own datasets alike."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import polars as pl
import pytest
from trees import touch

from cxrkit import claims
from cxrkit.archives import cxlseg
from cxrkit.errors import InputRefused, ItemFault
from cxrkit.phantom import cxlseg as replica
from cxrkit.phantom import mimic_cxr_jpg as jpg_replica
from cxrkit.pipeline import build
from cxrkit.terms import OBSERVATIONS
from cxrkit.training import cases

ID = "00000000-00000000-00000000-00000000-0000000"
IMAGES = [
    (f"{ID}b", "11000001", "50000003", "AP", "train"),
    (f"{ID}a", "10000001", "50000002", "PA", "test"),
    (f"{ID}c", "10000001", "50000002", "PA", "validate"),
]
REPORT = 'FINAL REPORT\n FINDINGS: "Clear", no effusion.\n'


def path(image: tuple[str, ...]) -> str:
    """The image's path without its suffix."""
    dicom_id, subject, study, *_ = image
    return f"files/p{subject[:2]}/p{subject}/s{study}/{dicom_id}"


def write(root: Path, name: str, lines: list[str]) -> None:
    (root / f"CXLSeg-{name}.csv").write_text("\n".join(lines) + "\n")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three images of two patients, out of order; ids are made up."""
    root = tmp_path / "cxlseg"
    touch(root, [f"{path(i)}.jpg" for i in IMAGES] + [f"{path(i)}-mask.jpg" for i in IMAGES])
    ids = "dicom_id,subject_id,study_id"
    quoted = '"' + REPORT.replace('"', '""') + '"'
    write(
        root,
        "metadata",
        [f"{ids},Reports,ViewPosition,Rows,Columns,StudyTime,DicomPath"]
        + [f"{d},{p},{s},{quoted},{v},3056,2544,5014.5,{path((d, p, s))}.jpg"
           for d, p, s, v, _ in IMAGES],
    )  # fmt: skip
    write(
        root,
        "segmented",
        [f"{ids},DicomPath,{','.join(OBSERVATIONS)}"]
        + [f"{','.join(i[:3])},{path(i)}.jpg,1.0,0.0,-1.0{',' * 11}" for i in IMAGES],
    )
    write(root, "split", [f"{ids},split"] + [f"{','.join(i[:3])},{i[4]}" for i in IMAGES])
    write(
        root,
        "mask",
        [f"{ids},DicomPath"] + [f"{','.join(i[:3])},{path(i)}-mask.jpg" for i in IMAGES],
    )
    return root


def change(root: Path, table: str, old: str, new: str) -> None:
    """Replace a text in one of the tables."""
    file = root / f"CXLSeg-{table}.csv"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


def test_facts_of_the_images(root: Path) -> None:
    first, second, third = cxlseg.records(root)
    assert [r.image_id[-1] for r in (first, second, third)] == ["a", "c", "b"]
    assert (first.patient_id, first.study_id) == ("10000001", "50000002")
    assert (first.view, first.split, third.split) == ("PA", "test", "train")
    assert first.image == f"{path(IMAGES[1])}.jpg" and first.mask == f"{path(IMAGES[1])}-mask.jpg"
    named = dict(zip(OBSERVATIONS, (1, 0, -1), strict=False))
    assert first.labels == second.labels == named
    # The size is that of the original, not of the file.
    assert (first.rows, first.columns) == (None, None)
    assert first.extra == {"Rows": "3056", "Columns": "2544", "StudyTime": "5014.5"}


def test_labels_are_read_by_name_in_any_order(root: Path) -> None:
    published = [r.labels for r in cxlseg.records(root)]
    table = pl.read_csv(root / "CXLSeg-segmented.csv", infer_schema=False)
    table.select(*table.columns[:4], *sorted(OBSERVATIONS)).write_csv(root / "CXLSeg-segmented.csv")
    assert [r.labels for r in cxlseg.records(root)] == published


def test_the_report_is_the_column_word_for_word(root: Path) -> None:
    record = next(iter(cxlseg.records(root)))
    assert cxlseg.report(root, record) == REPORT
    blank = (root / "CXLSeg-metadata.csv").read_text().replace('"FINAL REPORT', '"REPORT')
    (root / "CXLSeg-metadata.csv").write_text(blank)
    assert str(cxlseg.report(root, record)).startswith("REPORT")  # another table is read anew
    shutil.copy(root / "CXLSeg-mask.csv", root / "CXLSeg-metadata.csv")
    with pytest.raises(ItemFault, match=r"E201 unreadable: CXLSeg-metadata.csv"):
        cxlseg.report(root, record)


def test_a_blank_report_is_none(root: Path) -> None:
    quoted = '"' + REPORT.replace('"', '""') + '"'
    change(
        root, "metadata", f"{IMAGES[1][0]},10000001,50000002,{quoted}", f"{ID}a,10000001,50000002,"
    )
    first, second, _ = cxlseg.records(root)
    assert cxlseg.report(root, first) is None and cxlseg.report(root, second) == REPORT


def test_lossless_masks_are_preferred(root: Path) -> None:
    (root / "masks").mkdir()
    first = next(iter(cxlseg.records(root)))
    assert first.mask == path(IMAGES[1]).replace("files/", "masks/", 1) + ".png"


@pytest.mark.parametrize("table", ["metadata", "segmented", "split", "mask"])
def test_a_missing_table_is_refused(root: Path, table: str) -> None:
    (root / f"CXLSeg-{table}.csv").unlink()
    with pytest.raises(InputRefused, match=f"E102 missing-table: CXLSeg-{table}.csv"):
        cxlseg.records(root)


@pytest.mark.parametrize(
    ("table", "old", "new", "observed"),
    [
        ("metadata", "Reports", "Report", "no column Reports"),
        ("segmented", "Lung Opacity", "Airspace Opacity", "no column Lung Opacity"),
        ("split", "split\n", "fold\n", "no column split"),
        ("mask", "DicomPath", "Path", "no column DicomPath"),
        ("segmented", "00001,5", "00001.0,5", "column subject_id: in 3 of 3 rows"),
        ("segmented", ".jpg", ".png", "column DicomPath: in 3 of 3 rows the value is not like"),
        ("segmented", "files/", "../", "column DicomPath: in 3 of 3 rows the value is not like"),
        ("metadata", "files/", "images/", "column DicomPath: in 3 of 3 rows it is another one"),
        ("split", "0001,5", "0002,5", "column dicom_id: in 3 of 3 rows CXLSeg-split.csv has no"),
    ],
)
def test_a_table_that_is_wrong_throughout_is_refused(
    root: Path, table: str, old: str, new: str, observed: str
) -> None:
    change(root, table, old, new)
    with pytest.raises(InputRefused) as caught:
        cxlseg.records(root)
    assert caught.value.code == "E103"
    assert caught.value.observed.startswith(observed)


@pytest.mark.parametrize(
    ("table", "old", "new", "faults"),
    [
        ("segmented", f"{ID}b.jpg,1.0", f"{ID}b.jpg,2.0", ["segmented.csv, row 1: column No Fin"]),
        ("segmented", f"{ID}b.jpg", f"{ID}x.jpg", ["segmented.csv, row 1: column DicomPath: the"]),
        (
            "metadata",
            f"{ID}b.jpg",
            f"{ID}x.jpg",
            ["segmented.csv, row 1: column DicomPath: it is another one in CXLSeg-metadata.csv"],
        ),
        ("split", ",train", ",training", ["split.csv, row 1: column split: the value is not like"]),
        (
            "mask",
            "11000001,",
            "12000001,",
            ["segmented.csv, row 1: column dicom_id: CXLSeg-mask.csv has no row with these ident"],
        ),
        (
            "split",
            f"{ID}b,",
            "?,",  # named where it is, and missed where it belongs
            ["segmented.csv, row 1: column dicom_id: ", "split.csv, row 1: column dicom_id: the"],
        ),
    ],
)
def test_a_bad_row_is_named_and_the_others_are_used(
    root: Path, table: str, old: str, new: str, faults: list[str]
) -> None:
    whole = list(cxlseg.records(root))
    change(root, table, old, new)
    found = list(cxlseg.records(root))
    bad = [r.fault for r in found if r.fault]
    assert len(bad) == len(faults) and len(found) == 2 + len(faults)
    assert all(f.startswith(f"CXLSeg-{s}") for f, s in zip(bad, faults, strict=True))
    assert [r for r in found if not r.fault] == whole[:2]


def test_claims_are_counted(root: Path) -> None:
    table = cxlseg.table(root)
    found = {c.what: claims.count(c, table) for c in cxlseg.CARD.claims}
    assert found == {
        "images": 3,
        "train images": 1,
        "validate images": 1,
        "test images": 1,
        "AP images": 1,
        "PA images": 2,
        "folders p10 to p19": 2,
        "patient folders": 2,
    }
    published = {c.what: c.value for c in cxlseg.CARD.claims}
    assert sum(published[f"{s} images"] for s in ("train", "validate", "test")) == 243324
    assert published["AP images"] + published["PA images"] == published["images"] == 243324


def test_a_mask_of_another_size_is_a_fault(tmp_path: Path) -> None:
    replica.write_release(tmp_path / "r", studies=3, seed=1, size=64)
    first, second, *_ = cxlseg.records(tmp_path / "r")
    cv2.imwrite(str(tmp_path / "r" / first.mask), np.zeros((64, 62), np.uint8))
    with pytest.raises(ItemFault, match="E231 bad-mask"):
        cxlseg.mask(tmp_path / "r", first)
    lung, ignore = cxlseg.mask(tmp_path / "r", second)
    assert lung.shape == (64, 64) and lung.any() and not ignore.any()


def test_nothing_is_trained_on_masks_of_mixed_conventions(root: Path) -> None:
    with pytest.raises(InputRefused, match="no cxlseg image has a lung mask"):
        cases.gather("cxlseg", root, None, "excluded")


def test_a_dataset_of_our_own_is_read_as_it_was_built(tmp_path: Path) -> None:
    """Against records.parquet, which no adapter reads."""
    jpg_replica.write_release(tmp_path / "archive", studies=6, seed=3, size=160)
    out = tmp_path / "out"
    options = build.Options(workers=1)
    build.build("mimic-cxr-jpg", tmp_path / "archive", out, options, lambda _: None, lambda _: None)
    built = {
        row["dataset_image_id"]: row
        for row in pl.read_parquet(out / "records.parquet").rows(named=True)
    }
    records = list(cxlseg.records(out))
    assert {r.image_id for r in records} == set(built) and len(built) > 2
    for record in records:
        row = built[record.image_id]
        assert not record.fault
        assert (record.image, record.mask) == (row["segmented"], row["mask"])
        assert (record.patient_id, record.study_id) == (row["patient_id"], row["study_id"])
        assert (record.view, record.split) == (row["view"], row["split"])
        assert record.labels == {o: row[o] for o in OBSERVATIONS if row[o] is not None}
        assert cxlseg.report(out, record) == row["report"]
        png = cv2.imread(str(out / row["mask"]), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(cxlseg.mask(out, record)[0], png == 255)
