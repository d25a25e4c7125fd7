"""The page that loads GraphiQL from the internet, in a browser that reaches none: it says what is missing."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route, expect, sync_playwright

from gateway.http.page import CDN_PAGE

CHROMIUM = shutil.which("chromium")
ADDRESS = "http://gateway.test/graphql"


@pytest.fixture
def page() -> Iterator[Page]:
    if CHROMIUM is None:
        pytest.skip("no browser: the program chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.clock.install()
        yield page
        page.unroute_all(behavior="ignoreErrors")
        browser.close()


def show(page: Page, elsewhere: str) -> None:
    """Opens the page; requests to anywhere else are aborted, or left without an answer."""

    def answer(route: Route) -> None:
        if route.request.url == ADDRESS:
            route.fulfill(body=CDN_PAGE.read_text(), content_type="text/html; charset=utf-8")
        elif elsewhere == "refused":
            route.abort()

    page.route("**/*", answer)
    page.goto(ADDRESS, wait_until="commit")
    page.locator("#graphiql").wait_for(state="attached", timeout=60_000)


@pytest.mark.parametrize("elsewhere", ["refused", "silent"])
def test_without_internet_it_says_what_is_missing_and_how_to_get_it(page: Page, elsewhere: str) -> None:
    show(page, elsewhere)
    if elsewhere == "silent":
        expect(page.locator("#graphiql")).to_have_text("Loading…", timeout=60_000)
        expect(page.locator("#missing")).to_be_hidden()
    page.clock.fast_forward(10_000)
    expect(page.get_by_text("make install")).to_be_visible(timeout=60_000)
    expect(page.locator("#graphiql")).to_be_hidden()
