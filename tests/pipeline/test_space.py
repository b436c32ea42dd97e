from pathlib import Path

import pytest
import radiographs

from cxrkit.errors import InputRefused, ResourceExhausted
from cxrkit.pipeline import space


def test_a_disk_without_room_is_refused_with_both_numbers(tmp_path):
    space.require(1, tmp_path / "new/folder")
    with pytest.raises(ResourceExhausted) as refused:
        space.require(10**18, tmp_path)
    assert refused.value.code == "E601" and "about 1,000,000,000,000 MB" in str(refused.value)


def test_an_output_that_cannot_be_written_is_refused_before_work():
    with pytest.raises(InputRefused) as refused:
        space.require_writable(Path("/proc/cxr"))
    assert refused.value.code == "E107" and refused.value.exit_code == 4


def test_the_estimate_is_within_a_fifth_of_what_the_disk_gives(tmp_path, stand_ins):
    count = 200
    radiographs.write_folder(tmp_path / "in", count)
    radiographs.run(tmp_path / "in", tmp_path / "out")
    used = sum(p.stat().st_blocks * 512 for p in (tmp_path / "out").rglob("*"))
    assert space.needed(count, 2 * count, False, tmp_path) == pytest.approx(used, rel=0.2)
