"""Print by how many bytes opening and running a model grows a process; run as a program.

The program imports nothing of the lab.
"""

from __future__ import annotations

import gc
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime


def resident_bytes() -> int:
    """Return the resident set of this process without the code of libraries, in bytes."""
    total_kb = 0
    counts = True
    for line in Path("/proc/self/smaps").read_text(encoding="utf-8").splitlines():
        first, *rest = line.split(maxsplit=5)
        if not first.endswith(":"):  # the head of a mapping: addresses ... file
            counts = not (len(rest) == 5 and ".so" in rest[4])
        elif first == "Rss:" and counts:
            total_kb += int(rest[0])
    return total_kb * 1024


def main(path: str, batch: str, providers: str, intra_op_threads: str) -> None:
    """Measure before the session is opened and after it has run the batch."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(intra_op_threads)
    options.inter_op_num_threads = 1
    feeds = dict(np.load(batch, allow_pickle=False))
    gc.collect()
    before = resident_bytes()
    session = onnxruntime.InferenceSession(path, options, providers=json.loads(providers))
    outputs = session.run(None, feeds)
    gc.collect()
    print(resident_bytes() - before)
    del outputs


if __name__ == "__main__":
    main(*sys.argv[1:])
