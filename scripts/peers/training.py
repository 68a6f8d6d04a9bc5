#!/usr/bin/env python3
"""Times a network's training in PyTorch: forward, cross-entropy, backward, SGD with Nesterov momentum.

    training.py MODEL [--precisions f32 bf16] [--batch 128] [--threads 2] [--seconds 10]

MODEL: a model file of ferd's, or the network's JSON (`ferd-bench spec`). Each precision (bf16 is autocast with f32
master weights) runs with both memory formats; one JSON line each, with the process's peak memory.
"""

import argparse
import gc
import json
import os
import statistics
import time


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--precisions", nargs="+", default=["f32", "bf16"])
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=10.0)
    return parser.parse_args()


options = arguments()
os.environ["OMP_NUM_THREADS"] = str(options.threads)

import torch  # noqa: E402
import torch.nn.functional as functional  # noqa: E402

from model_spec import SpecModule, load_spec  # noqa: E402


def reset_peak_memory():
    gc.collect()
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def peak_megabytes():
    line = next(line for line in open("/proc/self/status") if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024 / 1e6


torch.manual_seed(1)
torch.set_num_threads(options.threads)
spec = load_spec(options.model)

for precision in options.precisions:
    for layout, memory_format in (("nchw", torch.contiguous_format), ("nhwc", torch.channels_last)):
        module = optimiser = None
        reset_peak_memory()
        module = SpecModule(spec).to(memory_format=memory_format)
        optimiser = torch.optim.SGD(module.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=5e-4)
        images = torch.randn(options.batch, spec["inputChannels"], spec["inputHeight"], spec["inputWidth"])
        images = images.contiguous(memory_format=memory_format)
        with torch.no_grad():
            class_count = module(images[:2]).flatten(1).shape[1]
        classes = torch.randint(0, class_count, (options.batch,))

        def step():
            optimiser.zero_grad(set_to_none=True)
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16"):
                loss = functional.cross_entropy(module(images).flatten(1).float(), classes, label_smoothing=0.07)
            loss.backward()
            optimiser.step()
            return loss.item()

        for _ in range(2):
            step()
        times, end = [], time.perf_counter() + options.seconds
        while time.perf_counter() < end or len(times) < 5:
            begin = time.perf_counter()
            step()
            times.append(time.perf_counter() - begin)
        print(json.dumps({
            "what": "training", "engine": "torch", "network": spec["name"], "precision": precision, "layout": layout,
            "batch": options.batch, "threads": options.threads,
            "images_per_second": round(options.batch / statistics.median(times), 2),
            "peak_mb": round(peak_megabytes(), 1),
        }), flush=True)
