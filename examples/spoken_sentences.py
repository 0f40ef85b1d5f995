"""Train on recordings of sentences by CTC, and write down what is said in others.

Of the times in .align files none is used. A fifth of the recordings is held back.
"""

import argparse
from pathlib import Path

from fastrnn.apps import TrainingRun, train_sentences
from fastrnn.apps.speech import find_sentences

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument(
    "folder", type=Path, help=".wav files and what is said in them, of the same names: .txt, .align"
)
folder = parser.parse_args().folder
run = TrainingRun(name="sentences")
recognizer = train_sentences(folder, run=run)
results, figures = run.results, run.results["validation"]
print(
    f"word error rate {figures['word_error_rate']:.3f} on {results['recordings']} sentences in "
    f"{results['seconds']} s; the commonest words: {figures['baseline']['word_error_rate']:.3f}"
)

for recording in find_sentences(folder)[:5]:
    print(f"said '{recording.text}', heard '{recognizer.predict(recording.path)}'")
