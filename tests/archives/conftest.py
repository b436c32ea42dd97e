"""A tiny tree per archive, as published. The images are empty: adapters read no pixels."""

from pathlib import Path

import pytest
from trees import touch


@pytest.fixture
def shenzhen_tree(tmp_path: Path) -> Path:
    root = tmp_path / "shenzhen"
    stems = ["CHNCXR_0001_0", "CHNCXR_0327_1", "CHNCXR_0010_0"]
    touch(root, (f"ChinaSet_AllFiles/CXR_png/{stem}.png" for stem in stems))
    touch(root, ["ChinaSet_AllFiles/CXR_png/Thumbs.db", "masks/CHNCXR_0001_0_mask.png"])
    readings = root / "ChinaSet_AllFiles" / "ClinicalReadings"
    readings.mkdir()
    (readings / "CHNCXR_0001_0.txt").write_text("Male, 45yrs\r\nnormal\r\n")
    (readings / "CHNCXR_0327_1.txt").write_text("\nfemal 16month\n\nright PTB\nwith effusion \n")
    return root


@pytest.fixture
def v7_tree(tmp_path: Path) -> Path:
    root = tmp_path / "v7"
    touch(root, ["images/0012.png", "images/13.jpg", "images/14.png", "images/.DS_Store"])
    touch(root, ["images/99.png", "masks/0012.png", "masks/13.png"])
    (root / "pairs.csv").write_text(
        "v7_image_id,original_filename,source,patient_id,view,finding,image_license\n"
        '14,c.png,ieee8023,007,L,"COVID-19, ARDS",CC BY 4.0\n'
        "0012,a.jpg,ieee8023,007,AP Supine,COVID-19,CC BY 4.0\n"
        "13,b.jpg,ieee8023,8a,,COVID-19,CC BY 4.0\n"
        "15,d.jpg,ieee8023,9,Coronal,COVID-19,CC BY 4.0\n"
    )
    return root


@pytest.fixture
def guangzhou_tree(tmp_path: Path) -> Path:
    root = tmp_path / "guangzhou"
    touch(
        root / "chest_xray",
        [
            "train/PNEUMONIA/person23_bacteria_78.jpeg",
            "train/PNEUMONIA/person23_virus_53.jpeg",
            "train/NORMAL/IM-0429-0001.jpeg",
            "train/NORMAL/IM-0429-0001-0001.jpeg",
            "train/NORMAL/NORMAL2-IM-0429-0001-0002.jpeg",
            "train/NORMAL/.DS_Store",
            "val/PNEUMONIA/person1946_bacteria_4874.jpeg",
            "test/NORMAL/IM-0001-0001.jpeg",
        ],
    )
    return root


@pytest.fixture
def folder_tree(tmp_path: Path) -> Path:
    root = tmp_path / "folder"
    touch(root, ["a.png", "a/b.JPG", "a/001.tiff", "b/001.tiff", ".hidden/c.png", "a/._d.png"])
    touch(root, ["notes.txt", "table.csv", "DICOMDIR", "README"])
    for name in ("IM0001", "1.2.840.113619.2.5"):
        (root / "a" / name).write_bytes(bytes(128) + b"DICM" + bytes(64))
    (root / "a" / "IM0002").write_bytes(b"no DICOM prefix")
    return root


METADATA = (
    "dicom_id,subject_id,study_id,PerformedProcedureStepDescription,ViewPosition,Rows,Columns,"
    "StudyDate,StudyTime,ProcedureCodeSequence_CodeMeaning,ViewCodeSequence_CodeMeaning,"
    "PatientOrientationCodeSequence_CodeMeaning"
)


@pytest.fixture
def mimic_cxr_jpg_tree(tmp_path: Path) -> Path:
    """Three studies, one without labels; ids are made up and out of order."""
    root = tmp_path / "mimic"
    study = root / "files" / "p10" / "p10000001"
    study.mkdir(parents=True)
    (study / "s50000002.txt").write_text("FINAL REPORT\n FINDINGS: Clear lungs.\n")
    images = [
        ("00000000-00000000-00000000-00000000-0000000b", "10000001", "50000002", "LATERAL"),
        ("00000000-00000000-00000000-00000000-0000000a", "10000001", "50000002", "PA"),
        ("00000000-00000000-00000000-00000000-0000000c", "11000001", "50000003", ""),
        ("00000000-00000000-00000000-00000000-0000000d", "10000001", "50000001", "AP"),
    ]
    (root / "mimic-cxr-2.0.0-metadata.csv").write_text(
        f"{METADATA}\n"
        + "".join(
            f'{d},{p},{s},"CHEST (PA, LAT)",{v},3056,2544,21800506,5014.5,,,Erect\n'
            for d, p, s, v in images
        )
    )
    (root / "mimic-cxr-2.0.0-split.csv").write_text(
        "dicom_id,study_id,subject_id,split\n"
        + "".join(
            f"{d},{s},{p},{'test' if p == '11000001' else 'train'}\n" for d, p, s, _ in images
        )
    )
    # The columns are alphabetical in this release, as published.
    (root / "mimic-cxr-2.0.0-chexpert.csv").write_text(
        "subject_id,study_id,Atelectasis,Cardiomegaly,Consolidation,Edema,"
        "Enlarged Cardiomediastinum,Fracture,Lung Lesion,Lung Opacity,No Finding,"
        "Pleural Effusion,Pleural Other,Pneumonia,Pneumothorax,Support Devices\n"
        "10000001,50000002,1.0,0.0,,-1.0,,,,,,,,,0.0,\n"
        "11000001,50000003,,,,,,,,,1.0,,,,,\n"
    )
    return root
