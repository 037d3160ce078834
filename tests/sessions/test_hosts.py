from pathlib import Path

from app.sessions.hosts import CONVERSATION_KEYS

DOC = Path(__file__).parents[2] / "docs" / "sessions.md"


def test_the_documented_table_of_hosts_is_the_one_in_use() -> None:
    text = DOC.read_text(encoding="utf-8")
    for key in CONVERSATION_KEYS:
        assert f"`{key.kind}`" in text
        assert not key.header or f"`{key.header}`" in text
        for path in key.meta:
            assert "`_meta" + "".join(f'["{step}"]' for step in path) + "`" in text


def test_every_kind_is_a_namespace_of_its_own() -> None:
    assert len({key.kind for key in CONVERSATION_KEYS}) == len(CONVERSATION_KEYS)
    paths = [path for key in CONVERSATION_KEYS for path in key.meta]
    assert len(set(paths)) == len(paths)


def test_vendor_keys_come_first_then_session_then_conversation() -> None:
    assert [key.kind for key in CONVERSATION_KEYS][-2:] == ["sessionId", "conversationId"]
