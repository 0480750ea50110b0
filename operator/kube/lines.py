"""Lines out of a stream of bytes, without limit on their length.

A watch sends one JSON document per line; most are a few kilobytes, the largest object is some megabytes, and
a piece of the network may hold many lines or a fraction of one. Every byte is copied at most twice.
"""


class LineSplitter:
    """Collects pieces and hands out the lines that they complete."""

    def __init__(self) -> None:
        self._open: list[bytes] = []

    def feed(self, piece: bytes) -> list[bytes]:
        """Return the lines that `piece` completes, without their ends; empty lines are left out."""
        *lines, rest = piece.split(b"\n")
        if lines and self._open:
            lines[0] = b"".join((*self._open, lines[0]))
            self._open.clear()
        if rest:
            self._open.append(rest)
        return [line for line in lines if line]
