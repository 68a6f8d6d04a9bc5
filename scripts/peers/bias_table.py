#!/usr/bin/env python3
"""Sums up the figures of `scripts/bench-bias`: medians over seeds and rounds.

    bias_table.py RESULTS.jsonl
"""

import collections
import json
import statistics
import sys

groups = collections.defaultdict(list)
for line in open(sys.argv[1]):
    figure = json.loads(line)
    groups[figure["name"], figure["trials"], figure["engine"]].append(figure)

case = None
for (name, trials, engine), figures in groups.items():
    def median(key):
        return statistics.median(figure[key] for figure in figures)

    if (name, trials) != case:
        case = name, trials
        print(f"{name}, {trials} trials, macro recall without factors {100 * median('before'):.2f} %")
    line = f"  {engine:18s} {100 * median('value'):6.2f} % {median('us_per_trial'):9.2f} us a trial"
    if "refined" in figures[0]:
        line += f"   refined {100 * median('refined'):6.2f} %, {median('us_of_refinement') / 1e3:.1f} ms more"
    print(line + f"   ({len(figures)} searches)")
