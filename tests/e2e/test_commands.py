"""The ways to start it, and what an operator reads when something is wrong."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport

from app import __version__
from tests.conftest import row, write_feed
from tests.e2e.server import ROOT, Server, call, cart, environment, serving, wait_for

BIN = Path(sys.executable).parent
A = "agala-organic:1001"


def run(folder: Path, *command: str, **settings: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=ROOT,
        env=environment(folder, **settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def agala(folder: Path, *arguments: str, **settings: object) -> subprocess.CompletedProcess[str]:
    return run(folder, sys.executable, "-m", "app", *arguments, **settings)


@pytest.mark.parametrize(
    "command",
    [
        ["uvicorn", "app.server:app", "--port", "{port}"],
        ["fastmcp", "run", "app/server.py", "-t", "http", "--port", "{port}", "--no-banner"],
    ],
    ids=["uvicorn", "fastmcp"],
)
def test_other_servers_serve_the_same(tmp_path: Path, free_port: int, command: list[str]) -> None:
    filled = [part.format(port=free_port) for part in command]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [str(BIN / filled[0]), *filled[1:]], cwd=ROOT, env=environment(tmp_path), stdout=log, stderr=log
        )
    url = f"http://127.0.0.1:{free_port}/mcp"
    try:
        wait_for(url)
        call(url, "add_to_cart", {"product_id": A}, meta={"openai/session": "v1/abc"})
        assert cart(call(url, "view_cart", meta={"openai/session": "v1/abc"})) == {A: 1}
        assert cart(call(url, "view_cart", meta={"openai/session": "v1/other"})) == {}
    finally:
        process.terminate()
        process.wait(timeout=30)
    assert '"tool": "add_to_cart"' in (tmp_path / "log").read_text()


async def test_stdio_serves_the_same(tmp_path: Path) -> None:
    transport = StdioTransport(
        str(BIN / "fastmcp"),
        ["run", "app/server.py", "--no-banner"],
        env=environment(tmp_path),
        cwd=str(ROOT),
        log_file=tmp_path / "log",
    )
    async with Client(transport) as client:
        await client.call_tool("add_to_cart", {"product_id": A}, meta={"sessionId": "abc"})
        view = await client.call_tool("view_cart", meta={"sessionId": "abc"})
    assert [line.product_id for line in view.data.lines] == [A]


def test_fastmcp_json_names_the_server(tmp_path: Path) -> None:
    config = json.loads((ROOT / "fastmcp.json").read_text())
    assert config["source"] == {"type": "filesystem", "path": "app/server.py", "entrypoint": "mcp"}
    inspected = run(tmp_path, str(BIN / "fastmcp"), "inspect", "fastmcp.json", "--skip-env")
    assert inspected.returncode == 0, inspected.stderr
    assert "agala" in inspected.stdout


def test_help_names_every_command_and_version_the_version(tmp_path: Path) -> None:
    said = agala(tmp_path, "--help")
    assert said.returncode == 0
    assert all(command in said.stdout for command in ("serve", "import", "check"))
    assert agala(tmp_path, "--version").stdout.strip() == __version__


def test_the_console_script_does_the_same(tmp_path: Path) -> None:
    assert run(tmp_path, str(BIN / "agala"), "--version").stdout.strip() == __version__


def test_serve_says_what_it_serves_and_how_to_connect(own: Path, tmp_path: Path) -> None:
    feed = write_feed(tmp_path / "feeds", "green", [row(1, "a"), row(2, "b", "bad")], store="Green")
    with serving(own, catalog=feed) as server:
        said = (own / "out").read_text()
        assert server.url in said
        assert "Green: 1 products, prices in ILS" in said
        assert "1 quarantined" in said
        assert str(own / "data" / "carts.db") in said
        assert all(client in said for client in ("ChatGPT", "Claude", "VS Code", "Inspector"))


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"port": "abc"}, "SHOP_PORT"),
        ({"carts_url": "mysql://here"}, "SHOP_CARTS_URL"),
        ({"carts_url": "sqlite:////proc/carts.db"}, "SHOP_CARTS_URL"),
        ({"catalog": "no-such-file.json"}, "no-such-file.json"),
        ({"secret": "short"}, "SHOP_SECRET"),
        ({"host": "203.0.113.1"}, "SHOP_HOST"),
    ],
)
def test_what_an_operator_can_mend_is_one_sentence_and_exit_code_2(
    tmp_path: Path, settings: dict[str, object], named: str
) -> None:
    failed = agala(tmp_path, "serve", **settings)
    assert failed.returncode == 2
    assert named in failed.stderr
    assert "Traceback" not in failed.stderr
    assert len(failed.stderr.strip().splitlines()) == 1


def test_a_port_in_use_is_said(server: Server, tmp_path: Path) -> None:
    failed = agala(tmp_path, "serve", port=server.base.rpartition(":")[2])
    assert failed.returncode == 2
    assert "can't listen there" in failed.stderr


def test_carts_are_backed_up_while_served_and_restored_when_not(own: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    with serving(own) as server:
        call(server.url, "add_to_cart", {"product_id": A}, meta={"openai/session": "v1/abc"})
        assert "1 carts are in" in agala(own, "backup", str(copy)).stdout
        call(server.url, "clear_cart", meta={"openai/session": "v1/abc"})
        refused = agala(own, "restore", str(copy))
        assert (refused.returncode, "Stop it first" in refused.stderr) == (2, True)
    restored = agala(own, "restore", str(copy))
    assert (restored.returncode, "1 carts were restored" in restored.stdout) == (0, True)
    with serving(own) as server:
        assert cart(call(server.url, "view_cart", meta={"openai/session": "v1/abc"})) == {A: 1}


def test_a_damaged_file_is_refused_with_the_way_back(own: Path) -> None:
    with serving(own) as server:
        call(server.url, "add_to_cart", {"product_id": A}, meta={"openai/session": "v1/abc"})
    with (own / "data" / "carts.db").open("r+b") as raw:
        raw.write(b"\xa5" * 100)
    failed = agala(own, "serve")
    assert failed.returncode == 2
    assert "agala restore" in failed.stderr


def test_import_reports_and_the_next_start_serves_it(own: Path, tmp_path: Path) -> None:
    rows = [row(1, "a"), row(2, "b", "bad"), *(row(n, f"c{n}") for n in range(3, 40))]
    feed = write_feed(tmp_path, "green", rows)
    own.mkdir()
    dry = agala(own, "import", str(feed), "--dry-run")
    assert "1 × bad_price" in dry.stdout
    done = agala(own, "import", str(feed), "--store", "corner")
    assert (done.returncode, "Imported as corner" in done.stdout) == (0, True)
    with serving(own) as server:
        stores = call(server.url, "list_stores")["structuredContent"]["stores"]
    assert [(store["store"], store["products"]) for store in stores] == [("corner", 38)]


def test_an_import_that_fails_says_why(tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    failed = agala(tmp_path, "import", str(broken))
    assert failed.returncode == 2
    assert "broken.json" in failed.stderr
