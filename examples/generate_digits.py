"""Train a DCGAN on a folder with MNIST's files, or with pictures, and look at what it makes."""

import argparse

from fastrnn.apps import PictureGenerator, PictureOptions, save_pictures, train_pictures
from fastrnn.apps.run import TrainingRun

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("folder", help="train-images-idx3-ubyte and its labels, or picture files")
parser.add_argument("epochs", nargs="?", type=int, default=6)
arguments = parser.parse_args()
run = TrainingRun(name="digits")
train_pictures(arguments.folder, PictureOptions(epochs=arguments.epochs), run=run)
print(run.results["validation"])

generator = PictureGenerator.load(run.path / "model.keras")
save_pictures("digits.png", generator.generate(64, seed=1))
print(f"digits.png; the pictures after each epoch are in {run.path / 'samples'}")
