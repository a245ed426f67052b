"""What the plain LangChain tutorial makes of the same papers and the same local model, in the table of `paper-assistant eval`.

    python bench/tutorial.py INDEX QUESTIONS.jsonl [--sample 60]

An in-memory vector store over the abstracts, the four nearest stuffed into the prompt, and a request to cite; nothing is
checked. A sentence's marks count as its citations, and what it cites is the whole abstract.
"""

import argparse
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from langchain_core.documents import Document
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.vectorstores import InMemoryVectorStore

from assistant import Answer, Assistant, open_assistant
from assistant.answer import AnswerSentence, Citation, Status, Verdict
from assistant.evaluate import measure, read_questions, table
from assistant.local import LocalChat, qwen_file
from index import load_embeddings, sentence_spans

PROMPT = ChatPromptTemplate(
    [
        (
            "system",
            "You are an assistant for question-answering tasks. Use the following pieces of retrieved context to answer the "
            "question. Cite the pieces you use as [1], [2] and so on. If you don't know the answer, just say that you don't "
            "know. Use three sentences maximum and keep the answer concise.\n\n{context}",
        ),
        ("human", "{question}"),
    ]
)
MARK = re.compile(r"\s*\[(\d+)\]")


class Tutorial:
    """The chain behind the two methods that measuring needs; search and papers are ours, so that only answers differ."""

    def __init__(self, ours: Assistant) -> None:
        self.index, self.search = ours.index, ours.search
        self._store = InMemoryVectorStore(load_embeddings())
        self._store.add_documents([Document(paper.abstract, metadata={"paper": paper}) for paper in ours.papers])
        self._chain = PROMPT | LocalChat(path=str(qwen_file()))

    def ask(self, question: str, history: Iterable[Any] = ()) -> Answer:
        """The model's reply as it stands, its marks made citations."""
        found = self._store.similarity_search(question, k=4)
        context = "\n\n".join(f"[{n}] {d.metadata['paper'].title}\n{d.page_content}" for n, d in enumerate(found, 1))
        reply = str(self._chain.invoke({"context": context, "question": question}).content)
        papers = [document.metadata["paper"] for document in found]
        citations = tuple(Citation(n, p.title, p.abstract, 0, len(p.abstract), 0.0) for n, p in enumerate(papers, 1))
        sentences = []
        for start, end in sentence_spans(reply):
            numbers = tuple(n for n in map(int, MARK.findall(reply[start:end])) if n <= len(papers))
            text = MARK.sub("", reply[start:end])
            sentences.append(AnswerSentence(text, numbers, tuple(n - 1 for n in numbers), Verdict.SUPPORTED))
        used = {n for sentence in sentences for n in sentence.citations}
        said = Status.NOT_STATED if re.search(r"don.t know|not (?:provide|mention|specif)", reply) else Status.ANSWERED
        cited = tuple(paper for n, paper in enumerate(papers, 1) if n in used)
        return Answer(question, reply, said, tuple(sentences), citations, cited, model="tutorial")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", help="an index of the papers")
    parser.add_argument("questions", type=Path)
    parser.add_argument("--sample", type=int, default=60)
    args = parser.parse_args()
    chain: Any = Tutorial(open_assistant(index=args.index, model="quotes"))
    print(table([measure(chain, question) for question in read_questions(args.questions, sample=args.sample)]))


if __name__ == "__main__":
    main()
