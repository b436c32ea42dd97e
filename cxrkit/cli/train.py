"""`cxr train`: reference models on archives and datasets."""

import typer

from cxrkit.cli.train_classification import classification
from cxrkit.cli.train_finding import finding
from cxrkit.cli.train_pictures import pictures
from cxrkit.cli.train_quality import quality
from cxrkit.cli.train_report import report
from cxrkit.cli.train_segmentation import segmentation

app = typer.Typer(help="Train the reference models.", no_args_is_help=True)
for command in (segmentation, finding, classification, report, quality, pictures):
    app.command()(command)
