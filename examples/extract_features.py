"""Tell the actions of people never seen, by features of clips and a logistic regression.

The features of a model's layer are compared with features of motion made by hand.
"""

import argparse
import re

import numpy as np

from fastrnn import Sequential, layers
from fastrnn.apps import LayerFeatures, MotionFeatures, extract_features
from fastrnn.data import scan_folder
from fastrnn.optimizers import Adam
from fastrnn.regularizers import L2
from fastrnn.utils import set_random_seed

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("folder", help="has a sub-folder of clips for each action")
parser.add_argument("regex", help="clips whose names match are for the test: '^(daria|denis)_'")
parser.add_argument(
    "model", nargs="?", help="a model that was not trained on the clips of the test"
)
parser.add_argument("layer", nargs="?", default="auto", help="of the model")
arguments = parser.parse_args()
clips = scan_folder(arguments.folder)
paths = [clip.path for clip in clips.clips]
labels = np.array([clip.label for clip in clips.clips])
test = np.array([re.search(arguments.regex, path.name) is not None for path in paths])


def nearest(x: np.ndarray) -> np.ndarray:
    """Label of the training clip that is nearest."""
    far = np.linalg.norm(x[test][:, None] - x[~test], axis=-1)
    return labels[~test][far.argmin(axis=1)]


def regressed(x: np.ndarray) -> np.ndarray:
    """Labels by a logistic regression on the training clips."""
    set_random_seed(0)
    head = layers.Dense(len(clips.classes), "softmax", kernel_regularizer=L2(1e-3))
    model = Sequential([layers.Input(x.shape[1:]), head])
    model.compile(Adam(0.02), "sparse_categorical_crossentropy")
    model.fit(x[~test], labels[~test], epochs=200, batch_size=64, verbose=0)
    return model.predict(x[test], verbose=0).argmax(axis=1)


sources = [MotionFeatures()]
if arguments.model:
    sources.append(LayerFeatures.load(arguments.model, arguments.layer))
for source in sources:
    x = extract_features(paths, source).clip_features
    x = (x - x[~test].mean(axis=0)) / (x[~test].std(axis=0) + 1e-6)
    for method in (nearest, regressed):
        right = (method(x) == labels[test]).sum()
        print(f"{source.layer:16} {method.__name__:10} {right} of {test.sum()} clips right")
