"""Sends concurrent requests as one command.

A command takes the requests that arrived since the previous command was answered. So a single request waits for
nothing, and under load the commands become larger instead of more numerous.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

from gateway_core.model.record_decorator import record
from gateway_core.stores.redis.wire import NotSentError

_PER_COMMAND: Final = 64
_MOST_WAITING: Final = 10_000

Question = TypeVar("Question")
Answer = TypeVar("Answer")


@record(frozen=True, slots=True)
class _Asked(Generic[Question, Answer]):
    question: Question
    answer: "asyncio.Future[Answer]"


class Gathering(Generic[Question, Answer]):
    """Sends questions, one command at a time for each group. A group is an organization, whose keys share a slot of a cluster."""

    def __init__(self, send: Callable[[str, Sequence[Question]], Awaitable[Sequence[Answer]]]) -> None:
        """Creates a gathering.

        Args:
            send: `send(group, questions)` returns an answer to each question. If it raises, every question fails with
                that error.
        """
        self._send = send
        self._waiting: dict[str, list[_Asked[Question, Answer]]] = {}
        """By group. A group is present while one of its commands is in progress."""
        self._tasks: set[asyncio.Task[None]] = set()

    def ask(self, group: str, question: Question) -> "asyncio.Future[Answer]":
        """Returns a future of the answer. A question that is canceled before it is sent is not sent.

        Raises:
            NotSentError: too many questions of the group are waiting.
        """
        loop = asyncio.get_running_loop()
        asked: _Asked[Question, Answer] = _Asked(question, loop.create_future())
        waiting = self._waiting.get(group)
        if waiting is None:
            self._waiting[group] = [asked]
            task = loop.create_task(self._send_all(group))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif len(waiting) >= _MOST_WAITING:
            raise NotSentError("too many requests are waiting for Redis")
        else:
            waiting.append(asked)
        return asked.answer

    async def _send_all(self, group: str) -> None:
        """Sends commands until no question of the group waits."""
        try:
            while waiting := self._waiting[group]:
                self._waiting[group] = waiting[_PER_COMMAND:]
                questions = [asked for asked in waiting[:_PER_COMMAND] if not asked.answer.done()]
                if questions:
                    await self._answer(group, questions)
        finally:
            for asked in self._waiting.pop(group):  # non-empty only if the event loop is stopping
                asked.answer.cancel()

    async def _answer(self, group: str, questions: Sequence[_Asked[Question, Answer]]) -> None:
        try:
            answers = await self._send(group, [asked.question for asked in questions])
        except Exception as error:  # noqa: BLE001 - raised where each answer is awaited
            for asked in questions:
                if not asked.answer.done():
                    asked.answer.set_exception(error)
            return
        for asked, answer in zip(questions, answers, strict=True):
            if not asked.answer.done():
                asked.answer.set_result(answer)
