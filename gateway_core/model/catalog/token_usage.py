"""Token counts by category, as a call is charged for them."""

from gateway_core.model.record_decorator import record


@record(frozen=True, slots=True)
class TokenUsage:
    """Disjoint token counts. Their sum is everything the provider counted; `output` excludes `output_reasoning`."""

    input: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    output: int = 0
    output_reasoning: int = 0

    @property
    def total_input(self) -> int:
        """The number of all input tokens."""
        return self.input + self.cache_read + self.cache_write_5m + self.cache_write_1h

    @property
    def total_output(self) -> int:
        """The number of all output tokens."""
        return self.output + self.output_reasoning
