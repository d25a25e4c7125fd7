"""The quick way through a plan: structs made for it, joined by code made for it, encoded as they stand.

It holds only while everything goes as it should. At the first surprise (an error, a null where none may be, another
shape) it stops, and the careful way (`executor.py`) starts over from the answers that have arrived.
"""

from gateway.federation.fast.compile import Keeps, compile_fast
from gateway.federation.fast.program import FastProgram, prefix_of
from gateway.federation.fast.run import Asked, FastRun, Watch

__all__ = ["Asked", "FastProgram", "FastRun", "Keeps", "Watch", "compile_fast", "prefix_of"]
