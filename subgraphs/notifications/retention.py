"""How long the service keeps what nobody asks for any more. What customers were told stays."""

from typing import Final

from subgraphs.chassis import inbox

RULES: Final = (inbox.RETENTION,)
