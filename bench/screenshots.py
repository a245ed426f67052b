"""Pictures of the page at three widths in both themes: `make screenshots`. A few go into docs/ for the README.

python bench/screenshots.py [--index DIR] [--out FOLDER] [--only VIEW]
"""

import argparse
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from app import build_app
from assistant import open_assistant
from page import LAUNCH

WIDTHS = {"phone": (390, 844), "tablet": (820, 1100), "desktop": (1360, 850)}
THEMES = ("light", "dark")
DOCS = Path(__file__).parent.parent / "docs"
SHOWN = {"answer-desktop-light", "answer-phone-dark", "papers-desktop-light", "map-desktop-light"}


def ask(page: Page, question: str) -> None:
    """Ask and wait for the answer."""
    turns = page.locator(".pa-done").count()
    page.get_by_label("Question", exact=True).last.fill(question)
    page.keyboard.press("Enter")
    page.wait_for_function(f"document.querySelectorAll('.pa-done').length > {turns}", timeout=120_000)


def welcome(page: Page) -> None:
    page.locator(".pa-example").first.wait_for()


def answer(page: Page) -> None:
    ask(page, "What is AdEMAMix and how does it differ from AdamW?")
    page.locator(".pa-mark").first.click()
    page.wait_for_timeout(300)


def conversation(page: Page) -> None:
    ask(page, "how fast does it converge?")
    page.keyboard.press("Escape")
    page.locator(".pa-made summary").last.click()


def tip(page: Page) -> None:
    page.locator(".pa-mark").last.hover()
    page.locator("#pa-tip").wait_for()


def refusal(page: Page) -> None:
    ask(page, "Who won the football world cup in 1998?")
    page.mouse.move(0, 0)


def papers(page: Page) -> None:
    page.get_by_role("tab", name="Papers").click()
    page.get_by_label("Search titles and abstracts").fill("optim")
    page.wait_for_timeout(500)
    page.locator(".pa-row input").nth(1).check()
    page.locator(".pa-row input").nth(2).check()


def corpus_map(page: Page) -> None:
    page.get_by_role("tab", name="Map").click()
    page.locator("#pa-plot .point").first.wait_for(timeout=60_000)
    page.wait_for_timeout(600)


VIEWS: dict[str, Callable[[Page], Any]] = {
    "welcome": welcome,
    "answer": answer,
    "conversation": conversation,
    "tip": tip,
    "refusal": refusal,
    "papers": papers,
    "map": corpus_map,
}


def main() -> None:
    """Serve the page, take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--index", type=Path, help="index to show (default: the bundled papers)")
    parser.add_argument("--out", type=Path, default=Path("screenshots"))
    parser.add_argument("--only", choices=VIEWS, help="only this view")
    parser.add_argument("--width", choices=WIDTHS, help="only this width")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    DOCS.mkdir(exist_ok=True)
    served = build_app(open_assistant(index=args.index, model="quotes"))
    served.launch(**LAUNCH)
    with sync_playwright() as playwright:
        executable = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox", "--disable-gpu"])
        for width, (across, down) in WIDTHS.items():
            for theme in THEMES if args.width in (None, width) else ():
                page = browser.new_page(viewport={"width": across, "height": down}, color_scheme=theme)
                page.goto(str(served.local_url))
                for view, show in VIEWS.items():
                    if args.only in (None, view) or view == "answer":
                        show(page)
                    if args.only in (None, view):
                        name = f"{view}-{width}-{theme}"
                        page.screenshot(path=args.out / f"{name}.png")
                        if name in SHOWN:
                            shutil.copy(args.out / f"{name}.png", DOCS / f"{name}.png")
                page.close()
        browser.close()
    served.close()
    print(f"{len(list(args.out.glob('*.png')))} pictures in {args.out}")


if __name__ == "__main__":
    main()
