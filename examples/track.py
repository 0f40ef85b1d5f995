"""Follow an object through a clip, or measure the tracker on a clip whose true boxes are known.

python examples/track.py clip.mp4 140,90,30,60    writes annotated.mp4
python examples/track.py sequences/car            a folder with the clip and gt.txt or boxes.txt
"""

import sys

from fastrnn.apps.tracking import Tracker, compare_trackers, read_sequence, track_clip
from fastrnn.video import parse_box

if len(sys.argv) == 3:
    frames = track_clip(sys.argv[1], parse_box(sys.argv[2]), output="annotated.mp4")
    for number, (found,) in enumerate(frames):
        print(number, found.box.round(1).tolist(), f"{found.confidence:.2f}")
else:
    sequence = read_sequence(sys.argv[1])
    for name, scores in compare_trackers(sequence, Tracker()).items():
        print(f"{name:18} mean IoU {scores['iou']:.3f}, above a half {scores['success']:.3f}")
