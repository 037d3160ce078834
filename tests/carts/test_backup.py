import asyncio
import sqlite3
from pathlib import Path

import pytest

from app.carts.backup import backup, restore
from app.carts.sqlite import SqliteCarts
from app.errors import BackupFailed
from tests.carts.test_backends import a_key, add


async def test_a_backup_under_load_holds_what_was_acknowledged_before_it(tmp_path: Path) -> None:
    carts = SqliteCarts(tmp_path / "carts.db")
    before = [a_key() for _ in range(50)]
    await asyncio.gather(*(carts.change(key, add()) for key in before))
    running = [asyncio.create_task(carts.change(a_key(), add())) for _ in range(200)]
    count = await asyncio.to_thread(backup, tmp_path / "carts.db", tmp_path / "copy.db")
    await asyncio.gather(*running)
    await carts.close()
    assert count >= 50
    assert restore(tmp_path / "elsewhere" / "carts.db", tmp_path / "copy.db") == (count, None)
    again = SqliteCarts(tmp_path / "elsewhere" / "carts.db")
    assert None not in [await again.load(key) for key in before]
    await again.close()


async def test_a_restore_brings_the_backup_back_and_puts_the_rest_aside(tmp_path: Path) -> None:
    file, copy = tmp_path / "carts.db", tmp_path / "copy.db"
    key, late = a_key(), a_key()
    carts = SqliteCarts(file)
    await carts.change(key, add(1))
    backup(file, copy)
    await carts.change(key, add(1))
    await carts.change(late, add(1))
    with pytest.raises(BackupFailed, match="Stop it first"):
        restore(file, copy)
    await carts.close()
    count, former = restore(file, copy)
    assert (count, former) == (1, tmp_path / "carts.db.before-restore")
    restored = SqliteCarts(file)
    cart = await restored.load(key)
    assert cart is not None
    assert cart.quantity("s:1") == 1
    assert await restored.load(late) is None
    await restored.close()
    assert former is not None
    aside = SqliteCarts(former)
    assert await aside.load(late) is not None
    await aside.close()


async def test_a_backup_that_is_none_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "carts.db"
    carts = SqliteCarts(file)
    await carts.change(a_key(), add())
    await carts.close()
    before = file.read_bytes()
    (tmp_path / "bad.db").write_bytes(b"no backup at all" * 500)
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE photos (id)")
    other.close()
    for bad in ("bad.db", "other.db", "missing.db"):
        with pytest.raises(BackupFailed):
            restore(file, tmp_path / bad)
    assert file.read_bytes() == before
    assert not list(tmp_path.glob("*.restoring*"))


async def test_a_backup_never_overwrites_a_file(tmp_path: Path) -> None:
    carts = SqliteCarts(tmp_path / "carts.db")
    await carts.close()
    (tmp_path / "copy.db").write_text("mine")
    with pytest.raises(BackupFailed, match="is there already"):
        backup(tmp_path / "carts.db", tmp_path / "copy.db")
    with pytest.raises(BackupFailed, match="no carts to back up"):
        backup(tmp_path / "none.db", tmp_path / "new.db")
    with pytest.raises(BackupFailed, match="could not be written"):
        backup(tmp_path / "carts.db", tmp_path / "no" / "folder.db")
    assert (tmp_path / "copy.db").read_text() == "mine"
