"""The write-ahead log: copied beside the writer, and begun anew."""

import asyncio
import contextlib
import subprocess
import sys
import time
from pathlib import Path

import apsw
import pytest

from app.carts import sqlite_log
from app.carts.sqlite import SqliteCarts
from app.carts.sqlite_file import connect
from app.carts.sqlite_log import LogCopier
from tests.carts.test_backends import a_key, add

PAGE_IN_LOG = 4096 + 24


@pytest.fixture
def short_log(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(LogCopier.__init__, "__defaults__", (40,))
    return 40


async def test_a_log_that_is_written_all_the_time_stays_short(tmp_path: Path, short_log: int) -> None:
    carts = SqliteCarts(tmp_path / "carts.db")
    keys = [a_key() for _ in range(64)]

    async def client(number: int) -> None:
        for turn in range(100):
            await carts.change(keys[(number * 7 + turn) % 64], add())

    await asyncio.gather(*(client(number) for number in range(16)))
    longest = (tmp_path / "carts.db-wal").stat().st_size / PAGE_IN_LOG
    assert longest < short_log * 8 * 4  # 1,600 changes wrote many times as much
    quantities = [cart.quantity("s:1") for cart in [await carts.load(key) for key in keys] if cart]
    assert sum(quantities) == 1600
    await carts.close()


def test_the_copier_copies_and_leaves_only_the_rest_to_the_writer(tmp_path: Path) -> None:
    writer = connect(tmp_path / "carts.db")
    writer.execute("CREATE TABLE filler (id INTEGER PRIMARY KEY, body BLOB)")

    def write() -> None:
        writer.execute("INSERT INTO filler VALUES (NULL, randomblob(3000))")

    def log_and_copied() -> tuple[int, int]:
        return writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_NOOP)

    with contextlib.closing(LogCopier(tmp_path / "carts.db", writer, 40)) as copier:
        while log_and_copied()[0] < 40:
            write()
        # Were the writer to go on, the thread could begin another round, and `finish` leave the rest to it.
        while not copier.waits:
            time.sleep(0.001)
        assert log_and_copied()[1] >= 40
        write()
        log, copied = log_and_copied()
        assert log > copied
        copier.finish(writer)
        log, copied = log_and_copied()
        assert log == copied
        assert not copier.waits
    writer.close()


def test_a_sync_reaches_the_disk_without_letting_go_of_the_file(tmp_path: Path) -> None:
    db = connect(tmp_path / "carts.db")
    assert sqlite_log._sync(db)
    # Were SQLite's lock on the file gone, the next to close it would take itself for the last, and take the
    # log away from under us.
    other = "import apsw, sys; db = apsw.Connection(sys.argv[1]); list(db.execute('SELECT * FROM facts'))"
    subprocess.run([sys.executable, "-c", other, tmp_path / "carts.db"], check=True)
    assert (tmp_path / "carts.db-wal").exists()
    db.close()
