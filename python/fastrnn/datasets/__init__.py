"""Well-known data sets, read from files that are already there."""

from fastrnn.datasets import mnist

__all__ = ["mnist"]
