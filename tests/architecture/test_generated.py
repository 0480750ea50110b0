"""Generated pages are committed and fresh."""

import pytest

from scripts.docs import PAGES, render
from tests.architecture.repository import ROOT


@pytest.mark.parametrize("page", PAGES)
def test_a_generated_page_is_fresh(page: str) -> None:
    assert (ROOT / page).read_text() == render(PAGES[page]), "run `make docs`"
