"""Classify a video while it runs: a file, a camera by its number, or the address of a stream.

Ctrl-C ends it.
"""

import argparse

from fastrnn.apps import VideoClassifier, Watch

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("model", help="the model.keras of a classifier of clips")
parser.add_argument("source", help="clip.mp4, 0 or rtsp://camera/1")
parser.add_argument("output", nargs="?", help="a copy with the classes drawn in")
arguments = parser.parse_args()
classifier, source = VideoClassifier.load(arguments.model), arguments.source
watch = Watch(classifier, int(source) if source.isdecimal() else source, output=arguments.output)
try:
    for window in watch:
        print(f"{window.seconds:6.2f} s  {window}")
except KeyboardInterrupt:
    pass
print(f"{watch.live.frame_count} frames, {watch.live.window_count} windows")
