"""cxrkit turns chest X-ray archives into verified, lung-segmented, documented datasets."""

__version__ = "0.1.0"
