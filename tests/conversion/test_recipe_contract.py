"""What every recipe owes, whoever wrote it; and what is refused."""

import inspect
from types import SimpleNamespace

import pytest

from cxrkit import archives, conversion
from cxrkit.conversion import listing
from cxrkit.errors import InputRefused
from cxrkit.records import Record

NAMES = conversion.names()
EVERYWHERE = [name for name in NAMES if not conversion.load(name).ARCHIVES]


def test_recipes_are_modules_with_convert_and_nothing_else_is():
    assert {"mimic-jpg", "chexpert-jpg", "png", "jpeg", "dicom-to-png16"} <= set(NAMES)
    assert not {"paths", "convert", "files", "listing"} & set(NAMES)
    with pytest.raises(InputRefused) as refused:
        conversion.load("no-such")
    assert refused.value.code == "E107" and "mimic-jpg" in str(refused.value)


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_explains_itself_and_has_the_functions(name):
    recipe = conversion.load(name)
    assert len(inspect.getdoc(recipe)) > 200
    assert all(archive in archives.names() for archive in recipe.ARCHIVES)
    for function, arguments in {
        "paths": ["table"],
        "convert": ["archive", "root", "record", "path"],
        "tables": ["table", "paths", "converted"],
    }.items():
        assert list(inspect.signature(getattr(recipe, function)).parameters) == arguments
        assert inspect.getdoc(getattr(recipe, function))
    path = "a/b.png"
    assert conversion.outputs(recipe, path)[0] == path


@pytest.mark.parametrize("name", EVERYWHERE)
def test_an_empty_archive_is_converted_to_nothing(name, tmp_path):
    found = listing.listed(archives.load("folder"), tmp_path, conversion.load(name))
    assert (found.paths, found.others, found.records) == ([], [], 0)


def fake(paths: list[str], outputs=None) -> SimpleNamespace:
    recipe = SimpleNamespace(ARCHIVES=(), paths=lambda table: paths)
    if outputs:
        recipe.outputs = outputs
    return recipe


@pytest.mark.parametrize(
    ("paths", "outputs", "shown"),
    [
        (["a.jpg", "A.jpg"], None, "a.jpg"),
        (["a", "a/b"], None, "a"),
        (["a.jpg", "runs/b.jpg"], None, "runs/b.jpg"),
        (["Conversion.CSV", "b"], None, "Conversion.CSV"),
        (["a.jpg", "../b.jpg"], None, "../b.jpg"),
        (["a", "b"], lambda path: (path, "mask.png"), "mask.png"),
    ],
)
def test_outputs_that_would_be_one_file_are_refused(paths, outputs, shown):
    records = [Record("made", str(n), f"{n}.png") for n in range(2)]
    archive = SimpleNamespace(CARD=archives.load("folder").CARD, records=lambda root: iter(records))
    with pytest.raises(InputRefused) as refused:
        listing.listed(archive, None, fake(paths, outputs))
    assert (refused.value.code, refused.value.path) == ("E103", shown)
    assert listing.listed(archive, None, fake(["a", "b"])).records == 2
