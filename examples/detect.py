"""Train a detector on a folder of pictures with boxes.csv, and follow what it finds in a clip.

Without a folder rendered shapes serve, in the new folder shapes/.
"""

import argparse

from fastrnn.apps.detection import (
    DetectorOptions,
    train_detector,
    write_shape_clip,
    write_shape_pictures,
)
from fastrnn.apps.run import TrainingRun
from fastrnn.apps.tracking import track_clip

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("folder", nargs="?", help="pictures and boxes.csv")
parser.add_argument("clip", nargs="?", help="a video file to follow the objects in")
arguments = parser.parse_args()
folder, clip = arguments.folder, arguments.clip
if folder is None:
    folder, clip = "shapes", "shapes/clip.mp4"
    write_shape_pictures(folder, 300)
    write_shape_clip(clip)
run = TrainingRun(name="detect")
detector = train_detector(folder, DetectorOptions(epochs=25), run=run)
print("on the pictures held back:", run.results["validation"])
if clip is not None:
    for objects in track_clip(clip, detector=detector, output="annotated.mp4"):
        print([(each.number, each.name, each.box.round().tolist()) for each in objects])
