"""The assistant behind LangChain's own interfaces."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnableLambda
from pydantic import ConfigDict

from index import PaperIndex

from .answer import Answer

if TYPE_CHECKING:
    from .assistant import Assistant


class PaperRetriever(BaseRetriever):
    """Papers of an index as documents."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    index: PaperIndex
    k: int = 10

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        return [
            Document(
                id=hit.paper.id,
                page_content=hit.paper.abstract,
                metadata={
                    "title": hit.paper.title,
                    "score": hit.score,
                    "year": hit.paper.year,
                    "url": hit.paper.url,
                    "sources": list(hit.paper.sources),
                },
            )
            for hit in self.index.search(query, self.k)
        ]


def runnable(assistant: "Assistant") -> Runnable[Any, Answer]:
    """A question, or {"question": ..., "history": ...}, to an Answer; `ainvoke` does not block."""

    def parts(given: str | Mapping[str, Any]) -> tuple[str, Any]:
        return (given, ()) if isinstance(given, str) else (given["question"], given.get("history", ()))

    def call(given: str | Mapping[str, Any]) -> Answer:
        return assistant.ask(*parts(given))

    async def acall(given: str | Mapping[str, Any]) -> Answer:
        return await assistant.aask(*parts(given))

    return RunnableLambda(call, afunc=acall, name="paper_assistant")
