import csv
import io

from hypothesis import given, settings
from hypothesis import strategies as st

from cxrkit.pipeline import csv_files

CELLS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="\0"))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), max_size=6))
def test_pythons_reader_gives_every_text_back(tmp_path_factory, values):
    folder = tmp_path_factory.getbasetemp()
    blocks = [[{"outcome": "made", "why": "", "row": row} for row in values]]
    counts = csv_files.write(
        folder, {"a.csv": ("x", "y")}, blocks, lambda line: {"a.csv": line["row"]}
    )
    text = (folder / "a.csv").read_bytes().decode("utf-8")
    assert list(csv.reader(io.StringIO(text, newline=""))) == [["x", "y"], *values]
    assert counts.total() == len(values)


def test_each_line_goes_to_the_files_that_have_a_row_for_it(tmp_path):
    lines = [
        {"outcome": "built", "why": ""},
        {"outcome": "skipped", "why": "rule"},
        {"outcome": "quarantined", "why": "E214"},
    ]

    def cells(line):
        return {} if line["outcome"] == "skipped" else {f"{line['outcome']}.csv": [None, 1.5]}

    columns = {"built.csv": ("a", "b"), "quarantined.csv": ("a", "b")}
    counts = csv_files.write(tmp_path, columns, [lines[:1], [], lines[1:]], cells)
    assert counts == {"built": 1, "skipped rule": 1, "quarantined E214": 1}
    for name in columns:
        assert (tmp_path / name).read_bytes() == b"a,b\n,1.5\n"
