"""Which host names its conversation where. Data: docs/sessions.md shows the same table.

The keys were read from public issues, specs and code of the hosts in November 2026. Order counts: the
first key of a request that is there decides (identity rule 2).
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class ConversationKey:
    """One kind of conversation id: a namespace of its own, and where hosts put it.

    `meta` are paths into a request's `_meta`; `header` is the HTTP header that carries the same id.
    """

    kind: str
    hosts: str
    meta: tuple[tuple[str, ...], ...] = ()
    header: str | None = None


CONVERSATION_KEYS: Final = (
    ConversationKey("openai/session", "ChatGPT", (("openai/session",),), "X-OpenAI-Session"),
    ConversationKey(
        "codex-thread", "Codex CLI and IDE", (("threadId",), ("x-codex-turn-metadata", "thread_id"))
    ),
    ConversationKey("vscode.conversationId", "VS Code", (("vscode.conversationId",),)),
    ConversationKey("ai.opencode/sessionID", "opencode", (("ai.opencode/sessionID",),)),
    ConversationKey("agent-session-id", "Goose", (("agent-session-id",),), "agent-session-id"),
    ConversationKey(
        "antigravity.google/conversation_id", "Antigravity", (("antigravity.google/conversation_id",),)
    ),
    ConversationKey("open-webui-chat", "Open WebUI, where its admin sets it", (), "X-OpenWebUI-Chat-Id"),
    ConversationKey(
        "librechat-conversation", "LibreChat, where its admin sets it", (), "X-LibreChat-Conversation-Id"
    ),
    ConversationKey("sessionId", "generic clients", (("sessionId",),)),
    ConversationKey("conversationId", "generic clients", (("conversationId",),)),
)

SESSION_HEADER: Final = "Mcp-Session-Id"
"""The transport session of clients of 2025-11-25 and earlier: weak, so a `cart_id` wins over it (rule 3)."""

HEADERS: Final = (*(key.header for key in CONVERSATION_KEYS if key.header), SESSION_HEADER)
"""Every HTTP header that may say who is asking."""

IDEMPOTENCY_META: Final = ("idempotencyKey", "claudecode/toolUseId")
"""The `_meta` keys that are the same on a retry of the same call (rule 9)."""

PLACEHOLDERS: Final = frozenset(
    {
        *("new", "null", "nil", "none", "undefined", "default", "pending", "unknown", "anonymous"),
        *("n/a", "nan", "true", "false"),
    }
)
"""Texts that a client sends when it has no id (rule 7); compared without regard to case."""

PLACEHOLDER_MARKS: Final = ("{{", "}}", "${")
"""Marks of a template that nobody filled in, such as `{{LIBRECHAT_BODY_CONVERSATIONID}}`."""

MAX_ID_LENGTH: Final = 1024
"""No host's id is longer, in characters."""
