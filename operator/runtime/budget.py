"""So many per second, and a few more after a quiet while."""

from collections.abc import Callable


class TokenBucket:
    """Tokens drip in at `rate` per second, up to `burst` of them."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._tokens = burst
        self._filled = clock()

    def take(self) -> bool:
        """Take a token, if there is one."""
        if self.pause() > 0:
            return False
        self._tokens -= 1
        return True

    def pause(self) -> float:
        """Seconds until there is a token; zero when there is one."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._filled) * self._rate)
        self._filled = now
        # A breath of tolerance, or rounding would leave 0.9999 tokens and a pause too short to bring the rest.
        return 0.0 if self._tokens >= 1 - 1e-9 else (1 - self._tokens) / self._rate if self._rate else float("inf")
