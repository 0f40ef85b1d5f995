"""Follow an object through a clip, or measure the tracker on a clip whose true boxes are known.

With a box, annotated.mp4 is written.
"""

import argparse

from fastrnn.apps.tracking import Tracker, compare_trackers, read_sequence, track_clip
from fastrnn.video import parse_box

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("clip", help="a video file; without a box, a folder of it and its boxes.txt")
parser.add_argument("box", nargs="?", help="of the object in the first frame: 140,90,30,60")
arguments = parser.parse_args()
if arguments.box:
    frames = track_clip(arguments.clip, parse_box(arguments.box), output="annotated.mp4")
    for number, (found,) in enumerate(frames):
        print(number, found.box.round(1).tolist(), f"{found.confidence:.2f}")
else:
    sequence = read_sequence(arguments.clip)
    for name, scores in compare_trackers(sequence, Tracker()).items():
        print(f"{name:18} mean IoU {scores['iou']:.3f}, above a half {scores['success']:.3f}")
