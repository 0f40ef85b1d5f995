"""Train a DCGAN on a folder with MNIST's files, or with pictures, and look at what it makes.

python examples/generate_digits.py FOLDER [EPOCHS]
"""

import sys

from fastrnn.apps import PictureGenerator, PictureOptions, save_pictures, train_pictures
from fastrnn.apps.run import TrainingRun

folder, epochs = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 6
run = TrainingRun(name="digits")
train_pictures(folder, PictureOptions(epochs=epochs), run=run)
print(run.results["validation"])

generator = PictureGenerator.load(run.path / "model.keras")
save_pictures("digits.png", generator.generate(64, seed=1))
print(f"digits.png; the pictures after each epoch are in {run.path / 'samples'}")
