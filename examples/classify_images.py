"""Train two classifiers of pictures, an LSTM over their rows and a CNN, on one folder.

A fifth of the pictures is held back.
"""

import argparse

from fastrnn.apps import ImageOptions, TrainingRun, train_image_classifier

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("folder", help="a sub-folder of pictures for each class, or MNIST's files")
parser.add_argument("epochs", nargs="?", type=int, default=5)
arguments = parser.parse_args()
for network in ("rows-lstm", "cnn"):
    options = ImageOptions(network=network, epochs=arguments.epochs)
    result = train_image_classifier(arguments.folder, options, run=TrainingRun(name=network))
    figures = result.evaluation
    print(
        f"{network:10} {figures.accuracy:.3f} of {figures.confusion.sum()} pictures right; "
        f"always the commonest class: {figures.baseline:.3f}; {result.folder}/model.keras"
    )
