"""Train on a folder of clips to predict the next frame, and let a clip go on."""

import argparse

from fastrnn.apps import NextFrameOptions, train_next_frame
from fastrnn.apps.generation import find_clips
from fastrnn.apps.run import TrainingRun

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("folder", help="video files, at any depth")
parser.add_argument(
    "regex", nargs="?", help="clips whose names match are held back, a fifth without: '^daria_'"
)
arguments = parser.parse_args()
run = TrainingRun(name="next-frame")
options = NextFrameOptions(validation_match=arguments.regex)
predictor = train_next_frame(arguments.folder, options, run=run)
for row in run.results["errors"]:
    print(f"{row['steps']} ahead  {row['method']:12}  MSE {row['mse']:.5f}  {row['psnr']:.1f} dB")

clip = find_clips(arguments.folder)[0].path
predictor.predict(clip, 20, start=20, output="forecast.mp4")
print(f"forecast.mp4: the first frames of {clip}, then 20 that are predicted")
