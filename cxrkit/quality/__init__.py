"""Which masks to trust, which images are copies of each other, and whether a split is clean."""
