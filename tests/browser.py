"""A real browser, for tests that look at pages."""

import shutil

import pytest


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium."""
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: pages are not looked at")
    names = ("chromium", "chromium-browser", "google-chrome")
    executable = next((path for path in map(shutil.which, names) if path), None)
    if executable is None:
        pytest.skip(f"no browser ({', '.join(names)}): pages are not looked at; apt-get install chromium")
    flags = "disable-gpu disable-quic no-first-run disable-background-networking disable-component-update disable-sync"
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=executable, args=[f"--{flag}" for flag in flags.split()])
        yield running
        running.close()
