"""Train on recordings of words, and recognize those of a speaker who was left out."""

import argparse
import re
from pathlib import Path

from fastrnn.apps import TrainingRun, WordOptions, train_words

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument(
    "folder", type=Path, help=".wav files, a sub-folder for each word, or named 7_jackson_32.wav"
)
parser.add_argument(
    "regex", nargs="?", help="files whose names match are held back, a fifth without: '_jackson_'"
)
arguments = parser.parse_args()
folder, match = arguments.folder, arguments.regex
run = TrainingRun(name="words")
recognizer = train_words(folder, WordOptions(validation_match=match), run=run)
results, figures = run.results, run.results["validation"]
print(
    f"{figures['accuracy']:.3f} of {results['recordings']} words right in {results['seconds']} s; "
    f"always the commonest word: {figures['baseline']:.3f}"
)

recording = next(
    path for path in sorted(folder.rglob("*.wav")) if re.search(match or "", path.name)
)
print(f"{recording}: {recognizer.predict(recording).label}")
