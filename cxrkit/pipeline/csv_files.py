"""CSV files from the lines of committed blocks: RFC 4180 quoting, UTF-8, one line feed per row."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from cxrkit.pipeline import durable
from cxrkit.pipeline.block import Line

_BUFFER = 1 << 20  # bytes of all files between two writes


def write(
    scratch: Path,
    columns: Mapping[str, Sequence[str]],
    blocks: Iterable[list[Line]],
    cells: Callable[[Line], Mapping[str, Sequence[object]]],
) -> Counter[str]:
    """Write files below `scratch`, not yet surely on the disk; how often each outcome occurs.

    Args:
        scratch: an existing folder.
        columns: of each file, by its name.
        blocks: the lines of all blocks in order.
        cells: the values of a line's row in each file that has one for it; None is blank.

    Raises:
        ResourceExhausted: E601.
    """
    counts: Counter[str] = Counter()
    with ExitStack() as open_files:
        put = {name: open_files.enter_context(durable.stream(scratch / name)) for name in columns}
        text = {name: [_line(header)] for name, header in columns.items()}
        size = 0
        for lines in blocks:
            for line in lines:
                counts[" ".join((line["outcome"], line["why"])).strip()] += 1
                for name, values in cells(line).items():
                    text[name].append(_line(values))
                    size += len(text[name][-1])
            if size > _BUFFER:
                _flush(put, text)
                size = 0
        _flush(put, text)
    return counts


def _flush(put: Mapping[str, Callable[[bytes], None]], text: Mapping[str, list[str]]) -> None:
    for name, lines in text.items():
        put[name]("".join(lines).encode("utf-8"))
        lines.clear()


def _line(values: Iterable[object]) -> str:
    return ",".join(_cell("" if value is None else str(value)) for value in values) + "\n"


def _cell(text: str) -> str:
    if any(character in text for character in ',"\n\r'):
        return '"' + text.replace('"', '""') + '"'
    return text
