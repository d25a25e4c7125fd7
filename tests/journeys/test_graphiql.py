"""GraphiQL as a person uses it: the bundled page in a real browser that can reach nothing but the gateway."""

import shutil
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Page, Route, expect, sync_playwright

from gateway.http.page import BUNDLE
from tests.journeys.front_door import Shopper
from tests.journeys.purchase import sectors

pytestmark = pytest.mark.journey

CHROMIUM = shutil.which("chromium")
QUIET = (
    *("--no-sandbox", "--disable-gpu", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
QUERY, HEADERS = 0, 2  # GraphiQL's editors, in the order of the page; the variables' is between them


class GraphiQL:
    """The page, and what is done on it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.answer = page.get_by_role("region", name="Result Window")

    def write(self, editor: int, text: str) -> None:
        """Replace what the editor holds: pasted, since the editor closes brackets that are typed."""
        self.page.evaluate("text => navigator.clipboard.writeText(text)", text)
        self.page.locator(".graphiql-editor").nth(editor).click()
        self.page.keyboard.press("ControlOrMeta+A")
        self.page.keyboard.press("ControlOrMeta+V")

    def run(self, operation: str) -> None:
        """Runs it as soon as the page has read its name, which then stands on the tab."""
        self.write(QUERY, operation)
        name = operation.split(maxsplit=2)[1]
        expect(self.page.get_by_role("tab", name=name, exact=True)).to_be_visible()
        self.page.keyboard.press("ControlOrMeta+Enter")

    def answered(self, operation: str) -> dict[str, Any]:
        """`data` of what came over HTTP, as the page received it."""
        with self.page.expect_response(lambda response: response.request.method == "POST") as response:
            self.run(operation)
        data: dict[str, Any] = response.value.json()["data"]
        return data

    def shows(self, text: str) -> None:
        expect(self.answer).to_contain_text(text, timeout=30_000)


@pytest.fixture
def graphiql(running: Any) -> Iterator[GraphiQL]:
    if CHROMIUM is None:
        pytest.skip("no browser: the program chromium is not installed")
    assert (BUNDLE / "index.html").is_file(), "GraphiQL's bundle is not built: run `make install`"
    url = running.status["graphiql"]
    origin = url.removesuffix("/graphql")
    elsewhere: list[str] = []

    def only_the_gateway(route: Route) -> None:
        if route.request.url.startswith((origin, "data:", "blob:")):
            route.continue_()
        else:
            elsewhere.append(route.request.url)
            route.abort()

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        page = browser.new_page(permissions=["clipboard-read", "clipboard-write"])
        page.route("**/*", only_the_gateway)
        page.goto(url)
        expect(page.locator(".graphiql-editor .view-lines").first).to_be_visible(timeout=30_000)
        yield GraphiQL(page)
        browser.close()
    assert elsewhere == []


def test_the_page_queries_mutates_and_subscribes_with_the_token_of_its_header_editor(
    graphiql: GraphiQL, anybody: Shopper, running: Any
) -> None:
    """A purchase's first steps, typed into the bundled page without internet."""
    # when the catalogue is asked
    event, session, sector = next(row for row in sectors(anybody) if not row[2]["numbered"])
    graphiql.run(f'query Kind {{ event(id: "{event["id"]}") {{ kind }} }}')
    graphiql.shows(event["kind"])
    # and a demo customer signs in, and puts the token into the header editor
    demo = running.status["demo"]["customer"]
    signed_in = graphiql.answered(
        f"""mutation SignIn {{ signIn(input: {{
          email: "{demo["email"]}", password: "{demo["password"]}" }}) {{ accessToken }} }}"""
    )["signIn"]
    graphiql.write(HEADERS, f'{{"Authorization": "Bearer {signed_in["accessToken"]}"}}')
    # then a query over HTTP is answered as hers
    graphiql.run("query Me { me { email } }")
    graphiql.shows(demo["email"])
    # and so are a mutation, and a subscription over a WebSocket: the hold is pushed to the page
    requested = graphiql.answered(
        f"""mutation Request {{ requestReservation(input: {{
          sessionId: "{session["id"]}", sectorId: "{sector["id"]}", quantity: 1, idempotencyKey: "{uuid4()}"
        }}) {{ reservation {{ id }} errors {{ code }} }} }}"""
    )["requestReservation"]
    assert requested["errors"] == []
    graphiql.run(f'subscription Watch {{ reservationStatus(id: "{requested["reservation"]["id"]}") {{ status }} }}')
    graphiql.shows("HELD")
