"""The page's door: build it, serve it."""

from typing import TYPE_CHECKING

from assistant import PaperError, Settings, SettingsError

if TYPE_CHECKING:
    import gradio as gr

    from assistant import Assistant, Progress


def build_app(assistant: "Assistant") -> "gr.Blocks":
    """The page over an assistant."""
    from page import Preparation, build_page

    return build_page(Preparation.done(assistant))


def serve(settings: Settings) -> None:
    """Serve the page and print its address; the papers are opened and models loaded behind it. Raises PaperError."""
    from page import say_starting

    with say_starting(settings.host, settings.port):
        from page import LAUNCH, Preparation, build_page

        preparation = Preparation(lambda progress: _opened(settings, progress))
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


def _opened(settings: Settings, progress: "Progress") -> "Assistant":
    from assistant import open_assistant  # once the page is there: this import takes half a second

    return open_assistant(settings, progress=progress)


if __name__ == "__main__":
    serve(Settings.read())
