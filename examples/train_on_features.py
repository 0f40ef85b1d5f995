"""Train an LSTM on features of clips, frame by frame, that `fastrnn features` wrote.

A clip's class is its folder's name. The clips whose names match REGEX are held back, so that
`^daria_` leaves one person out; without it every fifth is.
"""

import argparse
import re
from pathlib import Path

import numpy as np

from fastrnn import Sequential, layers
from fastrnn.apps import Features
from fastrnn.preprocessing.sequence import pad_sequences

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("features", help="of `fastrnn features CLIPS --model MODEL`: features.npz")
parser.add_argument("regex", nargs="?", help="of the names of the clips that are held back")
arguments = parser.parse_args()
found = Features.load(arguments.features)
clips = [Path(clip) for clip in found.clips]
classes = sorted({clip.parent.name for clip in clips})
labels = np.array([classes.index(clip.parent.name) for clip in clips])
held = np.arange(len(clips)) % 5 == 0
if arguments.regex:
    held = np.array([re.search(arguments.regex, clip.name) is not None for clip in clips])

of_training = found.frame_features[~held[found.frame_clips]]
rows = (found.frame_features - of_training.mean(axis=0)) / (of_training.std(axis=0) + 1e-6)
sequences = [rows[found.frame_clips == number] for number in range(len(clips))]
padding = -1e6  # which no feature is
x = pad_sequences(sequences, dtype="float32", padding="post", value=padding)

model = Sequential(
    [
        layers.Input(x.shape[1:]),
        layers.Masking(padding),
        layers.LSTM(64),
        layers.Dropout(0.3),
        layers.Dense(len(classes), "softmax"),
    ]
)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x[~held], labels[~held], batch_size=8, epochs=30, verbose=2)
right = (model.predict(x[held], verbose=0).argmax(axis=1) == labels[held]).sum()
print(f"{right} of {held.sum()} clips held back right")
model.save("lstm.keras")
