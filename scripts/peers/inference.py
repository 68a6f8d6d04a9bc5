#!/usr/bin/env python3
"""Times a network's inference in ONNX Runtime, OpenVINO and PyTorch; prints one JSON line per figure.

    inference.py MODEL [--engines onnxruntime openvino torch] [--batches 1 8] [--threads 2] [--seconds 2]

MODEL: a model file of ferd's, or the network's JSON (`ferd-bench spec`), which gets random weights.
The engines' results are compared before anything is timed.
"""

import argparse
import json
import os
import statistics
import time


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--engines", nargs="+", default=["onnxruntime", "openvino", "torch"])
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 8])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=2.0)
    return parser.parse_args()


options = arguments()
os.environ["OMP_NUM_THREADS"] = str(options.threads)

import numpy  # noqa: E402
import onnxruntime  # noqa: E402
import openvino  # noqa: E402
import torch  # noqa: E402

from model_spec import SpecModule, load_spec, read_safetensors  # noqa: E402
from onnx_graph import make_onnx  # noqa: E402


def report(engine, precision, batch, run):
    for _ in range(10):
        run()
    times, end = [], time.perf_counter() + options.seconds
    while time.perf_counter() < end or len(times) < 5:
        begin = time.perf_counter()
        run()
        times.append((time.perf_counter() - begin) * 1e3)
    print(json.dumps({
        "what": "inference", "engine": engine, "network": spec["name"], "precision": precision, "batch": batch,
        "threads": options.threads, "median_ms": round(statistics.median(times), 4), "min_ms": round(min(times), 4),
    }), flush=True)


def openvino_request(model, precision):
    """OpenVINO as it is meant for one request at a time; `precision` None is its own choice, bf16 where it can."""
    core = openvino.Core()
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": options.threads, "NUM_STREAMS": 1}
    if precision:
        settings["INFERENCE_PRECISION_HINT"] = precision
    return core.compile_model(core.read_model(model), "CPU", settings).create_infer_request()


def check(name, result, expected, tolerance):
    error = numpy.abs(result - expected).max() / max(1.0, numpy.abs(expected).max())
    if error > tolerance:
        raise SystemExit(f"{name} and PyTorch differ by {error}: the timings would mean nothing")


torch.manual_seed(1)
torch.set_num_threads(options.threads)
spec = load_spec(options.model)
module = SpecModule(spec).eval()
if options.model.endswith(".safetensors"):
    module.load(read_safetensors(options.model)[1])
weights = {name: tensor.numpy() for name, tensor in module.state().items()}

for batch in options.batches:
    shape = (batch, spec["inputChannels"], spec["inputHeight"], spec["inputWidth"])
    image = torch.randn(shape)
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.threads
    settings.inter_op_num_threads = 1
    model = make_onnx(spec, weights, batch).SerializeToString()
    session = onnxruntime.InferenceSession(model, settings, providers=["CPUExecutionProvider"])
    feeds = {"input": image.numpy()}
    with torch.inference_mode():
        expected = module(image).numpy()
        check("ONNX Runtime", session.run(None, feeds)[0], expected, 1e-3)
        if "onnxruntime" in options.engines:
            report("onnxruntime", "f32", batch, lambda: session.run(None, feeds))
        if "openvino" in options.engines:
            for precision, hint, tolerance in (("f32", "f32", 1e-3), ("bf16", None, 0.1)):
                request = openvino_request(model, hint)
                request.infer([feeds["input"]])
                check("OpenVINO", request.get_output_tensor(0).data.reshape(expected.shape), expected, tolerance)
                report("openvino", precision, batch, lambda: request.infer())
        if "torch" in options.engines:
            report("torch", "f32", batch, lambda: module(image))
            with torch.autocast("cpu", dtype=torch.bfloat16):
                report("torch", "bf16", batch, lambda: module(image))
