"""A client of the platform's front door, as small as a frontend's: GraphQL over HTTP and graphql-transport-ws."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from websockets.sync.client import connect
from websockets.typing import Subprotocol


@dataclass(frozen=True)
class Shopper:
    """Somebody (signed in when `token` is set) at the gateway `url`."""

    url: str
    token: str | None = None
    language: str = "pt-BR"

    def ask(self, document: str, **variables: Any) -> dict[str, Any]:
        """The whole response body: `data`, `errors`, `extensions`."""
        response = httpx.post(
            self.url,
            json={"query": document, "variables": variables},
            headers=self.headers,
            timeout=60,
        )
        body: dict[str, Any] = response.json()
        return body

    def data(self, document: str, **variables: Any) -> dict[str, Any]:
        """`data` of an answer that must hold no fault."""
        body = self.ask(document, **variables)
        assert "errors" not in body, body["errors"]
        data: dict[str, Any] = body["data"]
        return data

    def parts(self, document: str, **variables: Any) -> list[dict[str, Any]]:
        """The parts of an answer that may come in parts (`multipart/mixed`)."""
        headers = {**self.headers, "Accept": "multipart/mixed"}
        body = {"query": document, "variables": variables}
        response = httpx.post(self.url, json=body, headers=headers, timeout=60)
        assert response.headers["content-type"].startswith("multipart/mixed")
        _, *parts, end = response.content.split(b"\r\n---")
        assert end == b"--\r\n"
        return [json.loads(part.partition(b"\r\n\r\n")[2]) for part in parts]

    @property
    def headers(self) -> dict[str, str]:
        headers = {"Accept": "application/graphql-response+json", "Accept-Language": self.language}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        return headers

    def signed_in(self, email: str, password: str) -> "Shopper":
        payload = self.data(
            """mutation($e: String!, $p: String!) {
              signIn(input: { email: $e, password: $p }) { accessToken errors { code message } } }""",
            e=email,
            p=password,
        )["signIn"]
        assert payload["errors"] == []
        return Shopper(self.url, payload["accessToken"], self.language)

    @contextmanager
    def subscribed(self, document: str, **variables: Any) -> Iterator[Callable[[float], dict[str, Any]]]:
        """Yields `next_event(timeout)`: the next message of the subscription (`next`, `error` or `complete`)."""
        with connect(
            self.url.replace("http://", "ws://"), subprotocols=[Subprotocol("graphql-transport-ws")], proxy=None
        ) as socket:
            payload = {"Authorization": f"Bearer {self.token}"} if self.token else {}
            socket.send(json.dumps({"type": "connection_init", "payload": payload}))
            assert json.loads(socket.recv(10))["type"] == "connection_ack"
            socket.send(
                json.dumps({"id": "1", "type": "subscribe", "payload": {"query": document, "variables": variables}})
            )

            def next_event(timeout: float = 60) -> dict[str, Any]:
                while True:
                    message: dict[str, Any] = json.loads(socket.recv(timeout))
                    if message["type"] not in {"ping", "pong"}:
                        return message

            yield next_event


def eventually(what: Callable[[], Any], *, within: float = 120, every: float = 0.1) -> Any:
    """The first true value of `what`, asked again until `within` seconds have passed.

    A deadline for a broken platform, not a measurement: nothing passes or fails by how fast it answers.
    """
    deadline = time.monotonic() + within
    while True:
        value = what()
        if value or time.monotonic() > deadline:
            assert value, f"{what} did not come true within {within} s"
            return value
        time.sleep(every)
