"""What an operator process can be told, and what it answers to nonsense."""

from pathlib import Path

import pytest

from entresol.settings import CRASH_POINTS, CrashPoint, Listen, Requirement, Settings, SettingsError, options, read

BAD = {
    "a selector with an unknown operator": ({"AGENTS": "pool~batch"}, "must select by names of labels"),
    "a selector with an open bracket": ({"AGENTS": "pool in (a,b"}, "must be a label selector such as pool=batch"),
    "a selector with nothing between commas": ({"AGENTS": "pool=batch,,zone"}, "must be a label selector"),
    "a selector that negates a comparison": ({"AGENTS": "!pool=batch"}, "not with '!pool=batch' in it"),
    "a selector with a key that no label has": ({"AGENTS": "-pool=batch"}, "must select by names of labels"),
    "a selector with a key of two slashes": ({"AGENTS": "a/b/c"}, "must select by names of labels"),
    "a selector with a value that no label has": ({"AGENTS": "pool in (a,b/c)"}, "not by 'b/c'"),
    "a namespace that cannot be": ({"NAMESPACES": "team-a,Team_B"}, "must be names of namespaces"),
    "an empty name of a namespace": ({"NAMESPACES": "team-a,"}, "must be names of namespaces"),
    "a truth in other words": ({"IMPLICIT_ROLES": "yes"}, "must be one of true, false, not 'yes'"),
    "a port that is no number": ({"LISTEN": "127.0.0.1:http"}, "ENTRESOL_LISTEN must be ADDRESS:PORT"),
    "a port above the largest": ({"LISTEN": "127.0.0.1:65536"}, "a port from 0 to 65535"),
    "an address without a port": ({"LISTEN": "127.0.0.1"}, "must be ADDRESS:PORT"),
    "a name instead of an address": ({"LISTEN": "localhost:8080"}, "must begin with an IP address"),
    "a negative port": ({"LISTEN": "127.0.0.1:-1"}, "must be ADDRESS:PORT"),
    "a kubeconfig that is not there": ({"KUBECONFIG": "nowhere/config"}, "must be the path of a file that exists"),
    "an empty kubeconfig": ({"KUBECONFIG": " "}, "ENTRESOL_KUBECONFIG must not be empty"),
    "an empty context": ({"CONTEXT": ""}, "ENTRESOL_CONTEXT must not be empty"),
    "an address file in no directory": ({"ADDRESS_FILE": "nowhere/at/all"}, "must be in a directory that exists"),
    "a directory as address file": ({"ADDRESS_FILE": "."}, "must be the path of a file, not of the directory"),
    "an unknown ordering": ({"ORDERING": "Fair"}, "must be one of FinalShare, CurrentShare, not 'Fair'"),
    "an ordering in another case": ({"ORDERING": "finalshare"}, "must be one of FinalShare"),
    "a resource name with a space": ({"EXCLUDED_RESOURCES": "nvidia.com/gpu memory"}, "must be resource names"),
    "an empty resource name": ({"EXCLUDED_RESOURCES": "cpu,,memory"}, "must be resource names with commas"),
    "a resource name with two slashes": ({"EXCLUDED_RESOURCES": "a/b/c"}, "must be resource names"),
    "a negative grace": ({"UNREADY_GRACE": "-1"}, "must be a whole number from 0 to 86400"),
    "a grace that is no whole number": ({"UNREADY_GRACE": "1.5"}, "must be a whole number"),
    "a grace with a unit": ({"UNREADY_GRACE": "5m"}, "must be a whole number"),
    "a grace of more than a day": ({"UNREADY_GRACE": "86401"}, "from 0 to 86400, not '86401'"),
    "an offer that expires at once": ({"OFFER_TIMEOUT": "0"}, "must be a whole number from 1 to 86400"),
    "no connection at all": ({"CONNECTIONS": "0"}, "must be a whole number from 1 to 256"),
    "too many connections": ({"CONNECTIONS": "257"}, "from 1 to 256"),
    "no deed in flight": ({"DEEDS_IN_FLIGHT": "0"}, "must be a whole number from 1"),
    "no grant per cycle": ({"GRANTS_PER_CYCLE": "0"}, "must be a whole number from 1"),
    "a step longer than its cycle": (
        {"GRANTS_PER_STEP": "50", "GRANTS_PER_CYCLE": "10"},
        "grants_per_step must not be greater than grants_per_cycle: 50 > 10",
    ),
    "a number in other digits": ({"WAITING_WRITES": "٢٠"}, "must be a whole number from 1 to 1000"),
    "a negative number of Events": ({"EVENTS": "-5"}, "must be a whole number from 0 to 1000"),
    "an address that nobody can reach": (
        {"ADVERTISE": "0.0.0.0:8080"},
        "must be an address and a port that others can",
    ),
    "an advertised port that is not known": ({"ADVERTISE": "10.0.0.7:0"}, "must be an address and a port that others"),
    "an advertised name": ({"ADVERTISE": "entresol:8080"}, "ENTRESOL_ADVERTISE must begin with an IP address"),
    "an unknown access": ({"ACCESS": "Closed"}, "must be one of Open, Reviewed, not 'Closed'"),
    "a lease without a namespace": ({"LEASE": "entresol"}, "must be NAMESPACE/NAME, such as entresol-system/entresol"),
    "a lease with a wrong name": ({"LEASE": "system/Entresol"}, "must be NAMESPACE/NAME"),
    "a lease in two slashes": ({"LEASE": "a/b/c"}, "must be NAMESPACE/NAME"),
    "a lease of parts of a second": ({"LEASE_SECONDS": "4.5"}, "must be a whole number from 2 to 3600"),
    "a deadline in words": ({"LEASE_RENEW_SECONDS": "six"}, "must be a number of seconds from 1 to 3600, not 'six'"),
    "a deadline that is no number": ({"LEASE_RENEW_SECONDS": "nan"}, "must be a number of seconds"),
    "a retry without a pause": ({"LEASE_RETRY_SECONDS": "0"}, "must be a number of seconds from 0.1 to 600"),
    "a deadline after the lease": (
        {"LEASE_RENEW_SECONDS": "10"},
        "and that at least a second less than lease_seconds: 1.5, 10, 10",
    ),
    "a deadline just before the lease": ({"LEASE_RENEW_SECONDS": "9.5"}, "at least a second less than lease_seconds"),
    "a retry after the deadline": ({"LEASE_RETRY_SECONDS": "6"}, "must be less than lease_renew_seconds"),
    "a replica that nobody finds": (
        {"LEASE": "a/b", "LISTEN": "[::]:8080"},
        "advertise must come with lease when listen is [::]:8080",
    ),
    "an identity with a slash": ({"IDENTITY": "a/b"}, "must be at most 200 letters, digits, dots, dashes"),
    "an identity that breaks a header": ({"IDENTITY": "a\nb"}, "must be at most 200 letters"),
    "an unknown log level": ({"LOG_LEVEL": "verbose"}, "must be one of debug, info, warning, error"),
    "an unknown log format": ({"LOG_FORMAT": "xml"}, "must be one of text, json"),
    "an unknown crash point": ({"CRASH_POINT": "lunch"}, "must begin with one of before-create"),
    "a crash point at no visit": ({"CRASH_POINT": "after-bind:0"}, "must be a whole number from 1"),
}


@pytest.mark.parametrize(("given", "want_words"), BAD.values(), ids=BAD)
def test_a_bad_configuration_is_refused_in_words_that_say_what_must_be(given: dict[str, str], want_words: str) -> None:
    with pytest.raises(SettingsError) as raised:
        read({f"ENTRESOL_{name}": value for name, value in given.items()})
    assert len(raised.value.problems) == 1
    assert want_words in raised.value.problems[0]
    assert "must" in raised.value.problems[0]


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(SettingsError) as raised:
        read({"ENTRESOL_ORDERING": "x", "ENTRESOL_CONNECTIONS": "y"}, {"events": "z"})
    assert [problem.split()[0] for problem in raised.value.problems] == [
        "ENTRESOL_ORDERING",
        "ENTRESOL_CONNECTIONS",
        "--events",
    ]


def test_a_context_without_a_kubeconfig_is_refused_in_a_pod() -> None:
    pod = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    with pytest.raises(SettingsError, match="context must come with kubeconfig"):
        read({"ENTRESOL_CONTEXT": "mine", **pod})
    assert read(pod).pod == pod


ADDRESSES = {
    "IPv4": ("10.0.0.7:8080", "10.0.0.7:8080"),
    "IPv6 as in a URL": ("[fd00::7]:8080", "[fd00::7]:8080"),
    "IPv6 as in a pod's status": ("fd00::7:8080", "[fd00::7]:8080"),
}


@pytest.mark.parametrize(("given", "want"), ADDRESSES.values(), ids=ADDRESSES)
def test_an_address_is_advertised_as_a_url_has_it(given: str, want: str) -> None:
    assert read({"ENTRESOL_ADVERTISE": given}).advertise == want


def test_a_replica_among_others_is_told_all_it_needs() -> None:
    told = read(
        {"ENTRESOL_LEASE": "system/entresol", "ENTRESOL_LISTEN": "0.0.0.0:80", "ENTRESOL_ADVERTISE": "10.0.0.7:80"}
    )
    assert (told.lease, told.advertise, told.reviewed) == (("system", "entresol"), "10.0.0.7:80", True)
    assert (told.lease_seconds, told.lease_renew_seconds, told.lease_retry_seconds) == (10, 6.0, 1.5)


def test_nothing_said_gives_the_defaults() -> None:
    assert read({}) == Settings()
    assert Settings().listen == Listen("127.0.0.1", 8080)


def test_the_command_line_wins_over_the_environment() -> None:
    assert read({"ENTRESOL_EVENTS": "1"}, {"events": "2", "connections": None}).events == 2


def test_every_kind_of_value_is_understood(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.touch()
    settings = read(
        {
            "KUBECONFIG": str(config),
            "ENTRESOL_LISTEN": "[::1]:0",
            "ENTRESOL_ADDRESS_FILE": str(tmp_path / "address"),
            "ENTRESOL_EXCLUDED_RESOURCES": "cpu, nvidia.com/gpu",
            "ENTRESOL_CRASH_POINT": "after-create:3",
        }
    )
    assert settings.kubeconfig == str(config)
    assert settings.listen == Listen("::1", 0)
    assert settings.address_file == tmp_path / "address"
    assert settings.excluded_resources == {"cpu", "nvidia.com/gpu"}
    assert settings.crash_point == CrashPoint("after-create", 3)
    assert read({"ENTRESOL_EXCLUDED_RESOURCES": ""}).excluded_resources == frozenset()


TERMS = {
    "the shortest": ("2", "1", "0.1"),
    "short ones": ("4", "2.4", "0.6"),
    "a second apart": ("10", "9", "1.5"),
}


@pytest.mark.parametrize(("lease", "renew", "retry"), TERMS.values(), ids=TERMS)
def test_a_lease_may_be_short(lease: str, renew: str, retry: str) -> None:
    told = read(
        {
            "ENTRESOL_LEASE_SECONDS": lease,
            "ENTRESOL_LEASE_RENEW_SECONDS": renew,
            "ENTRESOL_LEASE_RETRY_SECONDS": retry,
        }
    )
    assert (told.lease_seconds, told.lease_renew_seconds, told.lease_retry_seconds) == (
        int(lease),
        float(renew),
        float(retry),
    )


SELECTORS = {
    "": (),
    " ": (),
    "pool": (Requirement("pool", "Exists"),),
    "!example.com/legacy": (Requirement("example.com/legacy", "DoesNotExist"),),
    "! legacy": (Requirement("legacy", "DoesNotExist"),),
    "pool=batch": (Requirement("pool", "In", ("batch",)),),
    "pool == batch": (Requirement("pool", "In", ("batch",)),),
    "pool=": (Requirement("pool", "In", ("",)),),
    "pool!=web": (Requirement("pool", "NotIn", ("web",)),),
    "zone notin (a)": (Requirement("zone", "NotIn", ("a",)),),
    "a=b,c in (x, y),!d": (
        Requirement("a", "In", ("b",)),
        Requirement("c", "In", ("x", "y")),
        Requirement("d", "DoesNotExist"),
    ),
    "in in (in)": (Requirement("in", "In", ("in",)),),
    "pool in ()": (Requirement("pool", "In", ("",)),),
    "pool notin (a,,b)": (Requirement("pool", "NotIn", ("a", "", "b")),),
}


@pytest.mark.parametrize(("text", "want"), SELECTORS.items(), ids=map(repr, SELECTORS))
def test_a_label_selector_is_read_as_kubectl_reads_it(text: str, want: tuple[Requirement, ...]) -> None:
    assert read({"ENTRESOL_AGENTS": text}).agents == want


def test_what_is_served_can_be_restricted() -> None:
    told = read({"ENTRESOL_NAMESPACES": "team-a, team-b", "ENTRESOL_IMPLICIT_ROLES": "false"})
    assert told.namespaces == {"team-a", "team-b"}
    assert not told.implicit_roles
    assert read({"ENTRESOL_NAMESPACES": ""}).namespaces == frozenset()


def test_variables_of_a_service_named_entresol_do_no_harm() -> None:
    assert read({"ENTRESOL_PORT": "tcp://10.0.0.1:80", "ENTRESOL_SERVICE_HOST": "10.0.0.1"}) == Settings()


def test_only_the_crash_point_is_hidden_from_the_command_line() -> None:
    assert [option.flag for option in options() if option.hidden] == ["--crash-point"]
    assert {option.variable for option in options()} >= {"ENTRESOL_LISTEN", "ENTRESOL_CRASH_POINT"}
    shown = {option.name: option.default for option in options()}
    assert (shown["listen"], shown["agents"], shown["implicit_roles"]) == ("127.0.0.1:8080", "", "true")
    assert CRASH_POINTS
