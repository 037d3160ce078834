import pytest

from app.access.keys import KEY_PREFIX, ApiKeys, new_key, read_key_line


def test_a_key_opens_and_its_line_shows_nothing_of_it() -> None:
    key, line = new_key("dana@shop.example")
    keys = ApiKeys([line])
    assert keys.name_of(key) == "dana@shop.example"
    assert key.removeprefix(KEY_PREFIX)[:8] not in line
    assert keys.name_of(line.partition(":")[2]) is None


def test_two_keys_of_one_name_are_one_caller() -> None:
    (old, old_line), (new, new_line) = new_key("robot"), new_key("robot")
    keys = ApiKeys([old_line, new_line])
    assert keys.name_of(old) == keys.name_of(new) == "robot"


@pytest.mark.parametrize("key", ["", "agala_", "agala_\ud800", "agala_ü", "x" * 100_000])
def test_anything_else_is_nobodys(key: str) -> None:
    assert ApiKeys([new_key("robot")[1]]).name_of(key) is None


@pytest.mark.parametrize("line", ["", "robot", "robot:", "robot:xyz", ":" + "a" * 64, "a b:" + "a" * 64])
def test_a_line_that_is_none_is_refused_without_being_shown(line: str) -> None:
    with pytest.raises(ValueError, match="agala key NAME") as error:
        read_key_line(line)
    assert not line or line not in str(error.value)
