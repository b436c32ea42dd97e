"""`cxr train`: reference models on archives and datasets."""

import typer

from cxrkit.cli.train_segmentation import segmentation

app = typer.Typer(help="Train the reference models.", no_args_is_help=True)
app.command()(segmentation)
