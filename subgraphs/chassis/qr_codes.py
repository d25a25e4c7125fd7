"""QR codes as SVG: each text drawn once, in a thread of its own, and kept.

Drawing one takes some 25 ms of computing. One thread draws for the whole process, so that however many are wanted at
once, requests that want none are served in between.
"""

from __future__ import annotations

import asyncio
import io
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

import segno

KEPT: Final = 256
"""Drawings, of 10 to 30 KB each."""

_thread: Final = ThreadPoolExecutor(max_workers=1, thread_name_prefix="qr-codes")
_drawings: Final[OrderedDict[str, Future[str]]] = OrderedDict()


async def qr_svg(text: str) -> str:
    """A self-contained SVG element that scales to its container. Raises ``ValueError`` for more than a code holds.

    A caller who leaves does not take the drawing away from others who wait for the same.
    """
    drawing = _drawings.get(text)
    if drawing is None:
        drawing = _drawings[text] = _thread.submit(_draw, text)
        while len(_drawings) > KEPT:
            _drawings.popitem(last=False)
    else:
        _drawings.move_to_end(text)
    try:
        return await asyncio.shield(asyncio.wrap_future(drawing))
    except ValueError:
        _drawings.pop(text, None)
        raise


def _draw(text: str) -> str:
    out = io.BytesIO()
    code = segno.make_qr(text, error="m")
    code.save(out, kind="svg", xmldecl=False, svgns=True, border=4, omitsize=True)
    return out.getvalue().decode()
