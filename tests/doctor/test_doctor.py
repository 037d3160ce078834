"""`agala doctor` on this machine: settings, disks, SQLite, the catalogue."""

import json
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.catalog.catalog import open_catalog
from app.catalog.importers.feed import Defaults
from app.doctor.disk import check_kind
from tests.conftest import row, write_feed
from tests.doctor.asked import SOUND, doctor
from tests.e2e.server import ROOT, call, environment, serving


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    return write_feed(tmp_path / "feed", "green", [row(1, "Oats"), row(2, "Rice")])


@pytest.fixture
def served(tmp_path: Path, feed: Path) -> Path:
    """The folder of a shop that has been served, with a cart."""
    with serving(tmp_path / "shop", catalog=feed, **{**SOUND, "host": "127.0.0.1"}) as server:
        meta = {"openai/session": "v1/a-conversation-of-doctor"}
        assert not call(server.url, "add_to_cart", {"product_id": "green:1"}, meta=meta).get("isError")
    return tmp_path / "shop"


def test_a_sound_shop_gets_no_complaint_about_what_it_can_be_blamed_for(served: Path, feed: Path) -> None:
    said = doctor(served, catalog=feed, **SOUND)
    # What the test's machine and its settings can't have: a real disk everywhere, a proxy.
    complaints = {name for name, level in said.levels.items() if level != "ok"} - {"disk-kind", "proxies"}
    assert complaints == set()
    assert "1 carts are in" in said.words["carts"]
    assert "2 products of green" in said.words["catalog"]
    assert said.exit_code == {"ok": 0, "warning": 1, "error": 2}[said.worst]


@pytest.mark.parametrize(
    ("setting", "value", "check", "level"),
    [
        ("secret", "", "secret", "warning"),
        ("secret", "0123456789abcdef", "secret", "error"),
        ("secret", "a" * 40, "secret", "error"),
        ("allowed_hosts", "", "allowed-hosts", "error"),
        ("allowed_hosts", "*", "allowed-hosts", "error"),
        ("allowed_origins", "http://chat.example", "allowed-origins", "error"),
        ("min_session_id_length", 3, "session-id-length", "warning"),
        ("session_fallback", "shared", "session-fallback", "error"),
        ("debug_tools", "true", "debug-tools", "warning"),
        ("metrics", "", "metrics", "warning"),
        ("metrics", "/metrics", "metrics", "warning"),
        ("log_level", "DEBUG", "log-level", "warning"),
        ("cart_ttl_seconds", 3600, "cart-ttl", "warning"),
        ("alowed_hosts", "shop.example", "unknown-setting", "error"),
        ("port", "http", "settings", "error"),
        ("carts_url", "mysql://db/carts", "carts", "error"),
        ("carts_url", "redis://127.0.0.1:1", "carts", "error"),
        ("catalog", "/nowhere/feed.csv", "catalog", "error"),
    ],
)
def test_each_setting_that_will_be_regretted_is_named(
    tmp_path: Path, feed: Path, setting: str, value: object, check: str, level: str
) -> None:
    said = doctor(tmp_path, **{"catalog": feed, **SOUND, setting: value})
    assert said.levels[check] == level
    assert said.exit_code == (2 if "error" in said.levels.values() else 1)


def test_a_mistyped_setting_in_the_env_file_is_found_and_the_right_one_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SHOP_SECRETE=0123456789abcdef0123456789abcdef\n")
    assert "Did you mean SHOP_SECRET?" in doctor(tmp_path).words["unknown-setting"]


def test_nothing_is_made_and_a_secret_is_never_shown(tmp_path: Path) -> None:
    said = doctor(tmp_path, **SOUND)
    assert not any(tmp_path.iterdir())
    assert str(SOUND["secret"]) not in repr(said)


def test_it_prints_marks_and_what_to_do_for_people(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "app", "doctor"],
        cwd=ROOT,
        env=environment(tmp_path, session_fallback="shared"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "  ❌ SHOP_SESSION_FALLBACK=shared" in done.stdout
    assert "     → Set SHOP_SESSION_FALLBACK=handle." in done.stdout
    assert "  ✅ " in done.stdout
    assert done.stdout.splitlines()[-1].endswith("❌")


@pytest.mark.parametrize(
    ("mode", "level"), [(0o700, "ok"), (0o755, "ok"), (0o770, "error"), (0o777, "error")]
)
def test_a_data_folder_that_others_can_write_is_named(tmp_path: Path, mode: int, level: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data").chmod(mode)
    assert doctor(tmp_path).levels["data-dir"] == level


def test_a_data_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert doctor(tmp_path, data_dir=tmp_path / "file").levels["data-dir"] == "error"


def test_a_data_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """No file mode holds root back, but Linux keeps this folder from everybody."""
    said = doctor(tmp_path, data_dir="/proc/sys")
    assert said.levels["data-dir"] == "error"
    assert "/proc/sys can't be written by this user" in said.words["data-dir"]


@pytest.mark.parametrize(
    ("kind", "level"),
    [("ext4", "ok"), ("nfs4", "error"), ("fuse.sshfs", "error"), ("tmpfs", "error"), ("overlay", "error")],
)
def test_the_file_system_that_is_nearest_decides(tmp_path: Path, kind: str, level: str) -> None:
    data = tmp_path / "with blank" / "data"
    data.mkdir(parents=True)
    mounts = tmp_path / "mounts"
    at = str(tmp_path / "with blank").replace(" ", "\\040")
    mounts.write_text(f"/dev/sda1 / xfs rw 0 0\nserver:/x {at} {kind} rw 0 0\nproc /proc proc rw 0 0\n")
    finding = check_kind(data, "carts", mounts)
    assert finding is not None
    assert finding.level == level
    assert check_kind(data, "carts", tmp_path / "no-such-file") is None


def test_a_cart_file_that_is_damaged_or_open_to_others_is_named(served: Path, feed: Path) -> None:
    file = served / "data" / "carts.db"
    file.chmod(0o644)
    assert doctor(served, catalog=feed).levels["carts-mode"] == "warning"
    file.write_bytes(b"not a database at all" * 500)
    assert doctor(served, catalog=feed).levels["carts"] == "error"


def test_the_sample_an_old_catalogue_and_one_without_products_are_named(tmp_path: Path, feed: Path) -> None:
    assert doctor(tmp_path / "sample").levels["catalog-source"] == "error"
    assert doctor(tmp_path / "unbuilt", catalog=feed).levels["catalog"] == "warning"
    open_catalog(feed, tmp_path / "old" / "data", Defaults()).close()
    assert doctor(tmp_path / "old", catalog=feed).levels["catalog-age"] == "ok"
    manifest = next((tmp_path / "old" / "data" / "index").glob("*/manifest.json"))
    _read_days_ago(manifest, 4)
    assert doctor(tmp_path / "old", catalog=feed).levels["catalog-age"] == "warning"
    _read_days_ago(manifest, -1)
    assert doctor(tmp_path / "old", catalog=feed).levels["catalog-age"] == "error"


def test_a_source_that_changed_since_is_named(served: Path, feed: Path) -> None:
    assert "catalog-current" not in doctor(served, catalog=feed).levels
    time.sleep(0.01)  # the file system's clock must have moved
    write_feed(feed.parent, "green", [row(1, "Oats")])
    assert doctor(served, catalog=feed).levels["catalog-current"] == "warning"


def _read_days_ago(manifest: Path, days: int) -> None:
    told = json.loads(manifest.read_text(encoding="utf-8"))
    told["made"] = (datetime.now(UTC) - timedelta(days=days, minutes=5)).isoformat()
    manifest.write_text(json.dumps(told), encoding="utf-8")
