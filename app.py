"""The page's door: build it, serve it."""

from typing import TYPE_CHECKING

from assistant import Assistant, PaperError, Settings, SettingsError, open_assistant
from page import LAUNCH, Preparation, build_page

if TYPE_CHECKING:
    import gradio as gr


def build_app(assistant: Assistant) -> "gr.Blocks":
    """The page over an assistant."""
    return build_page(Preparation.done(assistant))


def serve(settings: Settings) -> None:
    """Serve the page and print its address; the papers are opened and models loaded behind it. Raises PaperError."""
    preparation = Preparation(lambda progress: open_assistant(settings, progress=progress))
    page = build_page(preparation)
    user, _, password = (settings.auth or "").partition(":")
    try:
        page.launch(
            server_name=settings.host,
            server_port=settings.port or None,
            auth=(user, password) if user else None,
            **LAUNCH,
        )
    except OSError as exc:
        raise SettingsError(
            f"port {settings.port} on {settings.host} cannot be used ({exc}); choose another with --port"
        ) from exc
    print(f"Paper Assistant is at {page.local_url}", flush=True)  # noqa: T201
    try:
        preparation.run()
    except PaperError:
        page.close()
        raise
    page.block_thread()


if __name__ == "__main__":
    serve(Settings.read())
