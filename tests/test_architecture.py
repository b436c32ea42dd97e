"""The shape of the package: imports point down, torch stays in its rooms, files stay small.

Each rule is a function from a folder of Python files to the places that break it. It is run on
the package, and on a made-up folder that breaks it.
"""

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import cxrkit

PACKAGE = Path(cxrkit.__file__).parent

# Each part imports from the rows above it and from itself.
LAYERS = (
    ("errors", "terms"),
    ("outputs", "tables", "dataset"),
    ("records", "claims", "readers"),
    ("imaging", "reports"),
    ("archives", "models", "phantom"),
    ("model_folder", "frontal"),
    ("segmentation",),
    ("classification", "finding_masks", "inputs", "sources"),
    ("report_writing",),
    ("quality", "verification"),
    ("pipeline",),
    ("cards", "conversion", "export", "review", "download", "labelling"),
    ("training", "torch"),
    ("cli",),
)
RANK = {part: rank for rank, parts in enumerate(LAYERS) for part in parts}

TORCH_ROOMS = ("models", "training", "torch")
TORCH_PACKAGES = ("torch", "torchvision", "monai")

VAGUE_NAMES = ("util", "helper", "common", "manager", "base", "misc", "core", "handler")
LONGEST = 400  # lines of a file


def modules(package: Path) -> Iterator[tuple[str, ast.Module]]:
    """Path below the package and syntax tree of every module, sorted."""
    for path in sorted(package.rglob("*.py")):
        yield path.relative_to(package).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def part_of(name: str) -> str:
    """The part a file belongs to: `imaging` for imaging/dicom.py, `errors` for errors.py."""
    return name.split("/")[0].removesuffix(".py")


def imported(name: str, tree: ast.Module) -> Iterator[str]:
    """Full names of what a module of cxrkit imports, also inside functions, relative ones too."""
    folder = ["cxrkit", *name.split("/")[:-1]]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = folder[: len(folder) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            # Of `from cxrkit import tables` the part is in the name, not in the module.
            yield from (f"{module}.{alias.name}" for alias in node.names)


def imports_upwards(package: Path) -> list[str]:
    """Edges that do not point down, and parts that no layer names."""
    wrong = []
    for name, tree in modules(package):
        own = part_of(name)
        if own == "__init__":
            wrong += [f"{name} -> {t}" for t in imported(name, tree) if t.startswith("cxrkit.")]
            continue
        if own not in RANK:
            wrong.append(f"{name}: no layer for {own}")
            continue
        for target in imported(name, tree):
            parts = target.split(".")
            if parts[0] != "cxrkit" or len(parts) == 1 or parts[1].startswith("__"):
                continue  # not ours, or the version, which lies below everything
            if parts[1] != own and RANK.get(parts[1], len(LAYERS)) >= RANK[own]:
                wrong.append(f"{name} -> {target}")
    return wrong


def torch_outside_its_rooms(package: Path) -> list[str]:
    """Imports of torch and what needs it, anywhere but in the rooms for it."""
    return [
        f"{name} -> {target}"
        for name, tree in modules(package)
        if part_of(name) not in TORCH_ROOMS
        for target in imported(name, tree)
        if target.split(".")[0] in TORCH_PACKAGES
    ]


def vague_names(package: Path) -> list[str]:
    """Files and folders named after a role and not after a thing."""
    paths = (
        path.relative_to(package) for path in package.rglob("*") if "__pycache__" not in str(path)
    )
    return sorted(str(path) for path in paths if _noun(path) in VAGUE_NAMES)


def _noun(path: Path) -> str:
    return path.stem.strip("_").lower().removesuffix("s")


def long_files(package: Path) -> list[str]:
    """Python files of more than 400 lines."""
    lengths = {
        path.relative_to(package).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in package.rglob("*.py")
    }
    return sorted(f"{name}: {lines}" for name, lines in lengths.items() if lines > LONGEST)


def undocumented(package: Path) -> list[str]:
    """Modules that are not empty, public functions and public classes without a docstring."""
    wrong = []
    for name, tree in modules(package):
        if tree.body and not ast.get_docstring(tree):
            wrong.append(name)
        for node in tree.body:
            named = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            if named and not node.name.startswith("_") and not ast.get_docstring(node):
                wrong.append(f"{name}: {node.name}")
    return wrong


RULES = [imports_upwards, torch_outside_its_rooms, vague_names, long_files, undocumented]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_package_keeps_the_rule(rule: Callable[[Path], list[str]]) -> None:
    assert rule(PACKAGE) == []


VIOLATIONS = [
    (imports_upwards, "errors.py", "from cxrkit import records", "errors.py -> cxrkit.records"),
    (
        imports_upwards,
        "imaging/dicom.py",
        "def f():\n    import cxrkit.archives.v7",
        "imaging/dicom.py -> cxrkit.archives.v7",
    ),
    (
        imports_upwards,
        "archives/v7.py",
        "from ..quality.checks import check",
        "archives/v7.py -> cxrkit.quality.checks.check",
    ),
    (imports_upwards, "models/a.py", "from .. import phantom", "models/a.py -> cxrkit.phantom"),
    (imports_upwards, "cli/a.py", "import cxrkit.new", "cli/a.py -> cxrkit.new"),
    (imports_upwards, "new/a.py", "", "new/a.py: no layer for new"),
    (imports_upwards, "__init__.py", "from .errors import E", "__init__.py -> cxrkit.errors.E"),
    (
        torch_outside_its_rooms,
        "segmentation.py",
        "def f():\n    from torch.nn import functional",
        "segmentation.py -> torch.nn.functional",
    ),
    (torch_outside_its_rooms, "cli/a.py", "import monai", "cli/a.py -> monai"),
    (vague_names, "imaging/utils.py", "", "imaging/utils.py"),
    (vague_names, "core/a.py", "", "core"),
    (long_files, "errors.py", "x = 1\n" * 401, "errors.py: 401"),
    (undocumented, "errors.py", "x = 1", "errors.py"),
    (undocumented, "errors.py", '"""A."""\ndef f(): ...', "errors.py: f"),
    (undocumented, "errors.py", '"""A."""\nclass C: ...', "errors.py: C"),
]


@pytest.mark.parametrize(("rule", "name", "text", "expected"), VIOLATIONS)
def test_a_violation_is_seen(
    tmp_path: Path, rule: Callable[[Path], list[str]], name: str, text: str, expected: str
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text)
    assert rule(tmp_path) == [expected]


def test_what_is_allowed_is_not_reported(tmp_path: Path) -> None:
    for name, text in {
        "__init__.py": '"""Nothing."""\n',
        "archives/v7.py": '"""V7."""\nimport numpy\nfrom cxrkit import __version__, tables\n'
        "from cxrkit.archives import Card\nfrom . import shenzhen\nfrom ..records import Record\n",
        "training/segmentation.py": '"""A."""\nimport torch\nfrom cxrkit.models import sa_unet\n',
        "cli/__init__.py": "",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert [rule(tmp_path) for rule in RULES] == [[], [], [], [], []]


def loaded_by(names: list[str], watched: tuple[str, ...]) -> list[str]:
    """Which of the watched packages are in memory after a fresh Python has imported the names."""
    code = (
        "import importlib, sys\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        f"print(*[w for w in {watched!r} if w in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_nothing_but_training_loads_torch_or_openvino() -> None:
    files = [n for n, _ in modules(PACKAGE) if part_of(n) not in TORCH_ROOMS]
    stems = [n.removesuffix(".py").removesuffix("__init__").strip("/") for n in files]
    names = [f"cxrkit/{stem}".strip("/").replace("/", ".") for stem in stems]
    assert {"cxrkit", "cxrkit.cli", "cxrkit.archives.folder"} <= set(names)
    assert loaded_by(names, (*TORCH_PACKAGES, "openvino", "ray")) == []


def test_a_loaded_package_is_seen() -> None:
    assert loaded_by(["cxrkit.archives.v7"], ("torch", "polars")) == ["polars"]
