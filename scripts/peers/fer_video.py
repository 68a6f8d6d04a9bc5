#!/usr/bin/env python3
"""Frames per second of the PyPI package `fer` over a video, as its users write it; one JSON line.

    fer_video.py VIDEO [--frames 300] [--threads 2]

Needs an environment of its own: pip install fer tf_keras h5py pillow
"""

import argparse
import json
import os
import time

parser = argparse.ArgumentParser()
parser.add_argument("video")
parser.add_argument("--frames", type=int, default=0, help="stop after so many frames; 0: read all")
parser.add_argument("--threads", type=int, default=2)
options = parser.parse_args()
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_NUM_INTRAOP_THREADS"] = str(options.threads)
os.environ["OMP_NUM_THREADS"] = str(options.threads)

import cv2  # noqa: E402
from fer.fer import FER  # noqa: E402

cv2.setNumThreads(options.threads)
detector = FER(mtcnn=False)
capture = cv2.VideoCapture(options.video)
frames = faces = 0
begin = None
while options.frames == 0 or frames < options.frames:
    ok, frame = capture.read()
    if not ok:
        break
    faces += len(detector.detect_emotions(frame))
    frames += 1
    if begin is None:
        begin = time.perf_counter()  # the first frame also compiles the network
seconds = time.perf_counter() - begin
print(json.dumps({
    "what": "video", "engine": "fer", "video": os.path.basename(options.video), "frames": frames, "faces": faces,
    "threads": options.threads, "frames_per_second": round((frames - 1) / seconds, 2)}))
