"""Lines out of a stream: however the bytes are cut, the lines are the same."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from entresol.kube.lines import LineSplitter

streams = st.lists(st.binary(max_size=40).map(lambda line: line.replace(b"\n", b"|")), max_size=20)


def feed(pieces: list[bytes]) -> list[bytes]:
    splitter = LineSplitter()
    return [line for piece in pieces for line in splitter.feed(piece)]


@given(streams, st.lists(st.integers(0, 900), max_size=30))
def test_cuts_do_not_matter(lines: list[bytes], cuts: list[int]) -> None:
    """Any way to cut a stream into pieces yields the lines that were written."""
    stream = b"".join(line + b"\n" for line in lines)
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    pieces = [stream[start:end] for start, end in pairwise(edges)]
    assert feed(pieces) == [line for line in lines if line]


def test_an_unfinished_line_waits() -> None:
    """What has no end yet is not handed out."""
    splitter = LineSplitter()
    assert splitter.feed(b"a\nb") == [b"a"]
    assert splitter.feed(b"c") == []
    assert splitter.feed(b"\n") == [b"bc"]


def test_a_line_of_megabytes() -> None:
    """An object may be larger than any buffer."""
    line = b"x" * 3_000_000
    stream = line + b"\n"
    assert feed([stream[i : i + 65_536] for i in range(0, len(stream), 65_536)]) == [line]
