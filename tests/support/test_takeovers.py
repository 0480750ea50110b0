"""The measure of a take-over, and the wire that can be cut, tried by themselves."""

import socket
import threading
from collections.abc import Iterator

import pytest

from tests.support.audit_log import Entry
from tests.support.takeovers import takeover
from tests.support.tcp_proxy import TcpProxy


def entry(who: str, at: float, resource: str = "pods", *, verb: str = "create", code: int = 201) -> Entry:
    return Entry(
        stage="ResponseComplete", user="u", agent=f"entresol/{who}", verb=verb, group="", resource=resource,
        namespace="n", name="x", path="/", code=code, forbidden=False, received=at, answered=at + 0.5,
    )  # fmt: skip


OLD = [entry("a", 1.0), entry("a", 2.0), entry("a", 3.0, "leases", verb="patch", code=200), entry("a", 3.5, code=409)]
NEW = [entry("b", 12.0, "leases", verb="patch", code=200), entry("b", 12.6), entry("b", 13.0)]


def test_it_lasts_from_the_last_change_of_the_old_to_the_first_of_the_new() -> None:
    found = takeover([*OLD, *NEW], "a", "b")
    assert found is not None
    assert (found.last, found.won, found.first, found.late) == (2.0, 12.5, 12.6, ())
    assert found.seconds == pytest.approx(10.6)


def test_a_change_by_the_old_leader_after_that_is_a_write_past_the_fence() -> None:
    found = takeover([*OLD, *NEW, entry("a", 12.7), entry("a", 12.8, "leases"), entry("a", 12.9, code=409)], "a", "b")
    assert found is not None
    assert [each.received for each in found.late] == [12.7]


def test_it_is_not_over_before_the_new_leader_changes_something() -> None:
    assert takeover([*OLD, NEW[0]], "a", "b") is None


def test_without_a_change_by_the_old_leader_there_is_nothing_to_measure() -> None:
    with pytest.raises(ValueError, match="must have changed something"):
        takeover([OLD[2], *NEW], "a", "b")


@pytest.fixture
def echo() -> Iterator[int]:
    """A server that says back what it hears."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(client: socket.socket) -> None:
        with client:
            while heard := client.recv(1024):
                client.sendall(heard)

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(client,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield listener.getsockname()[1]
    listener.close()


def test_a_cut_wire_is_silent_and_a_mended_one_starts_afresh(echo: int) -> None:
    with TcpProxy("127.0.0.1", echo) as wire, socket.create_connection(("127.0.0.1", wire.port)) as before:
        before.settimeout(5)
        before.sendall(b"one")
        assert before.recv(10) == b"one"
        wire.cut()
        with socket.create_connection(("127.0.0.1", wire.port)) as during:
            for each in (before, during):
                each.sendall(b"two")
                each.settimeout(0.2)
                with pytest.raises(TimeoutError):
                    each.recv(10)
                each.settimeout(5)
            wire.mend()
            assert (before.recv(10), during.recv(10)) == (b"", b"")
        with socket.create_connection(("127.0.0.1", wire.port)) as after:
            after.settimeout(5)
            after.sendall(b"three")
            assert after.recv(10) == b"three"
