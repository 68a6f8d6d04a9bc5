#!/usr/bin/env python3
"""Searches bias factors with Optuna, cma and by brute force on scores of `ferd-bench scores`; one JSON line per search.

    bias.py SCORES.csv [--engines optuna cma brute] [--trials 200 500] [--seeds 20] [--classes angry neutral] [--name all]

The objective is macro recall. The peers search ln b of each searched class between the limits that ferd has by default,
Optuna with its default sampler, cma with restarts until the trials are used up. Times are those of one processor.
"""

import argparse
import itertools
import json
import os
import time

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy  # noqa: E402

parser = argparse.ArgumentParser()
parser.add_argument("table")
parser.add_argument("--engines", nargs="+", default=["optuna", "cma"])
parser.add_argument("--trials", nargs="+", type=int, default=[200, 500])
parser.add_argument("--seeds", type=int, default=20)
parser.add_argument("--classes", nargs="*", default=[])
parser.add_argument("--name", default="all")
parser.add_argument("--steps", type=int, default=201, help="brute force: points along each factor")
options = parser.parse_args()

labels = open(options.table).readline().strip().split(",")[1:]
table = numpy.loadtxt(options.table, delimiter=",", skiprows=1)
truth = table[:, 0].astype(int)
# One row per class: NumPy finds the largest of a column faster than that of a row.
scores = numpy.ascontiguousarray(table[:, 1:].astype(numpy.float32).T)
counts = numpy.bincount(truth, minlength=len(labels))
searched = [labels.index(name) for name in options.classes] or list(range(len(labels)))
low, high = numpy.log(0.1), numpy.log(10)


def macro_recall(log_factors):
    factors = numpy.ones(len(labels), numpy.float32)
    factors[searched] = numpy.exp(log_factors)
    called = (scores * factors[:, None]).argmax(0)
    hits = numpy.bincount(truth[called == truth], minlength=len(labels))
    return float((hits[counts > 0] / counts[counts > 0]).mean())


def optuna_search(trials, seed):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def objective(trial):
        return macro_recall([trial.suggest_float(labels[c], low, high) for c in searched])

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(objective, n_trials=trials)
    return study.best_value


def cma_search(trials, seed):
    import cma

    # The objective is handed over as it is; only the sign is turned.
    found, _ = cma.fmin2(
        lambda x: -macro_recall(x), [0.0] * len(searched), 0.2 * (high - low),
        {"bounds": [low, high], "seed": seed + 1, "maxfevals": trials, "verbose": -9},
        restarts=9, incpopsize=2)
    return macro_recall(found)


def brute_force():
    axis = numpy.linspace(low, high, options.steps)
    return max(macro_recall(point) for point in itertools.product(axis, repeat=len(searched)))


def report(engine, trials, seed, value, seconds):
    print(json.dumps({
        "what": "bias", "engine": engine, "name": options.name, "trials": trials, "seed": seed, "value": value,
        "before": macro_recall(numpy.zeros(len(searched))), "us_per_trial": seconds / trials * 1e6}), flush=True)


for engine in options.engines:
    if engine == "brute":
        start = time.process_time()
        value = brute_force()
        report(engine, options.steps ** len(searched), 0, value, time.process_time() - start)
        continue
    search = {"optuna": optuna_search, "cma": cma_search}[engine]
    search(30, 0)  # imports and warms up
    for trials in options.trials:
        for seed in range(options.seeds):
            start = time.process_time()
            value = search(trials, seed)
            report(engine, trials, seed, value, time.process_time() - start)
