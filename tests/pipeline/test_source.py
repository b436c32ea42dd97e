from pathlib import Path

import pytest

from cxrkit.errors import ItemFault
from cxrkit.pipeline import source
from cxrkit.records import Record


def code_of(action) -> str:
    with pytest.raises(ItemFault) as caught:
        action()
    return caught.value.code


def test_a_file_at_rest_is_read_whole(tmp_path):
    (tmp_path / "a.png").write_bytes(b"abc")
    assert source.read(tmp_path, "a.png") == b"abc"
    assert code_of(lambda: source.read(tmp_path, "b.png")) == "E202"
    assert code_of(lambda: source.read(tmp_path, "\udcff.png")) == "E201"


@pytest.mark.parametrize("change", [lambda p: p.write_bytes(b"longer"), Path.unlink])
def test_a_file_that_changes_or_goes_meanwhile_is_told(tmp_path, change):
    path = tmp_path / "a.png"
    path.write_bytes(b"abc")

    def act() -> None:
        with source.at_rest(path):
            change(path)

    assert code_of(act) == "E207"


def test_a_name_may_not_promise_another_kind():
    source.require_name("a.dcm", "dicom")
    source.require_name("a", "png")
    assert code_of(lambda: source.require_name("a.dcm", "jpeg")) == "E217"


def test_a_corrupt_row_is_told_by_its_own_words():
    source.require_whole(Record("made", "1", "1.png"))
    with pytest.raises(ItemFault, match="row 7: column Age") as caught:
        source.require_whole(Record("made", "1", "1.png", fault="t.csv, row 7: column Age"))
    assert caught.value.code == "E103"
