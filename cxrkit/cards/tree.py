"""The folders of an archive as they are on disk, drawn as a tree, with names that differ in digits
drawn once."""

import re
from collections import Counter
from collections.abc import Iterable

_HEXADECIMAL = re.compile(
    r"(?<![0-9A-Za-z])(?=[0-9a-f-]*[a-f])(?=[0-9a-f-]*\d)[0-9a-f]{8,}(?:-[0-9a-f]{4,})*(?![0-9A-Za-z])"
)
_DIGITS = re.compile(r"\d+")
_MOST_NAMES = 4  # different patterns of files in a folder that are drawn
_MOST_FOLDERS = 12


def drawn(paths: Iterable[str]) -> str:
    """The tree of files, one line for each pattern of folder and of file, with its number of files.

    In a pattern # stands for a run of digits and <id> for a run of hexadecimal digits.
    """
    patterns = Counter(_pattern(path) for path in paths)
    folders: dict[str, Counter[str]] = {}
    for path, number in sorted(patterns.items()):
        folder, _, name = path.rpartition("/")
        folders.setdefault(folder, Counter())[name] += number
    lines: list[str] = []
    above: list[str] = []
    for folder in list(folders)[:_MOST_FOLDERS]:
        steps = folder.split("/") if folder else []
        shared = 0
        while shared < min(len(steps), len(above)) and steps[shared] == above[shared]:
            shared += 1
        lines += [f"{'    ' * depth}{steps[depth]}/" for depth in range(shared, len(steps))]
        above = steps
        lines += [f"{'    ' * len(steps)}{name}" for name in _names(folders[folder])]
    if len(folders) > _MOST_FOLDERS:
        lines.append(f"... {len(folders) - _MOST_FOLDERS} more patterns of folders")
    return "\n".join(lines)


def _pattern(path: str) -> str:
    return "/".join(_DIGITS.sub("#", _HEXADECIMAL.sub("<id>", part)) for part in path.split("/"))


def _names(names: Counter[str]) -> list[str]:
    common = sorted(names, key=lambda name: (-names[name], name))
    lines = [f"{name}   ({_files(names[name])})" for name in common[:_MOST_NAMES]]
    rest = common[_MOST_NAMES:]
    if rest:
        number = sum(names[name] for name in rest)
        lines.append(f"... {len(rest)} more patterns, {_files(number)}")
    return lines


def _files(number: int) -> str:
    return "1 file" if number == 1 else f"{number:,} files"
