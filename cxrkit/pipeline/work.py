"""What a command makes of an archive, told to the straight line in run.py that makes it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from cxrkit.pipeline.block import Block, Line, Lines, Setting
from cxrkit.pipeline.summary import Summary


class Work(Protocol):
    """What a command makes of an archive: build.py, and conversion/convert.py."""

    @property
    def setting(self) -> Setting: ...

    @property
    def outcome(self) -> str:
        """The word for an item that gave its files, such as "built"."""
        ...

    @property
    def listed(self) -> int:
        """Records of the archive: `selected` and all of `skipped`."""
        ...

    @property
    def selected(self) -> int: ...

    @property
    def skipped(self) -> Mapping[str, int]: ...

    def needed(self) -> int:
        """Bytes on the disk for everything; 0 where nobody can tell before."""
        ...

    def choices(self) -> dict[str, Any]:
        """What the user chose and what the archive lists, by the names shown to the user."""
        ...

    def choices_of(self, run: Mapping[str, Any]) -> dict[str, Any]:
        """The `choices` behind a run.json."""
        ...

    def tools(self, facts: Mapping[str, str]) -> dict[str, Any]:
        """The program, its libraries and what the workers loaded, named in `facts`."""
        ...

    def blocks(self) -> Iterator[Block]: ...

    def files(self, row: Line) -> Iterable[tuple[str, str, int]]:
        """Path, SHA-256 and bytes of the files of an item, from its row."""
        ...

    def write_tables(self, lines: Lines) -> tuple[Counter[str], tuple[str, ...]]:
        """Write the closing tables: how often each outcome occurs, and the tables' names."""
        ...

    def run(
        self, header: Mapping[str, Any], summary: Summary, counts: Mapping[str, int]
    ) -> dict[str, Any]:
        """run.json, from `choices` and `tools` together and the counts."""
        ...
