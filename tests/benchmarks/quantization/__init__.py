"""What each number format buys in time and memory, and what it costs in answers."""

from tests.benchmarks.quantization import conversion, threads, variants

MEASURES = (variants, conversion, threads)
PEERS = ("onnxruntime", "onnx", "numpy")
DID_NOT_PAY: tuple[str, ...] = (
    "Static INT8 of every operator that ONNX Runtime can quantize: Spearman of MiniLM on 300 pairs "
    "of sentences fell by 0.070 (FP32: 0.934), and padding reached the answers, because one scale "
    "cannot hold both attention scores and the mask that is added to them.",
    "Static INT8 of all matrix products, their outputs too: MiniLM's mean cosine to FP32 is 0.942. "
    "Outputs left in FP32: 0.988. Products of activations left alone too, and sums fed with what "
    "was not rounded: 0.992, and 12 operators fewer to run.",
    "Outputs left in FP32 without first fusing MatMul and Add into Gemm: ONNX Runtime fuses them "
    "when it opens the file and dequantizes their weights at each call: 11.6 ms for 32 digits, "
    "against 0.25 ms.",
)
