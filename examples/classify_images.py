"""Train two classifiers of pictures, an LSTM over their rows and a CNN, on one folder.

python examples/classify_images.py FOLDER [EPOCHS]

FOLDER has a sub-folder of pictures for each class, or MNIST's files. A fifth of the pictures is
held back.
"""

import sys

from fastrnn.apps import ImageOptions, TrainingRun, train_image_classifier

folder, epochs = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5
for network in ("rows-lstm", "cnn"):
    options = ImageOptions(network=network, epochs=epochs)
    result = train_image_classifier(folder, options, run=TrainingRun(name=network))
    figures = result.evaluation
    print(
        f"{network:10} {figures.accuracy:.3f} of {figures.confusion.sum()} pictures right; "
        f"always the commonest class: {figures.baseline:.3f}; {result.folder}/model.keras"
    )
