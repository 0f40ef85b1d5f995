"""Train a detector on a folder of pictures with boxes.csv, and follow what it finds in a clip.

python examples/detect.py FOLDER [CLIP]
python examples/detect.py                rendered shapes, in the new folder shapes/
"""

import sys

from fastrnn.apps.detection import (
    DetectorOptions,
    train_detector,
    write_shape_clip,
    write_shape_pictures,
)
from fastrnn.apps.run import TrainingRun
from fastrnn.apps.tracking import track_clip

folder, clip = ([*sys.argv[1:], None, None])[:2]
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
