"""Who a request comes from, as far as it is verified: a principal, else a client address."""

import json
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from starlette.types import Scope

_SITE_BITS: Final = 64
"""One IPv6 customer has all addresses that begin with the same 64 bits, at least."""


def principal_of(token: AccessToken) -> str:
    """Who a verified token is about. Subjects are unique only together with their issuer."""
    claims = getattr(token, "claims", None) or {}
    return json.dumps([claims.get("iss"), claims.get("sub") or token.client_id])


def caller_of(scope: Scope) -> str:
    """The principal of a request, else its client address; of IPv6 the network that one customer has.

    The address is that of the connection, unless a proxy that is trusted said another (app/server.py).
    """
    user = scope.get("user")
    if isinstance(user, AuthenticatedUser):
        return principal_of(user.access_token)
    host = (scope.get("client") or ("",))[0]
    if ":" not in host:
        return str(host)
    try:
        address = IPv6Address(host.partition("%")[0])
    except ValueError:
        return str(host)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return f"{IPv6Address(int(address) >> _SITE_BITS << _SITE_BITS)}/{_SITE_BITS}"


class Exempt:
    """Networks whose addresses are many callers in one."""

    def __init__(self, networks: Sequence[str]) -> None:
        self._networks: list[IPv4Network | IPv6Network] = [ip_network(network) for network in networks]

    def has(self, scope: Scope) -> bool:
        """Whether the request comes from one of them without having said who its user is."""
        if not self._networks or isinstance(scope.get("user"), AuthenticatedUser):
            return False
        try:
            address = ip_address((scope.get("client") or ("",))[0])
        except ValueError:
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks)
