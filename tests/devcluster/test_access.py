"""Users are told apart, by certificate and by token, and authorization is real."""

import json
import ssl
import urllib.request

import pytest

from devcluster.access import KubectlError
from devcluster.api import ApiError
from devcluster.cluster import Cluster

pytestmark = pytest.mark.e2e


def who_is(cluster: Cluster, *, user: str, groups: tuple[str, ...]) -> dict[str, object]:
    config = cluster.kubeconfig(user, groups)
    answer = json.loads(cluster.kubectl("auth", "whoami", "--output=json", config=config))
    found: dict[str, object] = answer["status"]["userInfo"]
    return found


def test_a_certificate_carries_user_and_groups(cluster: Cluster) -> None:
    found = who_is(cluster, user="alice", groups=("team-a",))
    assert found["username"] == "alice"
    assert found["groups"] == ["team-a", "system:authenticated"]


def test_nobody_may_do_what_no_role_grants(cluster: Cluster) -> None:
    config = cluster.kubeconfig("mallory")
    with pytest.raises(KubectlError, match='User "mallory" cannot list resource "nodes"'):
        cluster.kubectl("get", "nodes", config=config)


def test_a_role_is_honoured(cluster: Cluster) -> None:
    cluster.kubectl("create", "clusterrolebinding", "readers", "--clusterrole=view", "--group=readers")
    config = cluster.kubeconfig("bob", ["readers"])
    assert "kube-root-ca.crt" in cluster.kubectl("get", "configmaps", config=config)
    cluster.kubectl("delete", "clusterrolebinding", "readers")


def test_a_service_account_has_a_token(cluster: Cluster) -> None:
    config = cluster.kubeconfig_for_service_account("default", "default")
    answer = cluster.kubectl("auth", "whoami", config=config)
    assert "system:serviceaccount:default:default" in answer


def test_any_http_library_can_call_as_a_user(cluster: Cluster) -> None:
    identity = cluster.identity()
    context = ssl.create_default_context(cafile=identity.ca)
    context.load_cert_chain(identity.pair.certificate, identity.pair.key)
    with urllib.request.urlopen(f"{identity.url}/readyz", context=context, timeout=10) as answer:
        assert answer.read() == b"ok"


def test_a_refusal_is_told_by_status_and_reason(cluster: Cluster) -> None:
    with pytest.raises(ApiError, match='namespaces "absent" not found') as refusal:
        cluster.api.get("/api/v1/namespaces/absent")
    assert (refusal.value.status, refusal.value.reason) == (404, "NotFound")


def test_a_bad_manifest_is_refused_in_the_servers_words(cluster: Cluster) -> None:
    with pytest.raises(KubectlError, match="no matches for kind"):
        cluster.apply("{apiVersion: v9, kind: Nothing, metadata: {name: a}}")


def test_kubectl_leaves_no_trace_in_the_home_folder(cluster: Cluster, tmp_path: object) -> None:
    environment = cluster.kubectl_environment()
    assert environment["KUBECACHEDIR"].startswith(str(cluster.run))
    cluster.kubectl("get", "nodes")
    assert (cluster.run / "kubectl-cache").is_dir()
