"""What only the Redis backend can get wrong."""

import asyncio
import logging
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis.exceptions import ReadOnlyError

from app.carts.cart import KEEP_EXPIRED_SECONDS, Cart
from app.carts.open import open_carts
from app.carts.redis import RedisCarts
from app.carts.redis_url import open_nodes
from app.errors import CartDamaged, InvalidSetting, StoreUnavailable
from tests.carts.test_backends import NOW, TTL, a_key, add
from tests.redis_servers import (
    DURABLE,
    RedisServer,
    cluster_url,
    redis_cluster,
    redis_sentinel,
    redis_server,
    wait_until,
)


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
def server(shared_server: RedisServer) -> RedisServer:
    shared_server.ask().flushall()
    return shared_server


@pytest.mark.parametrize(
    "url",
    [
        "redis://",
        "redis://host:port",
        "redis://a,b",
        "redis://host/x",
        "redis://host/0/1",
        "redis://host?db=3",
        "redis+cluster://a,b/1",
        "redis+sentinel://a,b",
        "redis+ssh://host",
        "rediss+cluster://",
    ],
)
async def test_a_url_that_cannot_be_read_is_refused_in_a_sentence(tmp_path: Path, url: str) -> None:
    with pytest.raises(InvalidSetting, match=r"^SHOP_CARTS_URL") as error:
        await open_carts(url, tmp_path / "data")
    assert "redis://" in str(error.value)
    assert list(tmp_path.iterdir()) == []


async def test_nobody_there_and_a_wrong_password_are_said_without_the_password(
    tmp_path: Path, free_port: int
) -> None:
    with pytest.raises(InvalidSetting, match=rf"127\.0\.0\.1:{free_port} can't be used"):
        await open_carts(f"redis://127.0.0.1:{free_port}", tmp_path)
    with redis_server(tmp_path / "redis", "--requirepass", "right-one", "--appendonly", "yes") as server:
        for access in ("", ":wrong-one@", "nobody:wrong-one@"):
            with pytest.raises(InvalidSetting, match="Check the user and the password") as error:
                await open_carts(f"redis://{access}{server.address}", tmp_path)
            assert "wrong-one" not in str(error.value)
        carts = await open_carts(f"redis://:right-one@{server.address}/3", tmp_path)
        await carts.change(a_key(), add())
        await carts.close()


async def test_it_is_said_when_carts_may_get_lost(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    careless = ("--save", "", "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
    with redis_server(tmp_path / "careless", *careless) as server:
        await (await open_carts(server.url, tmp_path)).close()
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert "appendonly yes" in caplog.text
    assert "maxmemory-policy noeviction" in caplog.text
    caplog.clear()
    with redis_server(tmp_path / "careful") as server:
        await (await open_carts(server.url, tmp_path)).close()
    assert caplog.records == []


async def test_redis_drops_a_cart_by_itself_once_it_cannot_be_brought_back(
    server: RedisServer, tmp_path: Path
) -> None:
    carts = await open_carts(server.url, tmp_path)
    await carts.change(a_key(), add())
    (name,) = server.ask().keys("agala:*:cart:*")
    ttl = server.ask().ttl(name)
    await carts.close()
    assert TTL + KEEP_EXPIRED_SECONDS - 10 < ttl <= TTL + KEEP_EXPIRED_SECONDS


async def test_a_damaged_cart_is_an_error_of_its_own(server: RedisServer, tmp_path: Path) -> None:
    carts = await open_carts(server.url, tmp_path)
    key = a_key()
    await carts.change(key, add())
    (name,) = server.ask().keys("agala:*:cart:*")
    server.ask().hset(name, "b", "not a cart")
    await carts.close()
    carts = await open_carts(server.url, tmp_path)
    for attempt in (carts.load(key), carts.change(key, add())):
        with pytest.raises(CartDamaged):
            await attempt
    assert (await carts.change(a_key(), add())).total_quantity == 1
    await carts.close()


async def test_a_server_that_went_away_is_an_error_and_is_found_again(tmp_path: Path) -> None:
    with redis_server(tmp_path / "redis", *DURABLE) as server:
        carts = await open_carts(server.url, tmp_path)
        key = a_key()
        await carts.change(key, add())
        server.kill()
        with pytest.raises(StoreUnavailable):
            await carts.change(key, add())
        with pytest.raises(StoreUnavailable):
            await carts.ping()
        server.start()
        assert (await carts.change(key, add())).quantity("s:1") == 2
        await carts.close()


async def test_who_waits_behind_a_change_that_fails_does_not_wait_as_long_again(tmp_path: Path) -> None:
    with redis_server(tmp_path / "redis", *DURABLE) as server:
        carts = await open_carts(server.url, tmp_path)
        key = a_key()
        await carts.change(key, add())
        server.freeze()
        first = asyncio.create_task(carts.change(key, add()))
        await asyncio.sleep(0.1)
        second = asyncio.create_task(carts.change(key, add()))
        outcomes = await asyncio.gather(first, second, return_exceptions=True)
        assert outcomes[0] is outcomes[1]
        assert isinstance(outcomes[0], StoreUnavailable)
        server.thaw()
        assert (await carts.change(key, add())).quantity("s:1") >= 2
        await carts.close()


async def test_a_save_is_not_put_over_another_one_with_the_same_count(
    server: RedisServer, tmp_path: Path
) -> None:
    """As after a failover: the new primary lacked the save that was read, and then another was made."""
    carts = await open_carts(server.url, tmp_path)
    key = a_key()
    await carts.change(key, add(1))
    (name,) = server.ask().keys("agala:*:cart:*")
    lagging = server.ask().dump(name) or b""
    await carts.change(key, add(100))
    other = server.ask().dump(name) or b""
    server.ask().restore(name, 0, lagging, replace=True)
    await carts.change(key, add(10))

    def rule(cart: Cart | None) -> Cart:
        if cart and cart.quantity("s:1") == 11:
            server.ask().restore(name, 0, other, replace=True)
        return add(500)(cart)

    changed = await carts.change(key, rule)
    await carts.close()
    assert changed.quantity("s:1") == 601


async def test_a_server_that_is_full_refuses_and_goes_on_reading(tmp_path: Path) -> None:
    with redis_server(tmp_path / "redis", *DURABLE) as server:
        carts = await open_carts(server.url, tmp_path)
        key = a_key()
        await carts.change(key, add())
        server.cli("config", "set", "maxmemory", "1mb")
        with pytest.raises(StoreUnavailable):
            await carts.change(key, add())
        cart = await carts.load(key)
        assert cart is not None
        assert cart.quantity("s:1") == 1
        server.cli("config", "set", "maxmemory", "0")
        assert (await carts.change(key, add())).quantity("s:1") == 2
        await carts.close()


async def test_a_save_waits_for_replicas_if_it_is_told_to(tmp_path: Path) -> None:
    with redis_server(tmp_path / "alone", *DURABLE) as server:
        carts = await open_carts(server.url, tmp_path, wait_replicas=1)
        with pytest.raises(StoreUnavailable, match="unknown whether"):
            await carts.change(a_key(), add())
        await carts.close()


async def test_sentinel_leads_to_the_primary(tmp_path: Path) -> None:
    with redis_sentinel(tmp_path / "watched") as (url, primary, _):
        carts = await open_carts(url, tmp_path, wait_replicas=1)
        await carts.change(a_key(), add())
        assert len(primary.ask().keys("agala:*:cart:*")) == 1
        await carts.close()


async def test_a_primary_that_became_a_replica_is_seen_as_one_also_with_wait(tmp_path: Path) -> None:
    """It refuses WAIT as well, in words that would not lead to the new primary."""
    with redis_server(tmp_path / "redis") as server:
        nodes = await open_nodes(server.url, wait_replicas=1)
        server.cli("replicaof", "127.0.0.1", "1")
        with pytest.raises(ReadOnlyError):
            await nodes.call("x", "SET", "x", "1", write=True)
        await nodes.close()


async def test_with_wait_nothing_is_acknowledged_that_is_only_on_the_primary(tmp_path: Path) -> None:
    """Not even the repeat of a change that was saved, but on too few replicas."""
    with redis_server(tmp_path / "primary") as primary:
        of_primary = ("--replicaof", f"127.0.0.1 {primary.port}")
        with redis_server(tmp_path / "replica", *DURABLE, *of_primary) as replica:
            wait_until(lambda: "state=online" in primary.cli("info", "replication"))
            carts = await open_carts(primary.url, tmp_path, wait_replicas=1)
            key = a_key()
            changed = await carts.change(key, add())
            replica.freeze()
            for rule in (add(), as_it_is):
                with pytest.raises(StoreUnavailable):
                    await carts.change(key, rule)
            replica.thaw()
            again = await carts.change(key, as_it_is)
            await carts.close()
    assert (changed.quantity("s:1"), again.quantity("s:1")) == (1, 2)


def as_it_is(cart: Cart | None) -> Cart:
    """The rule of a repeat: the change was made before."""
    assert cart is not None
    return cart


async def test_carts_of_a_cluster_are_spread_over_its_servers(tmp_path: Path) -> None:
    with redis_cluster(tmp_path / "cluster", masters=3, replicas=0) as servers:
        carts = await open_carts(cluster_url(servers), tmp_path)
        await asyncio.gather(*(carts.change(a_key(), add()) for _ in range(300)))
        held = [len(server.ask().keys("agala:*:cart:*")) for server in servers]
        assert await carts.count(NOW) == 300
        await carts.close()
    assert sum(held) == 300
    assert min(held) > 50


async def test_tls_is_spoken_where_the_url_asks_for_it(tmp_path: Path, free_port: int) -> None:
    certificate, key = tmp_path / "server.pem", tmp_path / "server.key"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-nodes", "-keyout", str(key), "-out", str(certificate), "-days", "2"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    secure = ("--tls-port", str(free_port), "--tls-cert-file", str(certificate), "--tls-key-file", str(key))
    with redis_server(tmp_path / "redis", *DURABLE, *secure, "--tls-auth-clients", "no"):
        url = f"rediss://127.0.0.1:{free_port}"
        with pytest.raises(InvalidSetting):
            await open_carts(url, tmp_path)
        carts = await open_carts(f"{url}?ssl_ca_certs={certificate}", tmp_path)
        assert (await carts.change(a_key(), add())).total_quantity == 1
        await carts.close()


async def test_lines_to_other_servers_are_let_go_at_the_end(server: RedisServer, tmp_path: Path) -> None:
    carts = await open_carts(server.url, tmp_path)
    assert isinstance(carts, RedisCarts)
    await carts.ping()
    await carts.close()
    with pytest.raises(StoreUnavailable):
        await carts.change(a_key(), add())
