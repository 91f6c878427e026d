"""What a call is charged for: disjoint token counts by category."""

from gateway_core.model.records import record


@record(frozen=True, slots=True)
class TokenUsage:
    """Disjoint token counts; their sum is everything the provider counted. `output_reasoning` is not part of `output`."""

    input: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    output: int = 0
    output_reasoning: int = 0

    @property
    def total_input(self) -> int:
        """All input-side tokens."""
        return self.input + self.cache_read + self.cache_write_5m + self.cache_write_1h

    @property
    def total_output(self) -> int:
        """All output-side tokens."""
        return self.output + self.output_reasoning
