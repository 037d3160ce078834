from pathlib import Path

import pytest

from app.errors import InvalidSetting
from app.settings import Settings, read_settings
from app.settings_errors import variable

ROOT = Path(__file__).parents[1]


def test_env_example_lists_every_setting_with_its_default() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    listed = dict(line.split("=", 1) for line in lines if line.startswith("SHOP_"))
    defaults = Settings.model_construct()
    assert listed == {variable(name): _written(getattr(defaults, name)) for name in Settings.model_fields}


def _written(value: object) -> str:
    if value is None or value == []:
        return ""
    if isinstance(value, list):
        return ",".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_port_is_honoured_and_shop_port_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "9001")
    assert read_settings().port == 9001
    monkeypatch.setenv("SHOP_PORT", "9002")
    assert read_settings().port == 9002


def test_settings_come_from_a_dotenv_file_too() -> None:
    Path(".env").write_text("SHOP_HOST=0.0.0.0\nSHOP_ALLOWED_HOSTS=a.example, b.example\nSHOP_SECRET=\n")
    settings = read_settings()
    assert (settings.host, settings.allowed_hosts, settings.secret) == (
        "0.0.0.0",
        ["a.example", "b.example"],
        None,
    )


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SHOP_PORT", "http", "SHOP_PORT='http'"),
        ("SHOP_PORT", "70000", "SHOP_PORT='70000'"),
        ("SHOP_SESSION_FALLBACK", "default", "'handle', 'shared' or 'refuse'"),
        ("SHOP_SECRET", "short", "SHOP_SECRET: must have at least 16 characters"),
        ("SHOP_CURRENCY", "XXL", "ISO 4217"),
        ("SHOP_TRUSTED_PROXIES", "10.0.0.1, proxy", "proxy is no address or network"),
        ("SHOP_BASE_URL", "shop.example", "https://"),
        ("SHOP_MAX_QUANTITY", "0", "SHOP_MAX_QUANTITY='0'"),
        ("SHOP_AUTH", "optional", "SHOP_AUTH=optional needs SHOP_AUTH_ISSUER, or SHOP_API_KEYS"),
        ("SHOP_AUTH_ALGORITHMS", "HS256", "RS256"),
    ],
)
def test_a_bad_value_is_named_with_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(InvalidSetting) as error:
        read_settings()
    assert said in str(error.value)


def test_an_issuer_needs_the_address_that_tokens_are_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_AUTH", "required")
    monkeypatch.setenv("SHOP_AUTH_ISSUER", "https://login.example/")
    with pytest.raises(InvalidSetting, match="SHOP_PUBLIC_URL"):
        read_settings()


@pytest.mark.parametrize("name", ["SHOP_SECRET", "SHOP_API_KEYS"])
def test_a_refused_secret_is_never_shown(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "hunter2")
    with pytest.raises(InvalidSetting) as error:
        read_settings()
    assert "hunter2" not in str(error.value)
