#!/usr/bin/env python3
"""Compares the figures of `scripts/bench`: medians over the rounds of each engine's figures, and of ferd's as a ratio to
each peer's of the same round, as a machine that is slower for a while is so for both.

    ratios.py RESULTS.jsonl
"""

import collections
import json
import statistics
import sys

FIGURES = {"inference": "median_ms", "training": "images_per_second", "detector": "median_ms", "video": "frames_per_second"}

peaks = collections.defaultdict(list)
groups = collections.defaultdict(lambda: collections.defaultdict(list))
for line in open(sys.argv[1]):
    figure = json.loads(line)
    if figure["what"] not in FIGURES:
        continue
    subject = (figure["what"], figure.get("network", ""), figure.get("batch", 0), figure["threads"])
    variant = " ".join(filter(None, [figure["engine"], figure.get("precision"), figure.get("layout")]))
    groups[subject][variant].append(figure[FIGURES[figure["what"]]])
    if "peak_mb" in figure:
        peaks[subject, variant].append(figure["peak_mb"])

for subject, variants in groups.items():
    what, network, batch, threads = subject
    title = " ".join(filter(None, [what, network, f"batch {batch}" if batch else ""]))
    print(f"{title}, {threads} threads, {FIGURES[what].replace('_', ' ')}")
    medians = {variant: statistics.median(values) for variant, values in variants.items()}
    ours = {variant: values for variant, values in variants.items() if variant.startswith("ferd")}
    for variant, value in medians.items():
        ratios = "" if variant in ours else "".join(
            f"   {name} / {variant} = {statistics.median(a / b for a, b in zip(mine, variants[variant])):.2f}"
            for name, mine in ours.items())
        rounds = variants[variant]
        memory = peaks[subject, variant]
        peak = f"   peak {statistics.median(memory):.0f} MB" if memory else ""
        print(f"  {variant:24s} {value:10.3f}  ({min(rounds):.3f} to {max(rounds):.3f}){peak}{ratios}")
