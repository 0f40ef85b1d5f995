"""Train on recordings of words, and recognize those of a speaker who was left out.

python examples/spoken_words.py FOLDER [REGEX]

FOLDER holds a sub-folder of .wav files for each word, or files that begin with the word, as
`7_jackson_32.wav`. Those whose names match REGEX are held back, so that `_jackson_` leaves one
speaker out; without it a fifth of the files is.
"""

import re
import sys
from pathlib import Path

from fastrnn.apps import TrainingRun, WordOptions, train_words

folder, match = Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None
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
