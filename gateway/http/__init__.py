"""GraphQL over HTTP, server-sent events and `graphql-transport-ws`, in front of an engine.

`GraphQLDoor` is an ASGI application for one path. It knows nothing of tokens: `Authenticate` is handed to it.
"""

from gateway.http.caller import Authenticate, Caller, NotAuthenticated
from gateway.http.door import GraphQLDoor
from gateway.http.limits import DoorLimits
from gateway.http.page import GraphiQLPage

__all__ = ["Authenticate", "Caller", "DoorLimits", "GraphQLDoor", "GraphiQLPage", "NotAuthenticated"]
