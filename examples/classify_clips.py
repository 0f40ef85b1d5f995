"""Train two classifiers of clips, a CNN with an LSTM and a ConvLSTM, and judge one clip.

The clips whose names match REGEX are held back, so that `^daria_` leaves one person out; without it
a fifth of the clips is.
"""

import argparse
import re
from pathlib import Path

from fastrnn.apps import TrainingRun, VideoClassifier, VideoOptions, train_video_classifier
from fastrnn.data import scan_folder

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("folder", type=Path, help="a sub-folder of clips for each class")
parser.add_argument("regex", nargs="?", help="of the names of the clips that are held back")
arguments = parser.parse_args()
folder, match = arguments.folder, arguments.regex
for network in ("cnn-lstm", "convlstm"):
    options = VideoOptions(network=network, validation_match=match)
    result = train_video_classifier(folder, options, run=TrainingRun(name=network))
    figures = result.evaluation
    print(
        f"{network:10} {figures.accuracy:.3f} of {figures.confusion.sum()} clips right; "
        f"always the commonest class: {figures.baseline:.3f}"
    )

classifier = VideoClassifier.load(result.folder / "model.keras")
paths = [clip.path for clip in scan_folder(folder).clips]
clip = next(path for path in paths if re.search(match or "", path.name))
print(f"{clip}: {classifier.predict(clip)}")
