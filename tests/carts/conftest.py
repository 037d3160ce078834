"""Where backends keep carts in tests: in a file, in a Redis, in a cluster of Redis."""

from collections.abc import Iterator

import pytest
import redis

from tests.redis_servers import cluster_url, redis_cluster, redis_server


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server.url


@pytest.fixture(scope="session")
def redis_cluster_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_cluster(tmp_path_factory.mktemp("cluster")) as servers:
        yield cluster_url(servers)


@pytest.fixture(params=["sqlite", "redis", "redis-cluster"])
def url(request: pytest.FixtureRequest) -> str:
    """Where a backend keeps its carts, with none there yet; opening it again finds the same carts."""
    if request.param == "sqlite":
        return "sqlite:///carts.db"
    if request.param == "redis":
        url = str(request.getfixturevalue("redis_url"))
        redis.Redis.from_url(url).flushall()
        return url
    url = str(request.getfixturevalue("redis_cluster_url"))
    host, port = url.removeprefix("redis+cluster://").split(",")[0].split(":")
    with redis.RedisCluster(host=host, port=int(port)) as cluster:
        cluster.flushall(target_nodes=redis.RedisCluster.PRIMARIES)
    return url
