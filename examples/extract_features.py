"""Tell the actions of people never seen, by features of clips and a logistic regression.

python examples/extract_features.py FOLDER REGEX [MODEL [LAYER]]

FOLDER has a sub-folder of clips for each action; the clips whose names match REGEX, say
`^(daria|denis)_`, are kept for the test. MODEL must not have been trained on these. Its features
are compared with features of motion made by hand.
"""

import re
import sys
from pathlib import Path

import numpy as np

from fastrnn import Sequential, layers
from fastrnn.apps import LayerFeatures, MotionFeatures, extract_features
from fastrnn.data import scan_folder
from fastrnn.optimizers import Adam
from fastrnn.regularizers import L2
from fastrnn.utils import set_random_seed

folder, match, *model = sys.argv[1:]
clips = scan_folder(folder)
paths = [clip.path for clip in clips.clips]
labels = np.array([clip.label for clip in clips.clips])
test = np.array([re.search(match, path.name) is not None for path in paths])


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
if model:
    sources.append(LayerFeatures.load(Path(model[0]), *model[1:]))
for source in sources:
    x = extract_features(paths, source).clip_features
    x = (x - x[~test].mean(axis=0)) / (x[~test].std(axis=0) + 1e-6)
    for method in (nearest, regressed):
        right = (method(x) == labels[test]).sum()
        print(f"{source.layer:16} {method.__name__:10} {right} of {test.sum()} clips right")
