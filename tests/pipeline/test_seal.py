import hashlib
import subprocess

import pytest

from cxrkit.errors import IntegrityFailure
from cxrkit.pipeline import assemble, durable, seal

RUN = {"tool": {"name": "cxrkit"}, "ä": 1}


@pytest.fixture
def out(tmp_path):
    durable.make_folder(tmp_path / "runs/tmp")
    for name in (*assemble.TABLES, "masks/a.png", "files/a.jpg", "files/a-mask.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    paths = ("files/a.jpg", "files/a-mask.jpg", "masks/a.png")
    sums = [(path, hashlib.sha256(path.encode()).hexdigest()) for path in paths]
    seal.write(tmp_path, RUN, assemble.TABLES, [sums[:2], [], sums[2:]])
    return tmp_path


def test_sha256sum_itself_agrees(out):
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", seal.SUMS],
        cwd=out, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    names = {line.split("  ")[1] for line in (out / seal.SUMS).read_text().splitlines()}
    files = {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()}
    assert names == files - {seal.SUMS}


def test_a_whole_dataset_gives_its_run_and_one_that_is_not_none(out):
    assert seal.run_of(out) == RUN
    (out / seal.SUMS).unlink()
    assert seal.run_of(out) is None


@pytest.mark.parametrize("text", ["", "[]", "{", '{"tool": 1}'])
def test_a_damaged_run_json_is_reported(out, text):
    (out / seal.RUN).write_text(text)
    with pytest.raises(IntegrityFailure) as failure:
        seal.run_of(out)
    assert failure.value.code == "E501"


def test_the_run_of_another_program_is_not_ours(out):
    (out / seal.RUN).write_text('{"tool": {"name": "other"}}')
    assert seal.run_of(out) is None


def test_missing_files_are_named(out):
    seal.require_files(out)
    for name in ("masks/a.png", "files/a.jpg", "records.parquet", "quarantine.csv"):
        (out / name).unlink()
    with pytest.raises(IntegrityFailure, match="and 1 more"):
        seal.require_files(out)


@pytest.mark.parametrize("name", [*assemble.TABLES, seal.RUN])
def test_tables_that_are_not_as_written_are_named(out, name):
    (out / name).write_bytes((out / name).read_bytes()[:-1])
    with pytest.raises(IntegrityFailure, match=f"E501 .*damaged: {name} "):
        seal.require_files(out)


def test_the_contents_of_images_are_not_read(out):
    (out / "masks/a.png").write_text("edited")
    seal.require_files(out)
