"""From what a request carries to the session it belongs to: the rules of docs/sessions.md, in order."""

import dataclasses
import hashlib
import hmac
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from app.carts.handle import CartId, cart_key, cart_ticket, derived_cart_id, parse_cart_id
from app.errors import BadConversationId, ConversationRequired, InvalidIdempotencyKey, OtherCart
from app.messages import Message
from app.sessions.hosts import (
    CONVERSATION_KEYS,
    IDEMPOTENCY_META,
    MAX_ID_LENGTH,
    PLACEHOLDER_MARKS,
    PLACEHOLDERS,
    SESSION_HEADER,
)
from app.sessions.session import ANONYMOUS, Recognition, Session

Fallback = Literal["handle", "shared", "refuse"]

_ABSENT: Final = object()
_MAX_KEY_LENGTH: Final = 512
_TICKETED: Final = (Recognition.CONVERSATION, Recognition.SHARED, Recognition.TICKET)


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that a request carries that may identify it, unchecked.

    `headers` gives all values of a header by its name in lower case. `outer_meta` reads the `_meta` that
    some clients misplace beside `params`; it is asked for only if `meta` names no conversation. `locale` is
    the one that the answer is wanted in; it identifies nobody.
    """

    principal: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    outer_meta: Callable[[], Mapping[str, Any]] = dict
    headers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    cart_id: object = None
    ticket: object = None
    idempotency_key: object = None
    locale: str | None = None


@dataclass(frozen=True, slots=True)
class _Claim:
    """A conversation id as a request claims it, and where it stood."""

    kind: str
    source: str
    value: str


class Resolver:
    """Turns evidence into a session. `secret` must be the same on all replicas."""

    def __init__(
        self,
        secret: bytes,
        *,
        fallback: Fallback = "handle",
        ignore_session_header: bool = False,
        min_id_length: int = 3,
    ) -> None:
        self._secret = secret
        self._fallback = fallback
        self._ignore_session_header = ignore_session_header
        self._min_id_length = min_id_length

    def resolve(self, evidence: Evidence) -> Session:
        """The session of a request.

        Raises:
            BadConversationId: what stands where an id should be can't be one, or two places differ.
            InvalidCartId: the `cart_id` argument isn't a handle.
            OtherCart: the `cart_id` isn't the cart of the conversation that the request names.
            ConversationRequired: nothing names a cart, and the operator turned such callers away.
            InvalidIdempotencyKey: the key of a retry isn't usable as one.
        """
        session = self._resolved(evidence)
        return dataclasses.replace(session, locale=evidence.locale) if evidence.locale else session

    def _resolved(self, evidence: Evidence) -> Session:
        owner = self._owner(evidence.principal)
        key = _idempotency_key(evidence)
        named = self._conversation(evidence)
        handle = self._handle(evidence)
        if named is not None:
            session = self._derived(owner, named, key)
            if handle is not None and not _is_handle_of(session, handle):
                raise OtherCart
            return session
        if handle is not None:
            return self._by_handle(owner, handle, evidence, key)
        weak = self._weak(owner, evidence, key)
        if weak is not None:
            return weak
        if self._fallback == "refuse":
            raise ConversationRequired
        return Session(owner, None, Recognition.NOTHING, "nothing", None, key)

    def ticket(self, session: Session) -> str | None:
        """The ticket with which the widgets of a conversation may begin its cart; None where there is none.

        Only for a cart that the same caller is sure to find again: `Mcp-Session-Id` may change with the
        next call, and a cart that is named by its handle must be there already.
        """
        if session.cart_id is None or session.recognition not in _TICKETED:
            return None
        return cart_ticket(self._secret, session.owner, session.cart_id)

    def _is_ticket(self, ticket: object, owner: str, handle: CartId) -> bool:
        expected = cart_ticket(self._secret, owner, handle)
        return isinstance(ticket, str) and ticket.isascii() and hmac.compare_digest(ticket, expected)

    def _owner(self, principal: str | None) -> str:
        if principal is None:
            return ANONYMOUS
        return hmac.new(self._secret, principal.encode(), hashlib.sha256).hexdigest()

    def _by_handle(self, owner: str, handle: CartId, evidence: Evidence, key: str | None) -> Session:
        """A handle wins over what is weaker; but if that leads to the same cart, it may begin it too."""
        try:
            weak = self._weak(owner, evidence, key)
        except BadConversationId:
            weak = None
        if weak is not None and _is_handle_of(weak, handle):
            return weak
        if evidence.ticket is not None and self._is_ticket(evidence.ticket, owner, handle):
            return Session(owner, handle, Recognition.TICKET, "argument ticket", None, key)
        before = None if owner == ANONYMOUS else cart_key(ANONYMOUS, handle)
        return Session(owner, handle, Recognition.HANDLE, "argument cart_id", None, key, before)

    def _weak(self, owner: str, evidence: Evidence, key: str | None) -> Session | None:
        """What a caller has that names neither its conversation nor its cart."""
        header = self._session_header(evidence)
        if header is not None:
            return self._derived(owner, header, key, Recognition.TRANSPORT)
        if self._fallback == "shared":
            claim = _Claim("shared", "SHOP_SESSION_FALLBACK=shared", "default")
            return self._derived(owner, claim, key, Recognition.SHARED)
        return None

    def _derived(
        self,
        owner: str,
        claim: _Claim,
        key: str | None,
        recognition: Recognition = Recognition.CONVERSATION,
    ) -> Session:
        cart_id = derived_cart_id(self._secret, owner, claim.kind, claim.value)
        before = None
        # What all callers shared before is nobody's to take.
        if owner != ANONYMOUS and recognition is not Recognition.SHARED:
            anonymous = derived_cart_id(self._secret, ANONYMOUS, claim.kind, claim.value)
            before = cart_key(ANONYMOUS, anonymous)
        return Session(owner, cart_id, recognition, claim.source, claim.value, key, before)

    def _conversation(self, evidence: Evidence) -> _Claim | None:
        claim = next(self._meta_claims(evidence.meta, ""), None) or next(
            self._meta_claims(evidence.outer_meta(), "top-level "), None
        )
        if claim is not None:
            self._agrees(claim, evidence)
            return claim
        for key in CONVERSATION_KEYS:
            if key.header and (value := _header(evidence, key.header)) is not None:
                return _Claim(key.kind, f"header {key.header}", self._checked(value, f"header {key.header}"))
        return None

    def _meta_claims(self, meta: Mapping[str, Any], prefix: str) -> Iterator[_Claim]:
        for key in CONVERSATION_KEYS:
            for path in key.meta:
                source = f"{prefix}_meta" + "".join(f'["{step}"]' for step in path)
                value = _at(meta, path, source)
                if value is not _ABSENT:
                    yield _Claim(key.kind, source, self._checked(value, source))

    def _agrees(self, claim: _Claim, evidence: Evidence) -> None:
        """The host's own header, where it is sent too, must name the same conversation (rule 2)."""
        header = next((key.header for key in CONVERSATION_KEYS if key.kind == claim.kind), None)
        value = _header(evidence, header) if header else None
        if value is not None and value != claim.value:
            raise BadConversationId(
                Message(
                    "{source} and header {header} name two different conversations, so it isn't known which "
                    "cart is meant. Send the same id in both, or only one of them.",
                    source=claim.source,
                    header=header,
                )
            )

    def _session_header(self, evidence: Evidence) -> _Claim | None:
        if self._ignore_session_header:
            return None
        value = _header(evidence, SESSION_HEADER)
        if value is None:
            return None
        source = f"header {SESSION_HEADER}"
        return _Claim("mcp-session-id", source, self._checked(value, source))

    def _handle(self, evidence: Evidence) -> CartId | None:
        if evidence.cart_id is None:
            return None
        # Not text: the tool's schema refuses it with better words than could be found here.
        return parse_cart_id(evidence.cart_id) if isinstance(evidence.cart_id, str) else None

    def _checked(self, value: object, source: str) -> str:
        """`value` if it can be a conversation id (rule 7); a constant would open one cart for everybody."""
        wrong = _wrong_with(value, source, self._min_id_length)
        if wrong is not None:
            raise BadConversationId(
                wrong,
                Message(
                    "So no conversation can be told by it, and no cart was opened. Send this chat's own "
                    "unique id there, or leave the field out."
                ),
            )
        assert isinstance(value, str)  # noqa: S101 - _wrong_with has seen to it
        return value


def _is_handle_of(session: Session, handle: CartId) -> bool:
    """Whether `handle` is the cart's, or was when its caller hadn't signed in yet."""
    return handle == session.cart_id or (
        session.before is not None and session.before == cart_key(ANONYMOUS, handle)
    )


def _wrong_with(value: object, source: str, min_length: int) -> Message | None:
    """What keeps `value` from being a conversation id; None if nothing does."""
    if not isinstance(value, str):
        return Message("{source} isn't a text.", source=source)
    if len(value) < min_length:
        return Message("{source} is shorter than {length} characters.", source=source, length=min_length)
    if len(value) > MAX_ID_LENGTH:
        return Message("{source} is longer than {length} characters.", source=source, length=MAX_ID_LENGTH)
    if " " in value or not value.isprintable():
        return Message("{source} has blanks or control characters.", source=source)
    folded = value.casefold().strip("<>[](){}\"'")
    if (
        folded in PLACEHOLDERS
        or any(mark in value for mark in PLACEHOLDER_MARKS)
        or set(folded) <= {"0", "-"}
        or folded.replace("-", "") == "f" * 32  # the largest UUID is as much a constant as the zero one
    ):
        return Message("{source} is a placeholder.", source=source)
    return None


def _at(meta: Mapping[str, Any], path: tuple[str, ...], source: str) -> object:
    """The value at `path`, or _ABSENT. What stands in the way of a longer path can't be an id either."""
    value: object = meta
    for step in path:
        if not isinstance(value, Mapping):
            raise BadConversationId(
                Message(
                    "{source} can't be read: what stands there isn't an object. Leave it out.",
                    source=source,
                )
            )
        if step not in value:
            return _ABSENT
        value = value[step]
    return value


def _header(evidence: Evidence, name: str) -> str | None:
    """The one value of a header. Raises `BadConversationId` if it was sent twice with two values."""
    values = set(evidence.headers.get(name.lower(), ()))
    if len(values) > 1:
        raise BadConversationId(
            Message("Header {header} was sent with two different values. Send it once.", header=name)
        )
    return values.pop() if values else None


def _idempotency_key(evidence: Evidence) -> str | None:
    """The argument, else the first key in `_meta` (rule 9). Never the JSON-RPC id: clients repeat it."""
    for source, value in _keys(evidence):
        if not isinstance(value, str) or not 0 < len(value) <= _MAX_KEY_LENGTH or not value.isprintable():
            raise InvalidIdempotencyKey(
                Message(
                    "{source} must be a text of 1 to {most} printable characters. Nothing was done: send a "
                    "key that is unique to this change, or none.",
                    source=source,
                    most=_MAX_KEY_LENGTH,
                )
            )
        return value
    return None


def _keys(evidence: Evidence) -> Iterator[tuple[str, object]]:
    if evidence.idempotency_key is not None:
        yield "argument idempotency_key", evidence.idempotency_key
    yield from _keys_in(evidence.meta, "")
    yield from _keys_in(evidence.outer_meta(), "top-level ")


def _keys_in(meta: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, object]]:
    for name in IDEMPOTENCY_META:
        if meta.get(name) is not None:
            yield f'{prefix}_meta["{name}"]', meta[name]
