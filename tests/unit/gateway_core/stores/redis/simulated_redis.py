"""Runs the production script against a Redis made of dictionaries, with a clock that the test sets."""

from collections.abc import Sequence
from typing import Any

from lupa import lua51

from gateway_core.stores.redis.scripts import DECISIONS, WINDOWS, script_source

KEPT_IN = ("decisions:0", "decisions:1")
SCRIPT = script_source("rate_counters.lua", WINDOWS, DECISIONS)


class SimulatedRedis:
    def __init__(self, now_us: int = 1_800_000_000_000_000) -> None:
        self.now_us = now_us
        self.hashes: dict[str, dict[str, str]] = {}
        self.expiries_us: dict[str, int] = {}
        self._lua = lua51.LuaRuntime(unpack_returned_tuples=True)
        self._script = self._lua.eval(f"function(redis, KEYS, ARGV) {SCRIPT} end")
        self._redis = self._lua.table(call=self._call)

    def take(self, *demands: tuple[str, int, int, int]) -> list[tuple[bool, int, int, int]]:
        """Runs the script for one call's (key, limit, slice in microseconds, hits).

        Returns (fits, remaining, wait, reset) for each.
        """
        return self.take_calls(demands)

    def take_calls(
        self, *calls: Sequence[tuple[str, int, int, int]], call_ids: Sequence[str] = ()
    ) -> list[tuple[bool, int, int, int]]:
        """Runs the script for several calls in one command. Returns the same as `take`, for each call."""
        self._expire()
        names = list(dict.fromkeys(key for call in calls for key, *_ in call))
        keys = self._lua.table(*KEPT_IN, *names)
        arguments: list[int | str] = []
        for call_id, call in zip(call_ids or [""] * len(calls), calls, strict=True):
            arguments += (call_id, len(call))
            for key, *values in call:
                arguments += (names.index(key) + 1, *values, 0)
        answer = self._script(self._redis, keys, self._lua.table(*map(str, arguments)))
        flat = [int(value) for value in answer.values()]
        return [(bool(flat[i]), flat[i + 1], flat[i + 2], flat[i + 3]) for i in range(0, len(flat), 4)]

    def _expire(self) -> None:
        for key, expiry_us in list(self.expiries_us.items()):
            if expiry_us <= self.now_us:
                del self.expiries_us[key], self.hashes[key]

    def _call(self, command: str, *arguments: Any) -> Any:
        answer = getattr(self, f"_{command.lower()}")(*map(_text, arguments))
        return self._lua.table_from(answer) if isinstance(answer, Sequence) else answer

    def _time(self) -> list[str]:
        return [str(self.now_us // 1_000_000), str(self.now_us % 1_000_000)]

    def _hmget(self, key: str, *fields: str) -> list[Any]:
        # Redis returns false for an absent value, because a Lua table cannot contain nil.
        return [self.hashes.get(key, {}).get(field, False) for field in fields]

    def _hset(self, key: str, *pairs: str) -> int:
        self.hashes.setdefault(key, {}).update(zip(pairs[::2], pairs[1::2], strict=True))
        return 0

    def _hincrby(self, key: str, field: str, amount: str) -> int:
        row = self.hashes.setdefault(key, {})
        row[field] = str(int(row.get(field, "0")) + int(amount))
        return int(row[field])

    def _hdel(self, key: str, *fields: str) -> int:
        for field in fields:
            self.hashes[key].pop(field, None)
        return 0

    def _del(self, key: str) -> int:
        self.hashes.pop(key)
        self.expiries_us.pop(key, None)
        return 1

    def _hlen(self, key: str) -> int:
        return len(self.hashes.get(key, {}))

    def _pexpireat(self, key: str, epoch_ms: str) -> int:
        self.expiries_us[key] = int(epoch_ms) * 1_000
        return 1

    def _pexpire(self, key: str, milliseconds: str) -> int:
        self.expiries_us[key] = self.now_us + int(milliseconds) * 1_000
        return 1


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) else str(value)
