"""`cxr phantom`: a miniature archive of computed radiographs."""

import contextlib
import importlib
import os
import pkgutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import typer
from rich.console import Console
from rich.progress import Progress

import cxrkit.phantom
from cxrkit import outputs
from cxrkit.errors import InputRefused
from cxrkit.phantom import release


def phantom(
    archive: str = typer.Argument(help="Which archive to imitate, as `cxr archives` lists them."),
    directory: Path = typer.Argument(help="Folder to fill; absent or empty."),
    studies: int = typer.Option(200, min=1, help="How many examinations."),
    seed: int = typer.Option(0, min=0, help="Of all that is random."),
    size: int | None = typer.Option(
        None,
        min=64,
        max=8192,
        help="Pixels of an image's longer side.",
        show_default="as in the archive",
    ),
    workers: int = typer.Option(0, min=0, help="Processes; 0 is one per core."),
    masks: Path | None = typer.Option(None, help="Also write the exact lung masks here."),
    form: str = typer.Option(
        "",
        help="Of an archive that circulates in several, such as png of siim-acr.",
        show_default="the original one",
    ),
) -> None:
    """Write a miniature of ARCHIVE, made of computed radiographs, into DIRECTORY.

    Example: cxr phantom mimic-cxr-jpg demo/archive --studies 20 --seed 0 --size 512
    """
    replica = importlib.import_module(f"cxrkit.phantom.{_module(archive)}")
    write = _writer(replica, form)
    release.accept_folders(directory, masks)
    for folder in (directory, *([masks] if masks else [])):
        outputs.require_folder(folder)
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("studies", total=studies)

        def show(done: int) -> None:
            bar.update(task, completed=done)
            if not console.is_terminal and (done % 50 == 0 or done == studies):
                typer.echo(f"{done} of {studies} studies", err=True)

        cores = workers or len(os.sched_getaffinity(0))
        long_side = size or replica.LONG_SIDE
        with outputs.filled(directory) as root, _filled(masks) as exact:
            images = write(root, studies, seed, long_side, cores, exact, show)
    typer.echo(f"{archive}: {studies} studies, {images} images in {directory}")


@contextlib.contextmanager
def _filled(masks: Path | None) -> Iterator[Path | None]:
    """As `outputs.filled`, where there is a folder to fill."""
    if masks is None:
        yield None
        return
    with outputs.filled(masks) as scratch:
        yield scratch


def _writer(replica: ModuleType, form: str) -> Callable[..., int]:
    """The function that writes this form of the archive."""
    forms: dict[str, Callable[..., int]] = getattr(replica, "FORMS", {"": replica.write_release})
    if not form:
        return next(iter(forms.values()))
    if form not in forms:
        known = ", ".join(name for name in forms if name) or "no --form: it has one"
        raise InputRefused("E107", "--form", form, known, "name one of those")
    return forms[form]


def replicas() -> list[str]:
    """Names of the archives that can be imitated: the phantom modules that write a release."""
    names = [found.name for found in pkgutil.iter_modules(cxrkit.phantom.__path__)]
    modules = [importlib.import_module(f"cxrkit.phantom.{name}") for name in names]
    return [
        n.replace("_", "-")
        for n, m in zip(names, modules, strict=True)
        if hasattr(m, "write_release")
    ]


def _module(archive: str) -> str:
    known = replicas()
    if archive not in known:
        raise InputRefused(
            "E101", archive, "no phantom of this archive", ", ".join(known), "name one of those"
        )
    return archive.replace("-", "_")
