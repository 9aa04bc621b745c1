"""Draws MiniLM's variants: ``python -m tests.benchmarks.quantization.picture``."""

from __future__ import annotations

import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image

from codomyrmex_lab.plots import plot_quality
from codomyrmex_lab.runtimes import QualityReport, quality_report
from tests.benchmarks.quantization.subjects import INT8, REPOSITORY, WAYS, open_way, subjects

PICTURE = REPOSITORY / "notebooks" / "pictures" / "quality.png"
BATCH_SIZE = 32
N_RESAMPLES = 300
_COLOURS = 64


def quality_png() -> bytes | None:
    """Return the picture, or None where MiniLM or the STS benchmark is not at hand."""
    found = [subject for subject in subjects() if subject.name == "MiniLM"]
    if not found:
        return None
    (minilm,) = found
    reports: list[QualityReport] = []
    with tempfile.TemporaryDirectory() as folder:
        for static in (False, True):
            way = next(way for way in WAYS if (way.quantization, way.static) == (INT8, static))
            with open_way(minilm, way, Path(folder)) as model:
                report = quality_report(
                    model,
                    minilm.payloads,
                    minilm.references,
                    quality=minilm.metric,
                    batch_sizes=(BATCH_SIZE,),
                    resident=False,
                    n_resamples=N_RESAMPLES,
                )
                reports.append(report)
    figure = plot_quality(*reports, batch_size=BATCH_SIZE).figure
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=160)
    return _fewer_colours(buffer.getvalue())


def write_picture() -> None:
    """Draw the picture and store it; where that cannot be done, leave the one that is there."""
    picture = quality_png()
    if picture is None:
        print(f"{PICTURE.name} stays as it is.")
        return
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_bytes(picture)
    print(f"Wrote {PICTURE.relative_to(REPOSITORY)} ({len(picture):,} bytes)")


def _fewer_colours(png: bytes) -> bytes:
    buffer = BytesIO()
    Image.open(BytesIO(png)).convert("RGB").quantize(_COLOURS).save(buffer, "png", optimize=True)
    return buffer.getvalue()


if __name__ == "__main__":
    write_picture()
