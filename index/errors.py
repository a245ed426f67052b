"""Every error the product raises on purpose, in one tree.

    PaperError
    |-- SourceError          something handed in to be indexed
    |   |-- NoSuchPath
    |   `-- BadRecord
    |-- IndexProblem         the index on disk
    |   |-- IndexMissing
    |   |-- IndexMismatch
    |   |-- IndexDamaged
    |   |-- IndexBusy
    |   `-- IndexNotWritten
    |-- ModelError           an embedding or language model
    |   |-- WeightsMissing
    |   |-- WeightsDamaged
    |   `-- ModelFailed
    |-- QuestionError        a question that cannot be asked
    |-- PromptError          a template that does not fit the code
    `-- SettingsError        a setting that makes no sense

A message gives the values and what to do about them, in one line.
"""

from pathlib import Path


class PaperError(Exception):
    """Root of the tree: catch this one to catch them all."""


class SourceError(PaperError):
    """Something handed in to be indexed cannot be used."""


class NoSuchPath(SourceError):
    """A path that is not there."""

    def __init__(self, path: Path | str) -> None:
        self.path = path
        super().__init__(f"{path}: there is no such file or folder; check the spelling of the path")


class BadRecord(SourceError):
    """A file, or one record in it, that does not have the expected shape."""

    def __init__(self, path: Path | str, line: int | None, reason: str) -> None:
        self.path, self.line, self.reason = path, line, reason
        place = f"{path}, line {line}" if line else str(path)
        super().__init__(f"{place}: {reason}")


class IndexProblem(PaperError):
    """The index on disk cannot be used as it is."""


class IndexMissing(IndexProblem):
    """There is no index in the folder."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = folder
        super().__init__(f"{folder}: there is no index here; make one with `paper-assistant index PATH... --index {folder}`")


class IndexMismatch(IndexProblem):
    """The index was made by another model, with other settings, or by another version."""

    def __init__(self, folder: Path | str, field: str, stored: object, wanted: object) -> None:
        self.folder, self.field, self.stored, self.wanted = folder, field, stored, wanted
        super().__init__(
            f"{folder}: the index was made with {field} {stored!r}, the settings ask for {wanted!r}; "
            "use those settings again, or run `paper-assistant index` with the new ones to rebuild it"
        )


REPAIR = "run `paper-assistant index PATH...` with any of its papers to repair it"
BUILD_ALL_ANEW = "delete the folder of the index and run `paper-assistant index PATH...` with all its papers"


class IndexDamaged(IndexProblem):
    """Files of the index are missing or cannot be read."""

    def __init__(self, folder: Path | str, reason: str, remedy: str = REPAIR) -> None:
        self.folder, self.reason, self.remedy = folder, reason, remedy
        super().__init__(f"{folder}: the index is damaged ({reason}); {remedy}")


class IndexBusy(IndexProblem):
    """Another process is building this index."""

    def __init__(self, folder: Path | str, holder: str) -> None:
        self.folder, self.holder = folder, holder
        super().__init__(f"{folder}: being built by {holder}; wait until it is done, or choose another folder with --index")


class IndexNotWritten(IndexProblem):
    """The disk or the folder does not take what a build has to write."""

    def __init__(self, folder: Path | str, reason: str) -> None:
        self.folder, self.reason = folder, reason
        super().__init__(
            f"{folder}: the index cannot be written ({reason}); make room or look to the folder's permissions and run the "
            "same command again: the last complete index is as it was, and what was embedded is kept"
        )


class ModelError(PaperError):
    """An embedding or language model cannot be used."""


class WeightsMissing(ModelError):
    """The weights of a model are not installed."""

    def __init__(self, model: str, remedy: str) -> None:
        self.model, self.remedy = model, remedy
        super().__init__(f"{model}: its weights are not installed; {remedy}")


class WeightsDamaged(ModelError):
    """Weights whose checksum is not the published one."""

    def __init__(self, path: Path | str, found: str, wanted: str) -> None:
        self.path, self.found, self.wanted = path, found, wanted
        super().__init__(f"{path}: sha256 is {found[:12]}..., should be {wanted[:12]}...; reinstall the package that holds it")


class ModelFailed(ModelError):
    """A model that is there but did not do its work."""

    def __init__(self, model: str, reason: str) -> None:
        self.model, self.reason = model, reason
        super().__init__(f"{model}: {reason}")


class QuestionError(PaperError):
    """A question that cannot be asked."""


class PromptError(PaperError):
    """A prompt template whose fields are not those the code fills."""


class SettingsError(PaperError):
    """A setting that makes no sense."""


def first_line(exc: BaseException) -> str:
    """What another library's error says, short enough for a message of ours."""
    return (str(exc).strip().splitlines() or [type(exc).__name__])[0][:200]
