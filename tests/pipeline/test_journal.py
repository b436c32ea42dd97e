import pytest

from cxrkit.errors import InputRefused, IntegrityFailure
from cxrkit.pipeline import durable, journal
from cxrkit.pipeline.journal import Commit

HEADER = {"archive": "folder", "--seed": 0}


@pytest.fixture
def out(tmp_path):
    durable.make_folder(tmp_path / "runs/tmp")
    crc = journal.create(tmp_path, HEADER).crc
    for index in range(4):
        crc = journal.add(tmp_path, crc, index, Commit(f"{index:064d}", {"built": 32}))
    return tmp_path


def test_what_was_added_is_read(out):
    found = journal.read(out)
    assert found.header == HEADER
    assert found.commits == {n: Commit(f"{n:064d}", {"built": 32}) for n in range(4)}
    assert found.length == journal.path_of(out).stat().st_size


def test_there_may_be_none(tmp_path):
    assert journal.read(tmp_path) is None


def test_cut_at_every_byte_loses_whole_lines_only_and_goes_on(out, monkeypatch):
    monkeypatch.setattr(durable.os, "fsync", lambda descriptor: None)  # for speed
    path = journal.path_of(out)
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for length in range(first, len(whole)):
        path.write_bytes(whole[:length])
        found = journal.read(out)
        assert len(found.commits) == whole[:length].count(b"\n") - 1
        journal.cut_tail(out, found)
        journal.add(out, found.crc, 9, Commit("f" * 64, {"built": 1}))
        again = journal.read(out)
        assert set(again.commits) == {*found.commits, 9}


def test_a_flipped_bit_is_never_accepted(out):
    path = journal.path_of(out)
    whole = path.read_bytes()
    sound = journal.read(out).commits
    last = whole[:-1].rindex(b"\n") + 1
    for place in range(len(whole)):
        path.write_bytes(bytes(b ^ (1 if i == place else 0) for i, b in enumerate(whole)))
        if place >= last:  # the end of the file: done anew
            assert journal.read(out).commits == {n: sound[n] for n in range(3)}
            continue
        try:
            found = journal.read(out)
        except IntegrityFailure as failure:
            assert failure.code == "E502" and failure.exit_code == 5
        else:  # the line feed before the last line: both lines are one damaged line now
            assert found.commits == {n: sound[n] for n in range(2)}
        assert path.stat().st_size == len(whole)


def test_lines_of_another_order_or_dataset_are_damage(out, tmp_path_factory):
    path = journal.path_of(out)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], lines[2], lines[1], *lines[3:]]))
    with pytest.raises(IntegrityFailure):
        journal.read(out)
    other = tmp_path_factory.mktemp("other")
    durable.make_folder(other / "runs/tmp")
    crc = journal.create(other, HEADER | {"--seed": 1}).crc
    journal.add(other, crc, 1, Commit("0" * 64, {"built": 32}))
    foreign = journal.path_of(other).read_bytes().splitlines(keepends=True)[1]
    path.write_bytes(b"".join([*lines[:2], foreign, *lines[3:]]))
    with pytest.raises(IntegrityFailure):
        journal.read(out)


@pytest.mark.parametrize("content", [b"", b"garbage\n", b"garbage"])
def test_a_journal_without_its_first_line_is_damage(out, content):
    journal.path_of(out).write_bytes(content)
    with pytest.raises(IntegrityFailure) as failure:
        journal.read(out)
    assert failure.value.code == "E502"


def test_differences_are_shown_with_both_values(tmp_path):
    journal.require_same(tmp_path, HEADER, dict(HEADER))
    with pytest.raises(InputRefused) as refused:
        journal.require_same(tmp_path, HEADER, {"archive": "folder", "--seed": 7})
    assert "--seed 0 then, 7 now" in str(refused.value)
    assert refused.value.code == "E104" and refused.value.exit_code == 4
