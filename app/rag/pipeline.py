"""The answer path: rewrite → retrieve → write. It knows ports, not concrete systems."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from app.ports import Hit, Vector
from app.rag.breaker import Breakers
from app.rag.events import Done, Event, Sources, Token
from app.rag.generation import Writer
from app.rag.holding import held
from app.rag.quality import Verdict
from app.rag.retrieval import Question, Retriever
from app.rag.rewriting import Rewriting
from app.rag.run import Run
from app.rag.selection import latest_that_fit, that_fit

NO_CONTEXT = "I found nothing in the documents about this, so I have no answer."
PROMPT_TOKENS = 6000
"""Room for the default number of the longest passages and some conversation, in a small model's 8192 tokens."""


class Pipeline:
    """Answers questions of any tenant. Between questions it remembers only which dependencies fail."""

    def __init__(
        self,
        retriever: Retriever,
        writer: Writer,
        total_s: float,
        breakers: Breakers | None = None,
        rewriting: Rewriting | None = None,
        *,
        prompt_tokens: int = PROMPT_TOKENS,
        holds: bool = False,
    ) -> None:
        """With `holds`, no token leaves before the verdict on the whole answer."""
        self._retriever, self._writer, self._total_s = retriever, writer, total_s
        self._breakers, self._holds = breakers or Breakers(), holds
        self._rewriting, self._prompt_tokens = rewriting or Rewriting(None, 0), prompt_tokens

    def new_run(self) -> Run:
        """Start the clock of a request."""
        return Run(self._total_s, self._breakers)

    async def retrieve(self, question: Question, run: Run) -> tuple[Hit, ...]:
        """Return the passages alone. Raises DependencyUnavailable."""
        return await self._retriever.retrieve(question, run)

    async def embed(self, question: Question, run: Run) -> Vector:
        """Return the vector of a question that needs no rewriting. Raises DependencyUnavailable."""
        return await self._retriever.embed(question, run)

    def answer(self, question: Question, run: Run | None = None) -> AsyncGenerator[Event, None]:
        """Yield Sources, Tokens and Done. Raises DependencyUnavailable at any point; closing it cancels the work."""
        run = run or self.new_run()
        return self._held(question, run) if self._holds else self._attempt(question, run)

    async def _held(self, question: Question, run: Run) -> AsyncGenerator[Event, None]:
        question = await self._standing_alone(question, run)
        if question.vector is None:  # both attempts search with it
            question = replace(question, vector=await self._retriever.embed(question, run))
        for event in await held(lambda asked: self._attempt(asked, run), question, run):
            yield event

    async def _standing_alone(self, question: Question, run: Run) -> Question:
        """Return the question rewritten to stand alone, if it follows a conversation."""
        self._breakers.require("generator")  # do not search if nobody would write the answer
        if question.standalone or not question.conversation:
            return question
        standalone = await self._rewriting.standalone(question.text, question.conversation, run)
        return replace(question, standalone=standalone)

    async def _attempt(self, question: Question, run: Run) -> AsyncGenerator[Event, None]:
        question = await self._standing_alone(question, run)
        hits, left = that_fit(await self._retriever.retrieve(question, run), self._prompt_tokens)
        if question.conversation:
            question = replace(question, conversation=latest_that_fit(question.conversation, left))
        yield Sources(hits)
        if not hits:
            yield Token(NO_CONTEXT)
            yield _nothing_found(run)
            return
        async with aclosing(self._writer.write(question, hits, run)) as written:
            async for event in written:
                yield event


def _nothing_found(run: Run) -> Done:
    run.record("total", run.started)
    prompt_tokens, completion_tokens = run.with_tokens_beside(0, 0)
    return Done(
        finish_reason="no_context",
        citations=[],
        model=None,
        timings_ms=run.timings_ms,
        degraded=run.degraded,
        quality=Verdict(verdict="no_context"),
        prompt_tokens=prompt_tokens or None,
        completion_tokens=completion_tokens or None,
    )
