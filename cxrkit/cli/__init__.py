"""The `cxr` command. Each command lives in its own file: parse, call, print."""

import sys

import typer

from cxrkit.cli import score, train
from cxrkit.cli.archives import archives
from cxrkit.cli.build import build
from cxrkit.cli.card import card
from cxrkit.cli.convert import convert
from cxrkit.cli.demo import demo
from cxrkit.cli.label import label
from cxrkit.cli.phantom import phantom
from cxrkit.cli.records import records
from cxrkit.cli.sections import sections
from cxrkit.cli.verify import verify
from cxrkit.errors import CxrkitError

app = typer.Typer(
    name="cxr",
    help="Chest X-ray archives into verified, lung-segmented, documented datasets.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)
app.command()(archives)
app.command()(build)
app.command()(card)
app.command()(convert)
app.command()(demo)
app.command()(label)
app.command()(phantom)
app.command()(records)
app.command()(sections)
app.command()(verify)
app.add_typer(score.app, name="score")
app.add_typer(train.app, name="train")


def main() -> None:
    """Run the command; a failure of ours is one line on stderr and its exit status."""
    try:
        app()
    except CxrkitError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
