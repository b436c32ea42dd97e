"""`cxr predict`: what trained models say about radiographs; torch is not needed."""

import typer

from cxrkit.cli.predict_segmentation import segmentation

app = typer.Typer(help="Use a trained model on radiographs.", no_args_is_help=True)
app.callback()(lambda: None)
app.command()(segmentation)
