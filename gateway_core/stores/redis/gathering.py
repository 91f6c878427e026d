"""What is asked for at the same time goes out as one command.

A command takes what came since the one before it was answered. So who asks alone waits for nobody, and under load the commands grow
instead of their number.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

from gateway_core.model.records import record
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
    """Sends questions, a command at a time for each group: an organization, whose keys share a slot of a cluster."""

    def __init__(self, send: Callable[[str, Sequence[Question]], Awaitable[Sequence[Answer]]]) -> None:
        """Prepares a gathering.

        Args:
            send: `send(group, questions)` gives an answer to each; what it raises is raised for each.
        """
        self._send = send
        self._waiting: dict[str, list[_Asked[Question, Answer]]] = {}
        """By group, which is there for as long as a command of it is under way."""
        self._tasks: set[asyncio.Task[None]] = set()

    def ask(self, group: str, question: Question) -> "asyncio.Future[Answer]":
        """The answer to a question. Cancelled before it is sent it is not sent.

        Raises:
            NotSentError: too many questions of the group wait.
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
            raise NotSentError("too many wait for Redis")
        else:
            waiting.append(asked)
        return asked.answer

    async def _send_all(self, group: str) -> None:
        """Sends command after command until nobody waits."""
        try:
            while waiting := self._waiting[group]:
                self._waiting[group] = waiting[_PER_COMMAND:]
                questions = [asked for asked in waiting[:_PER_COMMAND] if not asked.answer.done()]
                if questions:
                    await self._answer(group, questions)
        finally:
            for asked in self._waiting.pop(group):  # only of a loop that ends
                asked.answer.cancel()

    async def _answer(self, group: str, questions: Sequence[_Asked[Question, Answer]]) -> None:
        try:
            answers = await self._send(group, [asked.question for asked in questions])
        except Exception as error:  # noqa: BLE001 - it is raised where each of them is waited for
            for asked in questions:
                if not asked.answer.done():
                    asked.answer.set_exception(error)
            return
        for asked, answer in zip(questions, answers, strict=True):
            if not asked.answer.done():
                asked.answer.set_result(answer)
