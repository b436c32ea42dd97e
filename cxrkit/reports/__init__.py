"""Radiology reports: their sections, what they say, and how texts are compared."""

from cxrkit.reports.scope import assertion

__all__ = ["assertion"]
