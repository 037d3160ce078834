"""Settings: every `SHOP_…` variable, read once from the environment and `.env`."""

from functools import cache
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AliasChoices, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.access.keys import read_key_line
from app.errors import InvalidSetting
from app.money import known_currency
from app.settings_errors import told

_TAKEN_PATHS: Final = ("/mcp", "/healthz", "/readyz", "/privacy", "/.well-known")
ALGORITHMS: Final = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519", "Ed448"),
)
"""Signatures by a key pair. A shared secret (HS256) would let whoever reads it here sign tokens."""


class Settings(BaseSettings):
    """What an operator can set. `.env.example` lists the same with the same defaults."""

    model_config = SettingsConfigDict(
        env_prefix="SHOP_",
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    host: str = Field("127.0.0.1", description="The address to listen on; 0.0.0.0 in a container.")
    port: int = Field(
        8000,
        ge=0,
        le=65535,
        validation_alias=AliasChoices("SHOP_PORT", "PORT"),
        description="The port to listen on (PORT is honoured too); 0 takes a free one.",
    )
    workers: int = Field(
        1,
        ge=1,
        le=256,
        description="How many processes serve, sharing the address and the carts; about one a core.",
    )
    allowed_hosts: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        description="Host names that clients may use besides loopback, separated by commas: shop.example.",
    )
    allowed_origins: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        description="Web origins that may call from a browser, separated by commas: https://shop.example.",
    )
    trusted_proxies: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        description="Addresses or networks of the proxies in front, separated by commas: 10.0.0.0/8. "
        "X-Forwarded-For and X-Forwarded-Proto are believed from them only.",
    )
    max_body_bytes: int = Field(65_536, ge=1024, description="The longest request body, in bytes.")

    max_header_bytes: int = Field(
        32_768, ge=4096, description="The longest header of a request, all fields together, in bytes."
    )
    receive_seconds: float = Field(
        10,
        gt=0,
        le=300,
        description="How long a request's header may take to arrive, and its body, in seconds.",
    )
    max_concurrent: int = Field(
        1024, ge=1, description="Requests that are worked on at once; more are told to come back in a moment."
    )
    limit_calls: str | None = Field(
        None, description="How often one caller may call: 600/minute. Empty: as often as it likes."
    )
    limit_cart_calls: str | None = Field(
        None, description="How often one cart may be called for: 120/minute. Empty: any number."
    )
    limit_new_carts: str | None = Field(
        None, description="How many carts one caller may begin: 60/hour. Empty: any number."
    )
    limit_at_once: int = Field(
        0,
        ge=0,
        description="Calls of one caller that are worked on at once, while others wait their turn; 0: any "
        "number.",
    )
    limit_exempt: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        description="Addresses or networks that are many callers in one, and aren't limited as a caller, "
        "separated by commas.",
    )

    auth: Literal["off", "optional", "required"] = Field(
        "off",
        description="Sign-in. off: nobody is asked; optional: who signs in has carts of their own; required: "
        "nobody else is let in.",
    )
    public_url: str | None = Field(
        None, description="This server's address as clients know it: https://shop.example/mcp."
    )
    auth_issuer: str | None = Field(
        None, description="The OAuth issuer whose tokens are believed, exactly as it calls itself."
    )
    auth_jwks_url: str | None = Field(
        None, description="Where the issuer's public keys are. Empty: as the issuer's own metadata says."
    )
    auth_audience: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        description="The audience that a token must be for, one of these, separated by commas. Empty: "
        "SHOP_PUBLIC_URL.",
    )
    auth_scopes: Annotated[list[str], NoDecode] = Field(
        default_factory=list, description="Scopes that a token must have, separated by commas."
    )
    auth_algorithms: Annotated[list[str], NoDecode] = Field(
        default_factory=lambda: ["RS256", "ES256"],
        description="How tokens may be signed, separated by commas.",
    )
    api_keys: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        description="Lines of `agala key NAME`, separated by commas: NAME:DIGEST.",
    )

    data_dir: Path = Field(Path("data"), description="The folder for carts and imported catalogues.")
    catalog: Path | None = Field(
        None,
        description="A catalogue file, or a folder of them. Empty: what was imported, else the sample.",
    )
    catalog_poll_seconds: float = Field(
        5,
        ge=0,
        le=86_400,
        description="How often the server looks whether its catalogue changed, in seconds; 0: never.",
    )
    currency: str = Field("ILS", description="ISO 4217 currency of catalogues that don't say theirs.")
    base_url: str | None = Field(
        None, description="The shop's address, for catalogues whose product addresses are relative."
    )
    checkout: str | None = Field(
        None,
        description="Where a shopper of the one store goes on: shopify:https://shop.example, "
        "woocommerce:https://shop.example, whatsapp:+972501234567, email:orders@shop.example, or an address "
        "with {items}. Several stores: checkout.toml beside the catalogue.",
    )

    carts_url: str = Field(
        "sqlite:///carts.db",
        description="Where carts are kept: sqlite:///FILE (a relative FILE is inside SHOP_DATA_DIR), "
        "redis://, redis+cluster://, redis+sentinel://.",
    )
    redis_wait: int = Field(
        0,
        ge=0,
        le=10,
        description="How many Redis replicas must have a change before it is acknowledged.",
    )
    cart_ttl_seconds: int = Field(
        30 * 24 * 3600, ge=60, description="A cart is kept this long after its last change, in seconds."
    )
    max_quantity: int = Field(999, ge=1, le=1_000_000, description="The most of one product in a cart.")
    max_lines: int = Field(100, ge=1, le=1000, description="The most different products in a cart.")

    secret: str | None = Field(
        None,
        description="Makes cart_ids unguessable; at least 16 characters, the same on all replicas. "
        "Empty: made at the first start and kept with the carts.",
    )
    session_fallback: Literal["handle", "shared", "refuse"] = Field(
        "handle",
        description="For clients that name no conversation: handle (a private cart, found again by its "
        "cart_id), shared (one cart for all of them; for a server with one user), refuse.",
    )
    ignore_session_header: bool = Field(
        False,
        description="true where a gateway puts several users on one Mcp-Session-Id.",
    )
    min_session_id_length: int = Field(
        3, ge=1, le=64, description="Shorter conversation ids are refused; raise it in production."
    )

    contact: str | None = Field(
        None,
        description="Who runs the shop and how to reach them, as /privacy says: Green Shop Ltd., "
        "1 Main Street, Dublin, privacy@shop.example.",
    )
    openai_challenge: str | None = Field(
        None,
        pattern=r"^[\x21-\x7e]+$",
        description="The token of OpenAI's portal that /.well-known/openai-apps-challenge shows, to prove "
        "that the domain is yours.",
    )

    debug_tools: bool = Field(True, description="false takes the debug_session tool off.")
    debug_others: bool = Field(True, description="false hides other sessions in debug_session.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="How much is logged.")
    log_format: Literal["auto", "json", "pretty"] = Field(
        "auto",
        description="json: an object a line; pretty: for people; auto: pretty on a terminal, else json.",
    )
    metrics: str | None = Field(
        None,
        description="Where Prometheus may scrape: [HOST:]PORT for a port of its own, or a path of the "
        "shop's port: /metrics. Empty: nowhere.",
    )

    @property
    def metrics_path(self) -> str | None:
        """The path of the shop's own port that metrics are at."""
        return self.metrics if self.metrics is not None and self.metrics.startswith("/") else None

    @property
    def metrics_address(self) -> tuple[str, int] | None:
        """The host and port that metrics are at, where they have a port of their own."""
        if self.metrics is None or self.metrics.startswith("/"):
            return None
        host, _, port = self.metrics.rpartition(":")
        return host.strip("[]") or "127.0.0.1", int(port)

    @field_validator(
        *("allowed_hosts", "allowed_origins", "trusted_proxies", "limit_exempt"),
        *("auth_audience", "auth_scopes", "auth_algorithms", "api_keys"),
        mode="before",
    )
    @classmethod
    def _split(cls, value: object) -> object:
        return (
            [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
        )

    @field_validator("trusted_proxies", "limit_exempt")
    @classmethod
    def _networks(cls, value: list[str]) -> list[str]:
        for network in value:
            try:
                ip_network(network)
            except ValueError:
                raise ValueError(
                    f"{network} is no address or network such as 10.0.0.7 or 10.0.0.0/8"
                ) from None
        return value

    @field_validator("secret")
    @classmethod
    def _long_enough(cls, value: str | None) -> str | None:
        if value is not None and len(value) < 16:
            raise ValueError("must have at least 16 characters; `openssl rand -hex 32` makes a good one")
        return value

    @field_validator("metrics")
    @classmethod
    def _metrics(cls, value: str | None) -> str | None:
        if value is None or (value.startswith("/") and not value.startswith(_TAKEN_PATHS) and value != "/"):
            return value
        port = value.rpartition(":")[2]
        if not (port.isdecimal() and int(port) <= 65535):
            raise ValueError("must be a port, HOST:PORT, or a path that isn't taken, such as /metrics")
        return value

    @field_validator("currency")
    @classmethod
    def _currency(cls, value: str) -> str:
        if not known_currency(value):
            raise ValueError("must be an ISO 4217 currency code such as ILS, EUR or USD")
        return value

    @field_validator("limit_calls", "limit_cart_calls", "limit_new_carts")
    @classmethod
    def _rate(cls, value: str | None) -> str | None:
        if value is None:
            return None
        from limits import parse  # noqa: PLC0415 - only who sets limits waits for its import

        try:
            parse(value)
        except ValueError:
            raise ValueError("must be a number a time, such as 10/second, 600/minute or 60/hour") from None
        return value

    @field_validator("api_keys")
    @classmethod
    def _digests(cls, value: list[str]) -> list[str]:
        for line in value:
            read_key_line(line)
        return value

    @field_validator("auth_algorithms")
    @classmethod
    def _algorithms(cls, value: list[str]) -> list[str]:
        unknown = sorted(set(value) - set(ALGORITHMS))
        if unknown or not value:
            raise ValueError(f"must be some of {', '.join(ALGORITHMS)}")
        return value

    @model_validator(mode="after")
    def _sign_in(self) -> Self:
        if self.auth != "off" and not self.auth_issuer and not self.api_keys:
            raise ValueError(
                f"SHOP_AUTH={self.auth} needs SHOP_AUTH_ISSUER, or SHOP_API_KEYS with a line of "
                "`agala key NAME`"
            )
        if self.auth != "off" and self.auth_issuer and not self.public_url:
            raise ValueError(
                "SHOP_AUTH_ISSUER needs SHOP_PUBLIC_URL: clients that sign in must know what for, such as "
                "https://shop.example/mcp"
            )
        return self

    @field_validator("base_url", "public_url", "auth_issuer", "auth_jwks_url")
    @classmethod
    def _base_url(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("must start with https:// or http://")
        return value


@cache
def current_settings() -> Settings:
    """The settings of this process, read at the first call.

    Raises `InvalidSetting` with one sentence for each variable that can't be used.
    """
    return read_settings()


def read_settings(**given: Any) -> Settings:
    """Settings from the environment and `.env`, with `given` before them. Raises `InvalidSetting`."""
    try:
        return Settings(**given)
    except ValidationError as error:
        raise InvalidSetting(" ".join(map(told, error.errors(include_url=False)))) from None
