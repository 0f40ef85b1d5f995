"""Train on recordings of sentences by CTC, and write down what is said in others.

python examples/spoken_sentences.py FOLDER

FOLDER holds .wav files and, by the same name, what is said in them: .txt, or .align with times,
of which none is used. A fifth of the recordings is held back.
"""

import sys
from pathlib import Path

from fastrnn.apps import TrainingRun, train_sentences
from fastrnn.apps.speech import find_sentences

folder = Path(sys.argv[1])
run = TrainingRun(name="sentences")
recognizer = train_sentences(folder, run=run)
results, figures = run.results, run.results["validation"]
print(
    f"word error rate {figures['word_error_rate']:.3f} on {results['recordings']} sentences in "
    f"{results['seconds']} s; the commonest words: {figures['baseline']['word_error_rate']:.3f}"
)

for recording in find_sentences(folder)[:5]:
    print(f"said '{recording.text}', heard '{recognizer.predict(recording.path)}'")
