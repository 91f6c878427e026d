"""Text whose tokens are easy to count: a five-letter word and a space are one token."""

from itertools import accumulate

_VOCABULARY = (
    "amber beach cedar delta ember flint grove honey inlet jolly karst lemon maple north ocean pearl "
    "quiet river stone tulip umber vivid wheat xenon yield zebra apple birch cloud dunes eagle frost "
    "glade heath ivory jewel kayak lilac marsh nylon olive plume quill ridge slate thyme ultra vapor "
    "water azure blaze coral drift elder fjord grain hazel irons juice knoll lunar misty noble opals"
)
_WORDS = _VOCABULARY.split()
TOKEN_CHARACTERS = 6
_LAP = "".join(word + " " for word in _WORDS)


def text_of(tokens: int, start: int) -> str:
    """Returns `tokens` words, starting with the word numbered `start`."""
    offset = (start % len(_WORDS)) * TOKEN_CHARACTERS
    laps = tokens // len(_WORDS) + 2
    return (_LAP * laps)[offset : offset + tokens * TOKEN_CHARACTERS]


def pieces_of(tokens: int, pieces: int) -> list[tuple[int, int]]:
    """Cuts `tokens` into `pieces` nearly equal runs. Returns (first token, number of tokens) for each. Some may be empty."""
    size, longer = divmod(tokens, pieces)
    sizes = [size + 1] * longer + [size] * (pieces - longer)
    return list(zip(accumulate(sizes, initial=0), sizes, strict=False))
