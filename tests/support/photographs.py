"""Photographs of codes with known text, kept outside this repository, and how a decoder does on them.

The folder is `data/barcodes` of the folder that LINESIDE_SHARED names (default: `shared` beside the repository).  What
counts as read is decided by the `score.py` that lies beside them: it knows that UPC-A 012345678905 and EAN-13
0012345678905 are the same.
"""

from __future__ import annotations

import csv
import importlib.util
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tests.support.pictures import Frame

    Decode = Callable[[Frame], Iterable[Iterable[str]]]

SHARED = Path(os.environ.get("LINESIDE_SHARED", Path(__file__).parents[3] / "shared"))
FOLDER = SHARED / "data" / "barcodes"
MANIFEST = FOLDER / "manifest.csv"
ABSENT = f"no photographs in {FOLDER}: set LINESIDE_SHARED to the folder above data/barcodes"


@dataclass(frozen=True)
class Photograph:
    """One picture, the (symbology, text) of its codes, and texts that may be read beside them."""

    path: Path
    codes: tuple[tuple[str, str], ...]
    extra: frozenset[str]

    def frame(self) -> Frame:
        frame: Frame = cv2.imread(str(self.path), cv2.IMREAD_COLOR)  # type: ignore[assignment]
        return frame


@dataclass(frozen=True)
class Score:
    """Of `images`, `with_code` show a code; of these, `read` were read; of all, `misread` gave a wrong text."""

    images: int
    with_code: int
    read: int
    misread: tuple[str, ...]
    times_s: tuple[float, ...]

    @property
    def read_percent(self) -> float:
        return 100 * self.read / self.with_code

    @property
    def misread_percent(self) -> float:
        return 100 * len(self.misread) / self.images


def photographs() -> Iterator[Photograph]:
    codes: dict[str, list[tuple[str, str]]] = {}
    for row in _rows(MANIFEST):
        codes.setdefault(row["path"], []).append((row["symbology"], row["text"]))
    extra: dict[str, set[str]] = {}
    for row in _rows(FOLDER / "extra.csv"):
        extra.setdefault(row["path"], set()).add(row["text"])
    for path, found in codes.items():
        wanted = tuple(code for code in found if code[0] != "NONE")
        yield Photograph(FOLDER / path, wanted, frozenset(extra.get(path, ())))


def scored(decode: Decode) -> Score:
    """How `decode` does on all photographs; reading the files is not in the times."""
    rules = _score_rules()
    with_code, read, misread, times_s = 0, 0, [], []
    for photograph in photographs():
        frame = photograph.frame()
        begin = time.perf_counter()
        found = [tuple(one) for one in decode(frame)]
        times_s.append(time.perf_counter() - begin)
        told = [rules.variants(symbology, text) for symbology, text in found]
        wanted = {rules.canon(symbology, text) for symbology, text in photograph.codes}
        allowed = wanted | {text for _, text in photograph.codes} | photograph.extra
        with_code += bool(wanted)
        read += bool(wanted & set().union(*told))
        if any(not variants & allowed for variants in told):
            misread.append(f"{photograph.path.relative_to(FOLDER)}: {found}")
    return Score(len(times_s), with_code, read, tuple(misread), tuple(times_s))


def is_known(identifier: str, text: str) -> bool:
    """Whether any photograph shows a code that may be told as `text` with this symbology identifier."""
    rules = _score_rules()
    symbology = {"]E": "EAN13", "]F": "CODABAR", "]A": "CODE39"}.get(identifier[:2], "")
    allowed = {rules.canon(*code) for photograph in photographs() for code in photograph.codes}
    allowed |= {one for photograph in photographs() for one in photograph.extra}
    return bool(rules.variants(symbology, text) & allowed)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _score_rules() -> Any:
    spec = importlib.util.spec_from_file_location("barcode_score", FOLDER / "score.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(FOLDER / "score.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
