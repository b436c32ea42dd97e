"""Output names are the archive's own, and no two of them are one file anywhere."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrkit import records
from cxrkit.conversion import paths
from cxrkit.records import Record


def renamed(*images: str) -> list[str]:
    table = records.frame([Record("made", str(n), image) for n, image in enumerate(images)])
    return paths.renamed(table, ".jpg")


def digits(image: str) -> str:
    return hashlib.sha256(image.encode()).hexdigest()[:8]


def test_the_suffix_of_an_image_is_replaced_and_that_of_a_uid_is_not():
    names = ["a/x.dcm", "a/y.PNG", "b/z.jpeg", "b/1.2.840.5", "c/IM0001", "d/w.dcm.gz", "J.IMG"]
    assert renamed(*names) == [
        "a/x.jpg", "a/y.jpg", "b/z.jpg", "b/1.2.840.5.jpg", "c/IM0001.jpg", "d/w.jpg", "J.jpg",
    ]  # fmt: skip


def test_names_that_meet_get_digits_of_their_own_path_and_others_do_not():
    assert renamed("a.dcm", "a.png", "b.png") == [
        f"a-{digits('a.dcm')}.jpg", f"a-{digits('a.png')}.jpg", "b.jpg",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "pair",
    [
        ("A.dcm", "a.dcm"),
        ("P/x.dcm", "p/x.dcm"),
        ("\u00e9.png", "e\u0301.png"),
        ("ß.png", "SS.png"),
    ],
)
def test_names_that_only_some_file_systems_tell_apart_get_digits(pair):
    first, second = renamed(*pair)
    assert digits(pair[0]) in first and digits(pair[1]) in second
    assert paths.clashes(renamed(*pair)) == []
    assert len(paths.clashes([p.replace(".dcm", ".jpg") for p in pair])) == 2


def test_a_name_that_is_the_folder_of_another_gets_digits():
    file, inside = renamed("a.dcm", "a.jpg/x.dcm")
    assert (file, inside) == (f"a-{digits('a.dcm')}.jpg", "a.jpg/x.jpg")
    assert paths.clashes(["a.jpg", "a.jpg/x.jpg"]) == ["a.jpg"]


def test_a_name_that_becomes_too_long_is_cut():
    names = ["x" * 253, "é" * 126 + "1", "y" * 251 + ".dcm", "z" * 251]
    found = renamed(*names)
    assert all(len(name.encode()) <= 255 for name in found) and len(set(found)) == 4
    assert found[0].endswith(f"x-{digits(names[0])}.jpg") and found[2] == "y" * 251 + ".jpg"


@given(st.lists(st.text("aAbB./\u00e9e\u0301", min_size=1, max_size=6), unique=True, max_size=12))
def test_whatever_the_names_no_two_outputs_are_one_file(names):
    plain = [f"{name}.dcm" for name in names if paths.is_plain(f"{name}.dcm")]
    found = renamed(*plain)
    assert paths.clashes(found) == [] and all(map(paths.is_plain, found))
    assert renamed(*reversed(plain)) == found[::-1]


@pytest.mark.parametrize(
    "path",
    [
        "/a",
        "../a",
        "a/../b",
        "a//b",
        "./a",
        "a/",
        "",
        "a\nb",
        "a\\b",
        "a\0",
        "\udcff.png",
        "a\x85b",
    ],
)
def test_a_path_that_cannot_be_an_output_is_told(path):
    assert not paths.is_plain(path)
    assert paths.is_plain("a b/ü-1.2.dcm")
