"""Ways to a subgraph: HTTP/1.1 of our own, WebSocket for subscriptions, and a call within the process."""

from gateway.federation.transport.connect import connect_subgraphs
from gateway.federation.transport.http import HttpLimits, HttpTransport
from gateway.federation.transport.inprocess import InProcessTransport
from gateway.federation.transport.websocket import SocketLimits

__all__ = ["HttpLimits", "HttpTransport", "InProcessTransport", "SocketLimits", "connect_subgraphs"]
