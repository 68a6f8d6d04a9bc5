"""Networks described by ferd's `ModelSpec` JSON, as PyTorch modules.

The JSON is what Swift's `JSONEncoder` makes of `ModelSpec` (Sources/Inference/Spec): nodes with a name, the names of
their inputs and a layer such as `{"convolution": {"_0": {"inputChannels": 1, ...}}}`. A model file is a safetensors
file with that JSON in its metadata under `spec` or `model`. Used by `make-fixtures` and by the benchmarks of peers.
"""

import json
import struct

import numpy
import torch
import torch.nn.functional as functional


def read_safetensors(path):
    """Metadata (str -> str) and tensors (str -> f32 array) of a safetensors file."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = file.read()
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        if entry["dtype"] == "F32":
            values = numpy.frombuffer(data[begin:end], dtype="<f4")
        elif entry["dtype"] == "F16":
            values = numpy.frombuffer(data[begin:end], dtype="<f2").astype("f4")
        elif entry["dtype"] == "BF16":
            values = (numpy.frombuffer(data[begin:end], dtype="<u2").astype("<u4") << 16).view("<f4")
        else:
            continue
        tensors[name] = values.reshape(entry["shape"]).copy()
    return metadata, tensors


def write_safetensors(path, metadata, tensors):
    """Writes f32 tensors (numpy arrays or torch tensors) with a metadata table of strings."""
    header, chunks, offset = {"__metadata__": metadata}, [], 0
    for name, tensor in tensors.items():
        if isinstance(tensor, torch.Tensor):
            tensor = tensor.detach().numpy()
        values = numpy.ascontiguousarray(tensor, dtype="<f4")
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [offset, offset + values.nbytes]}
        chunks.append(values.tobytes())
        offset += values.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(chunks))


def load_spec(path):
    """The `ModelSpec` JSON in a model file's metadata, or in a plain JSON file."""
    if str(path).endswith(".json"):
        with open(path) as file:
            spec = json.load(file)
        return spec.get("spec", spec)
    metadata, _ = read_safetensors(path)
    for text in metadata.values():
        try:
            value = json.loads(text)
        except json.JSONDecodeError:
            continue
        if isinstance(value, dict):
            value = value.get("spec", value)
            if isinstance(value, dict) and "nodes" in value:
                return value
    raise SystemExit(f"{path}: no network specification in its metadata")


def pair(extent):
    return (extent["height"], extent["width"])


ACTIVATIONS = {
    "relu": functional.relu,
    "silu": functional.silu,
    "hardSwish": functional.hardswish,
    "hardSigmoid": functional.hardsigmoid,
    "sigmoid": torch.sigmoid,
}


class LinearOverAll(torch.nn.Linear):
    """A linear layer over all elements but the batch, whose result has height and width 1."""

    def forward(self, value):
        return super().forward(value.flatten(1))[:, :, None, None]


def make_layer(layer):
    """The callable for one layer: a module where it has parameters or a mode, a function otherwise."""
    ((kind, fields),) = layer.items()
    spec = fields.get("_0")
    if kind == "convolution":
        return torch.nn.Conv2d(
            spec["inputChannels"], spec["outputChannels"], pair(spec["kernelSize"]), stride=pair(spec["stride"]),
            padding=pair(spec["padding"]), dilation=pair(spec["dilation"]), groups=spec["groups"],
            bias=spec["hasBias"])
    if kind == "batchNorm":
        return torch.nn.BatchNorm2d(spec["channels"], eps=spec["epsilon"], momentum=spec["momentum"])
    if kind == "activation":
        return ACTIVATIONS[spec]
    if kind == "maxPool":
        return lambda x: functional.max_pool2d(x, pair(spec["kernelSize"]), pair(spec["stride"]), pair(spec["padding"]))
    if kind == "averagePool":
        return lambda x: functional.avg_pool2d(x, pair(spec["kernelSize"]), pair(spec["stride"]), pair(spec["padding"]))
    if kind == "globalAveragePool":
        return lambda x: x.mean((2, 3), keepdim=True)
    if kind == "upsample2x":
        return lambda x: functional.interpolate(x, scale_factor=2, mode="nearest")
    if kind == "add":
        return lambda a, b: a + b
    if kind == "multiply":
        return lambda a, b: a * b
    if kind == "concat":
        return lambda *values: torch.cat(values, 1)
    if kind == "linear":
        return LinearOverAll(spec["inputFeatures"], spec["outputFeatures"], bias=spec["hasBias"])
    if kind == "dropout":
        return torch.nn.Dropout(fields["probability"])
    if kind == "stochasticDepth":
        return StochasticDepth(fields["probability"])
    if kind == "softmax":
        return lambda x: torch.softmax(x, 1)
    raise SystemExit(f"no PyTorch counterpart for the layer {kind}")


class StochasticDepth(torch.nn.Module):
    """torchvision's, mode `row`: whole samples are dropped when training."""

    def __init__(self, probability):
        super().__init__()
        self.probability = probability

    def forward(self, x):
        if not self.training or self.probability == 0:
            return x
        kept = torch.empty(x.shape[0], 1, 1, 1, dtype=x.dtype).bernoulli_(1 - self.probability)
        return x * kept / (1 - self.probability)


class SpecModule(torch.nn.Module):
    """A `ModelSpec` as a module. Parameters have the same names and shapes as in ferd's model files."""

    def __init__(self, spec):
        super().__init__()
        self.spec = spec
        self.steps = []
        uses = {}
        for index, node in enumerate(spec["nodes"]):
            for name in node["inputs"]:
                uses[name] = index
        for index, node in enumerate(spec["nodes"]):
            step = make_layer(node["layer"])
            if isinstance(step, torch.nn.Module):
                # Node names have dots, module names may not.
                self.add_module(node["name"].replace(".", "·"), step)
            dead = [
                name for name in dict.fromkeys(node["inputs"]) if uses[name] == index and name not in spec["outputs"]]
            self.steps.append((node["name"], tuple(node["inputs"]), step, dead))

    def forward(self, value, record=None):
        """The first output. `record`: a dictionary that takes every node's value and keeps its gradient."""
        values = {"input": value}
        for name, inputs, step, dead in self.steps:
            values[name] = step(*[values[input] for input in inputs])
            if record is not None:
                if values[name].requires_grad:
                    values[name].retain_grad()
                record[name] = values[name]
            for old in dead:
                del values[old]
        return values[self.spec["outputs"][0]]

    def state(self):
        """Parameters and running statistics by ferd's names."""
        return {
            name.replace("·", "."): tensor for name, tensor in self.state_dict().items()
            if not name.endswith("num_batches_tracked")}

    def load(self, tensors):
        """Takes parameters by ferd's names; each one must be there. (`make-fixtures` puts `parameter/` before them.)"""
        with torch.no_grad():
            for name, tensor in self.state().items():
                values = tensors[name] if name in tensors else tensors["parameter/" + name]
                tensor.copy_(torch.from_numpy(values))


# Builders of the JSON, for networks that are described in Python.


def extent(value):
    height, width = value if isinstance(value, tuple) else (value, value)
    return {"height": height, "width": width}


def convolution(inputs, outputs, kernel, stride=1, padding=0, dilation=1, groups=1, bias=False):
    return {
        "convolution": {
            "_0": {
                "inputChannels": inputs, "outputChannels": outputs, "kernelSize": extent(kernel),
                "stride": extent(stride), "padding": extent(padding), "dilation": extent(dilation),
                "groups": groups, "hasBias": bias}}}


def batch_norm(channels, epsilon=1e-5, momentum=0.1):
    return {"batchNorm": {"_0": {"channels": channels, "epsilon": epsilon, "momentum": momentum}}}


def activation(name):
    return {"activation": {"_0": name}}


def pool(kind, kernel, stride, padding=0):
    return {kind: {"_0": {"kernelSize": extent(kernel), "stride": extent(stride), "padding": extent(padding)}}}


def linear(inputs, outputs, bias=True):
    return {"linear": {"_0": {"inputFeatures": inputs, "outputFeatures": outputs, "hasBias": bias}}}


class SpecBuilder:
    """Collects nodes; each call returns the new node's name, and the next node takes it unless told otherwise."""

    def __init__(self, name, channels, height, width):
        self.spec = {
            "name": name, "inputChannels": channels, "inputHeight": height, "inputWidth": width, "nodes": [],
            "outputs": []}
        self.last = "input"

    def add(self, name, layer, *inputs):
        self.spec["nodes"].append({"name": name, "inputs": list(inputs) or [self.last], "layer": layer})
        self.last = name
        self.spec["outputs"] = [name]
        return name
