"""What each number format buys in time and memory, and what it costs in answers."""

from tests.benchmarks.quantization import conversion, threads, variants

MEASURES = (variants, conversion, threads)
PEERS = ("onnxruntime", "onnx", "numpy")
DID_NOT_PAY: tuple[str, ...] = (
    "Static INT8 of every operator that ONNX Runtime can quantize: Spearman of MiniLM on 300 pairs "
    "of sentences fell by 0.070 (FP32: 0.934), and padding reached the answers, because one scale "
    "cannot hold both attention scores and the mask that is added to them. Quantizing only what is "
    "multiplied with weights: it fell by 0.001.",
    "The same with the outputs of these products left in FP32: cosine of MiniLM to FP32 0.989, "
    "against 0.942, but ONNX Runtime then fuses two-dimensional products into Gemm and "
    "dequantizes their weights at each call: 11.6 ms for 32 digits, against 0.2 ms.",
)
