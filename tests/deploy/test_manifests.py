"""What deploy/ ships besides the proxies' files fits the server, the specifications, and each other."""

import ipaddress
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from app.drain import DRAIN_SECONDS
from app.serve import GRACE_SECONDS
from app.settings import Settings, read_settings
from app.settings_errors import variable
from tests.e2e.server import ROOT

pytestmark = pytest.mark.deploy

DEPLOY = ROOT / "deploy"
NAMES = {variable(name) for name in Settings.model_fields}


@pytest.fixture
def compose() -> dict[str, Any]:
    parsed = yaml.safe_load((ROOT / "compose.yaml").read_text())
    assert isinstance(parsed, dict)
    return parsed


def manifests(file: str) -> Iterator[dict[str, Any]]:
    yield from yaml.safe_load_all((DEPLOY / "kubernetes" / file).read_text())


def of_kind(file: str, kind: str) -> dict[str, Any]:
    [found] = [manifest for manifest in manifests(file) if manifest["kind"] == kind]
    return found


def settings_in(file: str) -> dict[str, str]:
    lines = (ROOT / file).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if re.match(r"[A-Z_]+=", line))


def test_compose_is_what_the_specification_says(compose: dict[str, Any]) -> None:
    from compose_spec.models import ComposeSpecification  # noqa: PLC0415 - installed for this suite alone

    specified = ComposeSpecification.model_validate(compose)
    assert sorted(specified.services or {}) == ["agala-1", "agala-2", "caddy", "redis"]


@pytest.mark.parametrize("name", ["agala-1", "agala-2", "caddy", "redis"])
def test_every_service_can_do_little_harm(compose: dict[str, Any], name: str) -> None:
    service = compose["services"][name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("cap_add", []) == (["NET_BIND_SERVICE"] if name == "caddy" else [])


def test_compose_gives_the_proxy_both_servers_and_the_servers_the_proxy(compose: dict[str, Any]) -> None:
    services = compose["services"]
    [port] = re.findall(r"^EXPOSE (\d+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert int(port) == Settings.model_fields["port"].default
    assert services["caddy"]["environment"]["AGALA_REPLICAS"].split() == [
        f"{name}:{port}" for name in services if name.startswith("agala-")
    ]
    [network] = compose["networks"]["front"]["ipam"]["config"]
    assert services["agala-1"]["environment"]["SHOP_TRUSTED_PROXIES"] == network["subnet"]
    assert ipaddress.ip_network(network["subnet"]).is_private
    assert "redis" not in [n for n, s in services.items() if "front" in s["networks"]]


def test_the_caddyfile_knows_the_variables_that_compose_sets(compose: dict[str, Any]) -> None:
    caddyfile = (DEPLOY / "caddy" / "Caddyfile").read_text()
    assert set(re.findall(r"\{\$([A-Z_]+)", caddyfile)) == set(compose["services"]["caddy"]["environment"])


def test_what_compose_asks_for_is_in_its_example_of_settings() -> None:
    asked = set(re.findall(r"\$\{([A-Z_]+):\?", (ROOT / "compose.yaml").read_text()))
    given = settings_in("deploy/agala.env.example")
    assert asked <= set(given)
    assert {given["SHOP_SECRET"], given["REDIS_PASSWORD"]} == {""}


@pytest.mark.parametrize(
    "file",
    [
        "compose.yaml",
        "Dockerfile",
        "deploy/agala.env.example",
        "deploy/kubernetes/agala.yaml",
        "deploy/systemd/agala@.service",
        "docs/deploying.md",
        "docs/chatgpt.md",
    ],
)
def test_every_setting_that_is_named_exists(file: str) -> None:
    named = set(re.findall(r"\bSHOP_[A-Z0-9_]*[A-Z0-9]\b", (ROOT / file).read_text()))
    assert named
    assert named <= NAMES


def test_the_settings_that_are_shipped_are_taken(
    monkeypatch: pytest.MonkeyPatch, compose: dict[str, Any]
) -> None:
    shipped = [
        settings_in("deploy/agala.env.example"),
        compose["services"]["agala-1"]["environment"],
        of_kind("agala.yaml", "ConfigMap")["data"],
    ]
    for settings in shipped:
        with monkeypatch.context() as given:
            for name, value in settings.items():
                if name.startswith("SHOP_") and "$" not in value:
                    given.setenv(name, value)
            read_settings()


@pytest.mark.parametrize("file", ["agala.yaml", "redis.yaml"])
def test_manifests_are_what_kubernetes_says(file: str) -> None:
    import kubernetes_validate  # noqa: PLC0415 - installed for this suite alone

    for manifest in manifests(file):
        kubernetes_validate.validate(manifest, "1.37", strict=True)


@pytest.mark.parametrize(("file", "kind"), [("agala.yaml", "Deployment"), ("redis.yaml", "StatefulSet")])
def test_every_pod_can_do_little_harm(file: str, kind: str) -> None:
    pod = of_kind(file, kind)["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert not pod["automountServiceAccountToken"]
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_manifests_name_each_other_and_the_server_s_port() -> None:
    pod = of_kind("agala.yaml", "Deployment")["spec"]["template"]
    [container] = pod["spec"]["containers"]
    service = of_kind("agala.yaml", "Service")
    assert container["ports"] == [{"name": "http", "containerPort": Settings.model_fields["port"].default}]
    assert service["spec"]["selector"] == pod["metadata"]["labels"]
    assert service["spec"]["ports"][0]["targetPort"] == "http"
    [carts] = [e["value"] for e in container["env"] if e["name"] == "SHOP_CARTS_URL"]
    redis = of_kind("redis.yaml", "Service")
    assert carts.endswith(f"@{redis['metadata']['name']}:{redis['spec']['ports'][0]['port']}")
    user = f"{pod['spec']['securityContext']['runAsUser']}:{pod['spec']['securityContext']['runAsGroup']}"
    assert f"USER {user}" in (ROOT / "Dockerfile").read_text()


def test_redis_keeps_what_it_acknowledged_and_throws_nothing_away(compose: dict[str, Any]) -> None:
    pod = of_kind("redis.yaml", "StatefulSet")["spec"]["template"]["spec"]
    for command in (compose["services"]["redis"]["command"][-1], pod["containers"][0]["args"][0]):
        assert "--appendonly yes --appendfsync always" in command
        assert "--maxmemory-policy noeviction" in command
        assert "--requirepass" in command


def test_everybody_waits_until_a_server_has_ended(compose: dict[str, Any]) -> None:
    needed = DRAIN_SECONDS + GRACE_SECONDS
    pod = of_kind("agala.yaml", "Deployment")["spec"]["template"]["spec"]
    before = int(pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
    [unit] = re.findall(r"^TimeoutStopSec=(\d+)s$", _unit(), re.MULTILINE)
    assert int(compose["services"]["agala-1"]["stop_grace_period"].removesuffix("s")) > needed
    assert pod["terminationGracePeriodSeconds"] > needed + before
    assert int(unit) > needed


def test_the_proxies_look_for_servers_where_the_unit_s_instances_are() -> None:
    enabled = set(re.findall(r"agala@(\d+)", _unit()))
    for file in ("nginx/agala.conf", "caddy/Caddyfile"):
        assert set(re.findall(r"127\.0\.0\.1:(\d+)", (DEPLOY / file).read_text())) == enabled
    assert "SHOP_HOST=127.0.0.1 SHOP_PORT=%i" in _unit()


def _unit() -> str:
    return (DEPLOY / "systemd" / "agala@.service").read_text()
