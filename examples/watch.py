"""Classify a video while it runs: a file, a camera by its number, or the address of a stream.

python examples/watch.py MODEL SOURCE [OUTPUT]

MODEL is the model.keras of a classifier of clips, SOURCE say clip.mp4, 0 or rtsp://camera/1. With
OUTPUT a copy with the classes drawn in is written. Ctrl-C ends it.
"""

import sys

from fastrnn.apps import VideoClassifier, Watch

model, source, output = [*sys.argv[1:], None][:3]
classifier = VideoClassifier.load(model)
watch = Watch(classifier, int(source) if source.isdecimal() else source, output=output)
try:
    for window in watch:
        print(f"{window.seconds:6.2f} s  {window}")
except KeyboardInterrupt:
    pass
print(f"{watch.live.frame_count} frames, {watch.live.window_count} windows")
