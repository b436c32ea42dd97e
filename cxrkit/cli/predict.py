"""`cxr predict`: what trained models say about radiographs; torch is not needed."""

import typer

from cxrkit.cli.predict_classification import classification
from cxrkit.cli.predict_finding import finding
from cxrkit.cli.predict_report import report
from cxrkit.cli.predict_segmentation import segmentation

app = typer.Typer(help="Use a trained model on radiographs.", no_args_is_help=True)
for command in (segmentation, finding, classification, report):
    app.command()(command)
