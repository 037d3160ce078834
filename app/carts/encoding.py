"""A cart as bytes, for a backend to keep.

MessagePack, each value as an array of its fields in the order of its class: a third of the size of JSON with
names, and read in half the time. So a field is only ever added at the end, with a default.
"""

from typing import Any, Final, get_args

import msgspec

from app.carts.cart import Cart

_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(Cart)


def encode(cart: Cart) -> bytes:
    return _ENCODER.encode(cart)


def decode(body: bytes) -> Cart:
    """The cart that `encode` wrote, or JSON with names, as it was before. Raises `ValueError` for anything
    else."""
    try:
        if body[:1] == b"{":
            return msgspec.convert(_in_order(msgspec.json.decode(body), Cart), Cart)
        return _DECODER.decode(body)
    except (msgspec.DecodeError, TypeError, LookupError) as error:
        raise ValueError(str(error)) from error


def _in_order(value: Any, kind: Any) -> Any:
    """A value by names as the array of its fields that `kind`, or what it is made of, is kept as."""
    if isinstance(value, list):
        return [_in_order(one, get_args(kind)[0]) for one in value]
    if not isinstance(value, dict):
        return value
    struct = next(one for one in (kind, *get_args(kind)) if isinstance(one, type))
    return [
        _in_order(value[field.name], field.type) if field.name in value else field.default
        for field in msgspec.structs.fields(struct)
    ]
