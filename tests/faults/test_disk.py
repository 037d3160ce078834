"""Disks that are full, files that can't be written, damage, and backups: what becomes of carts in SQLite."""

import contextlib
import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from tests.e2e.server import call, cart, error_code, text
from tests.e2e.test_commands import agala
from tests.faults.conftest import Figure
from tests.faults.load import Load, account
from tests.faults.shop import shop

pytestmark = pytest.mark.fault

A = "agala-organic:1001"
META = {"openai/session": "v1/of-this-test"}


@contextlib.contextmanager
def small_disk(at: Path, size: str) -> Iterator[Path]:
    """A disk of its own in memory; the test is skipped where it can't be had, but not in CI."""
    at.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(at)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        assert not os.environ.get("CI"), f"a small disk can't be mounted in CI: {mounted.stderr}"
        pytest.skip(f"mounting a small disk needs root: {mounted.stderr.strip()}")
    try:
        yield at
    finally:
        subprocess.run(["umount", "-l", str(at)], check=True)


def fill(file: Path) -> None:
    """Write until nothing more goes onto the disk."""
    with contextlib.suppress(OSError), file.open("wb", buffering=0) as filling:
        for size in (65_536, 4096, 512, 1):
            with contextlib.suppress(OSError):
                while filling.write(b"\0" * size) == size:
                    pass


def test_a_full_disk_is_an_error_reading_goes_on_and_writing_once_there_is_space(
    tmp_path: Path, figure: Figure
) -> None:
    with small_disk(tmp_path / "disk", "12m") as disk:
        with shop(tmp_path, data_dir=disk / "data") as server:
            call(server.url, "add_to_cart", {"product_id": A}, meta=META)
            with Load(server.url) as load:
                load.more(200)
                fill(disk / "filler")
                load.more_refused(50)
                added = call(server.url, "add_to_cart", {"product_id": A}, meta=META)
                viewed = call(server.url, "view_cart", meta=META)
                (disk / "filler").unlink()
                load.more(200)
                load.finish()
            found = load.account(server.url)
        fill(disk / "filler")
        refused = agala(tmp_path, "serve", data_dir=disk / "new")
    figure(f"disk full under load: {load.refused} calls refused; {found}")
    assert error_code(added) == "StoreUnavailable"
    assert cart(viewed) == {A: 1}
    assert (found.lost, found.doubled) == (0, 0)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "SHOP_DATA_DIR" in refused.stderr


def test_a_file_that_may_not_grow_is_an_error_until_it_may_again(tmp_path: Path, figure: Figure) -> None:
    """The same without a disk of its own: the kernel lets the process write no file beyond one byte."""
    with shop(tmp_path) as server, Load(server.url) as load:
        load.more(100)
        pid, (_, hard) = server.process.pid, resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, hard))
        load.more_refused(50)
        viewed = call(server.url, "view_cart", meta=META)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
        load.more(100)
        load.finish()
        found = load.account(server.url)
    figure(f"no file may be written, under load: {load.refused} calls refused; {found}")
    assert not viewed["isError"]
    assert (found.lost, found.doubled) == (0, 0)


def test_a_disk_that_is_read_only_is_refused_at_start_in_a_sentence(tmp_path: Path, figure: Figure) -> None:
    with small_disk(tmp_path / "disk", "4m") as disk:
        with shop(tmp_path, data_dir=disk) as server:
            call(server.url, "add_to_cart", {"product_id": A}, meta=META)
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        refused = agala(tmp_path, "serve", data_dir=disk)
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        with shop(tmp_path, data_dir=disk) as server:
            kept = cart(call(server.url, "view_cart", meta=META))
    figure(f"read-only disk: exit code {refused.returncode}; {sum(kept.values())} of 1 kept")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "SHOP_DATA_DIR" in refused.stderr
    assert "this user may write" in refused.stderr
    assert kept == {A: 1}


def test_a_backup_under_load_restores_what_was_acknowledged_before_it_over_a_damaged_file(
    tmp_path: Path, figure: Figure
) -> None:
    own, copy, file = tmp_path / "own", tmp_path / "copy.db", tmp_path / "own" / "data" / "carts.db"
    with shop(own) as server, Load(server.url) as load:
        load.more(300)
        before = load.acknowledged
        made = agala(own, "backup", str(copy))
        during = len(load.acknowledged) - len(before)
        load.finish()
        found = load.account(server.url)
    assert (made.returncode, made.stderr) == (0, "")
    figure(f"backup under load: {found}; {during} acknowledged while it ran")
    assert (found.lost, found.doubled) == (0, 0)

    with file.open("r+b") as damaged:
        damaged.write(b"\xa5" * 100)
    refused = agala(own, "serve")
    restored = agala(own, "restore", str(copy))
    with shop(own) as server:
        kept = account(server.url, before)
    figure(f"corrupt header: exit code {refused.returncode}; after the restore {kept}")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "agala restore" in refused.stderr
    assert restored.returncode == 0, restored.stderr
    assert (kept.lost, kept.doubled) == (0, 0)


def test_damage_in_one_page_is_an_error_of_the_carts_on_it_and_beside_it_only(
    tmp_path: Path, figure: Figure
) -> None:
    conversations = [{"openai/session": f"v1/conversation-{number}"} for number in range(240)]
    with shop(tmp_path) as server:
        for meta in conversations:
            call(server.url, "add_to_cart", {"product_id": A}, meta=meta)
    _damage_a_page(tmp_path / "data" / "carts.db")
    with shop(tmp_path) as server:
        views = [call(server.url, "view_cart", meta=meta) for meta in conversations]
        adds = [call(server.url, "add_to_cart", {"product_id": A}, meta=meta) for meta in conversations]
    damaged = [view for view in views if view["isError"]]
    refused = [add for add in adds if add["isError"]]
    figure(
        f"corrupt page: {len(damaged)} of {len(views)} carts can't be read, {len(refused)} can't be "
        "changed, which the errors name; the others go on"
    )
    assert {error_code(answer) for answer in (*damaged, *refused)} == {"CartDamaged"}
    assert len({text(view) for view in damaged}) == len(damaged)
    # A page is also asked for space when a cart on the page beside it grows.
    assert 0 < len(damaged) <= len(refused) < len(views) / 2
    assert all(cart(add) == {A: 2} for add in adds if not add["isError"])


def _damage_a_page(file: Path) -> None:
    """Overwrite a page that holds carts, in the middle of a file that no server uses."""
    db = apsw.Connection(str(file))
    pages = [
        page for (page,) in db.execute("SELECT pageno FROM dbstat WHERE name = 'carts' AND pagetype = 'leaf'")
    ]
    db.close()
    with file.open("r+b") as damaged:
        damaged.seek((pages[len(pages) // 2] - 1) * 4096)
        damaged.write(b"\xa5" * 4096)
