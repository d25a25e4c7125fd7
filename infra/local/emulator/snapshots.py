"""The whole state of the emulator as a folder of JSON files per snapshot, whole or absent.

A snapshot is written by a fork of the process: the copy has all of the state as it was at one moment, and writing it
stops nobody. Folders are numbered; one is called by its number only when everything in it is written.
"""

import logging
import os
import shutil
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NoReturn

from ministack.core import persistence

# A copy that found a lock taken, of a thread that it does not have, would wait for ever.
_WRITE_SECONDS: Final = 120

States = Callable[[], dict[str, Callable[[], Any]]]
"""Gives, for each service that has a state, how to read it."""


class Snapshots:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def latest(self) -> int:
        """The number of the newest whole snapshot; 0 without one."""
        return max((int(entry.name) for entry in self._folder.glob("[0-9]*") if entry.name.isdigit()), default=0)

    def use(self, number: int) -> None:
        """Lets ministack load this one; number 0 is what its own way of saving left in the folder itself."""
        persistence.STATE_DIR = str(self._folder / str(number) if number else self._folder)

    def fork(self, number: int, states: States) -> int:
        """Begins to write a snapshot of this moment; gives the pid of the copy, whose status 0 means: written."""
        pid = os.fork()
        if pid == 0:
            self._write_and_exit(number, states)
        return pid

    @contextmanager
    def writing(self, number: int) -> Iterator[Path]:
        """What ministack saves inside the block is the snapshot of this number."""
        partial = self._folder / f"{number}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o700, parents=True)
        persistence.STATE_DIR = str(partial)
        yield partial
        partial.rename(self._folder / str(number))

    def forget_before(self, number: int) -> None:
        for entry in self._folder.iterdir():
            name = entry.name.removesuffix(".partial")
            if entry.is_dir() and name.isdigit() and int(name) < number:
                shutil.rmtree(entry, ignore_errors=True)

    def _write_and_exit(self, number: int, states: States) -> NoReturn:
        code = 1
        try:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.alarm(_WRITE_SECONDS)
            os.closerange(3, os.sysconf("SC_OPEN_MAX") if os.sysconf("SC_OPEN_MAX") < 65_536 else 65_536)
            with suppress(OSError):
                os.nice(5)
            logging.disable(logging.INFO)  # a line for each of fifty services, every few seconds
            with self.writing(number) as folder:
                for name, read in states().items():
                    if (state := read()) is not None:
                        persistence.save_state(name, state)
                        if not (folder / f"{name}.json").exists():  # its reason is in ministack's log
                            raise OSError(f"The state of {name} could not be written.")
            code = 0
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(code)
