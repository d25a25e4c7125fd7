"""QR codes: drawn once, in a thread, kept within a bound, and there for everybody who waits."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import segno

from subgraphs.chassis import qr_codes
from subgraphs.chassis.qr_codes import qr_svg


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, int]]]:
    """(text, thread) of every code that is computed."""
    made: list[tuple[str, int]] = []
    draw = segno.make_qr

    def counting(text: str, **how: Any) -> Any:
        made.append((text, threading.get_ident()))
        return draw(text, **how)

    monkeypatch.setattr(segno, "make_qr", counting)
    qr_codes._drawings.clear()
    yield made
    qr_codes._drawings.clear()


async def test_a_text_is_drawn_once_however_many_ask(drawn: list[tuple[str, int]]) -> None:
    svgs = await asyncio.gather(*(qr_svg("bilhetagem") for _ in range(100)))
    svgs += [await qr_svg("bilhetagem")]
    assert len(set(svgs)) == 1
    assert svgs[0].startswith("<svg")
    assert [text for text, _ in drawn] == ["bilhetagem"]


async def test_nothing_is_drawn_on_the_event_loop(drawn: list[tuple[str, int]]) -> None:
    await asyncio.gather(*(qr_svg(f"text {number}") for number in range(5)))
    threads = {thread for _, thread in drawn}
    assert len(threads) == 1
    assert threading.get_ident() not in threads


# Who leaves takes nothing away from who stays.
async def test_callers_who_leave(drawn: list[tuple[str, int]]) -> None:
    for number in range(20):
        waiting = [asyncio.create_task(qr_svg(f"text {number}")) for _ in range(10)]
        await asyncio.sleep(0)
        for task in waiting[::2]:
            task.cancel()
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(answer, asyncio.CancelledError) for answer in answers[::2])
        assert all(isinstance(answer, str) for answer in answers[1::2])
    assert len(drawn) == 20


async def test_what_is_kept_has_a_bound(drawn: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qr_codes, "KEPT", 3)
    for text in "abc":
        await qr_svg(text)
    await qr_svg("a")  # asked for again, it is kept longer
    await qr_svg("d")
    assert list(qr_codes._drawings) == ["c", "a", "d"]
    await qr_svg("a")
    assert [text for text, _ in drawn] == ["a", "b", "c", "d"]


async def test_more_than_a_code_holds_is_refused_and_not_kept(drawn: list[tuple[str, int]]) -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match=r"."):
            await qr_svg("x" * 5_000)
    assert len(drawn) == 2
    assert not qr_codes._drawings
