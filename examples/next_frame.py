"""Train on a folder of clips to predict the next frame, and let a clip go on.

python examples/next_frame.py FOLDER [REGEX]

The clips whose names match REGEX are held back, so that `^daria_` leaves one person out; without
it a fifth of the clips is.
"""

import sys
from pathlib import Path

from fastrnn.apps import NextFrameOptions, train_next_frame
from fastrnn.apps.generation import find_clips
from fastrnn.apps.run import TrainingRun

folder, match = Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None
run = TrainingRun(name="next-frame")
predictor = train_next_frame(folder, NextFrameOptions(validation_match=match), run=run)
for row in run.results["errors"]:
    print(f"{row['steps']} ahead  {row['method']:12}  MSE {row['mse']:.5f}  {row['psnr']:.1f} dB")

clip = find_clips(folder)[0].path
predictor.predict(clip, 20, start=20, output="forecast.mp4")
print(f"forecast.mp4: the first frames of {clip}, then 20 that are predicted")
