"""The command line: tables for people, and words for mistakes."""

import socket

import pytest
from click.testing import CliRunner

from entresol.cli import render
from entresol.cli.main import main

ROLE = {
    "name": "team",
    "weight": 2,
    "share": 0.251,
    "resource": "cpu",
    "entitlement": 0.5,
    "floor": 1 / 3,
    "held": {"pods": 12},
    "waiting": 3,
    "oldestWaitSeconds": 75.0,
}
IDLE = {**ROLE, "name": "idle", "resource": "", "held": {}, "waiting": 0, "share": 0.0}


def test_shares_are_a_table() -> None:
    state = {
        "ready": True,
        "agents": 3,
        "launches": 1,
        "roles": [ROLE, IDLE],
        "waiting": [{"framework": "team/batch", "reason": "NoRoomNow", "count": 3}],
    }
    assert render.shares(state) == (
        "3 agents, 1 launches under way\n"
        "ROLE   WEIGHT   SHARE   ENTITLED   FLOOR   OF    TASKS   WAITING   OLDEST\n"
        "team        2   25.1%      50.0%   33.3%   cpu      12         3      75s\n"
        "idle        2    0.0%      50.0%   33.3%   -         0         0        -\n"
        "\n"
        "WAITS IN     BECAUSE OF   COUNT\n"
        "team/batch   NoRoomNow        3\n"
    )


def test_an_operator_that_is_not_ready_says_so() -> None:
    state = {"ready": False, "agents": 0, "launches": 0, "roles": [], "waiting": []}
    assert "still listing the cluster, nothing is granted yet" in render.shares(state)


DURATIONS = {
    0: "0s",
    119.9: "119s",
    120: "2m0s",
    599: "9m59s",
    600: "10m",
    7200: "2h0m",
    86_399: "23h59m",
    172_800: "2d",
}


@pytest.mark.parametrize(("seconds", "want"), DURATIONS.items(), ids=map(str, DURATIONS))
def test_a_length_of_time_is_written_as_kubectl_does(seconds: float, want: str) -> None:
    assert render.duration(seconds) == want


def test_an_operator_that_is_not_there_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    result = CliRunner().invoke(main, ["shares", "--operator", f"http://127.0.0.1:{port}"])
    assert result.exit_code == 1
    assert f"the operator at http://127.0.0.1:{port} must be running and reachable" in result.output


def test_an_address_without_a_scheme_is_refused() -> None:
    result = CliRunner().invoke(main, ["shares", "--operator", "127.0.0.1:8080"])
    assert result.exit_code == 2
    assert "must begin with http:// or https://" in result.output


def test_help_names_every_setting_but_the_hidden_one() -> None:
    result = CliRunner().invoke(main, ["operator", "--help"])
    assert "ENTRESOL_KUBECONFIG" in result.output
    assert "127.0.0.1:8080" in result.output
    assert "crash" not in result.output


def test_settings_that_are_wrong_are_told() -> None:
    result = CliRunner().invoke(main, ["operator", "--connections", "0"])
    assert result.exit_code == 1
    assert "--connections must be a whole number from 1 to 256, not '0'" in result.output
