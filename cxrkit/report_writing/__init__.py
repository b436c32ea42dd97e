"""Reports from radiographs, by a trained model; needs no torch."""
