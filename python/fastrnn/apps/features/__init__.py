"""Features of clips over time, from a trained network's layers or made by hand."""

from fastrnn.apps.features.extract import Features, extract_features
from fastrnn.apps.features.layer import LayerFeatures
from fastrnn.apps.features.motion import MotionFeatures

__all__ = ["Features", "LayerFeatures", "MotionFeatures", "extract_features"]
