"""Networks described by ferd's `ModelSpec` JSON, as ONNX graphs for inference."""

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

from model_spec import pair


def make_onnx(spec, tensors, batch):
    """An ONNX model with the weights `tensors` (name -> f32 array) and a fixed batch size."""
    nodes, constants = [], []

    def constant(name, values):
        constants.append(numpy_helper.from_array(values, name))
        return name

    def window(fields):
        vertical, horizontal = pair(fields["padding"])
        return {
            "kernel_shape": pair(fields["kernelSize"]), "strides": pair(fields["stride"]),
            "pads": [vertical, horizontal, vertical, horizontal]}

    for node in spec["nodes"]:
        name, inputs = node["name"], list(node["inputs"])
        ((kind, fields),) = node["layer"].items()
        layer = fields.get("_0")

        def parameter(part):
            return constant(f"{name}.{part}", tensors[f"{name}.{part}"])

        def emit(operation, operands, **attributes):
            nodes.append(helper.make_node(operation, operands, [name], name, **attributes))

        if kind == "convolution":
            operands = inputs + [parameter("weight")] + ([parameter("bias")] if layer["hasBias"] else [])
            emit("Conv", operands, group=layer["groups"], dilations=pair(layer["dilation"]), **window(layer))
        elif kind == "batchNorm":
            operands = [parameter(part) for part in ("weight", "bias", "running_mean", "running_var")]
            emit("BatchNormalization", inputs + operands, epsilon=layer["epsilon"])
        elif kind == "activation" and layer == "silu":
            nodes.append(helper.make_node("Sigmoid", inputs, [name + "/sigmoid"]))
            emit("Mul", inputs + [name + "/sigmoid"])
        elif kind == "activation" and layer == "hardSigmoid":
            emit("HardSigmoid", inputs, alpha=1 / 6, beta=0.5)
        elif kind == "activation":
            emit({"relu": "Relu", "hardSwish": "HardSwish", "sigmoid": "Sigmoid"}[layer], inputs)
        elif kind == "maxPool":
            emit("MaxPool", inputs, **window(layer))
        elif kind == "averagePool":
            emit("AveragePool", inputs, count_include_pad=1, **window(layer))
        elif kind == "globalAveragePool":
            emit("GlobalAveragePool", inputs)
        elif kind == "upsample2x":
            scales = constant(name + "/scales", numpy.array([1, 1, 2, 2], dtype="f4"))
            emit("Resize", inputs + ["", scales], mode="nearest", coordinate_transformation_mode="asymmetric",
                 nearest_mode="floor")
        elif kind in ("add", "multiply"):
            emit({"add": "Add", "multiply": "Mul"}[kind], inputs)
        elif kind == "concat":
            emit("Concat", inputs, axis=1)
        elif kind == "linear":
            nodes.append(helper.make_node("Flatten", inputs, [name + "/flat"], axis=1))
            operands = [name + "/flat", parameter("weight")] + ([parameter("bias")] if layer["hasBias"] else [])
            nodes.append(helper.make_node("Gemm", operands, [name + "/gemm"], transB=1))
            shape = constant(name + "/shape", numpy.array([batch, -1, 1, 1], dtype="i8"))
            emit("Reshape", [name + "/gemm", shape])
        elif kind in ("dropout", "stochasticDepth"):
            emit("Identity", inputs)
        elif kind == "softmax":
            emit("Softmax", inputs, axis=1)
        else:
            raise SystemExit(f"no ONNX counterpart for the layer {kind}")

    size = [batch, spec["inputChannels"], spec["inputHeight"], spec["inputWidth"]]
    graph = helper.make_graph(
        nodes, spec["name"], [helper.make_tensor_value_info("input", TensorProto.FLOAT, size)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, list("nchw")) for name in spec["outputs"]], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    onnx.checker.check_model(model)
    return model
