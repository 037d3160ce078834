"""The command line: `agala serve | import | check | backup | restore`, the same as `python -m app …`."""

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import cyclopts

from app import __version__

cli = cyclopts.App(
    name="agala",
    version=__version__,
    help="A shopping-cart server for AI chats: every conversation has its own cart. Settings are SHOP_… "
    "variables, also from .env; .env.example lists them all.",
)


@cli.command
def serve() -> None:
    """Serve the shop over HTTP, until Ctrl-C or SIGTERM."""
    from app.serve import serve as run  # noqa: PLC0415 - the other commands start without the server

    run()


@cli.command(name="import")
def import_(
    file: Path,
    *,
    store: str | None = None,
    dry_run: Annotated[bool, cyclopts.Parameter(negative="")] = False,
) -> None:
    """Read a catalogue file, say what is in it, and keep it for serving.

    The copy goes to SHOP_DATA_DIR/catalog and takes the place of an earlier import of the same store. A
    server with no SHOP_CATALOG serves all imported stores from its next start.

    Parameters
    ----------
    file:
        The catalogue, as JSON in the scraped format.
    store:
        The store's id; without it the file's name.
    dry_run:
        Only say what is in it.
    """
    from app.catalog.imports import import_file  # noqa: PLC0415
    from app.settings import current_settings  # noqa: PLC0415

    print(import_file(file, current_settings(), store=store, dry_run=dry_run))


@cli.command
def check(
    url: str,
    *,
    conversations: Annotated[
        int, cyclopts.Parameter(validator=cyclopts.validators.Number(gte=2, lte=500))
    ] = 50,
) -> None:
    """Check that a running server keeps every conversation's cart to itself.

    Prints each step with ✅ or ❌ and what was expected; exit code 0 only if all hold, 1 if one doesn't.

    Parameters
    ----------
    url:
        The server's MCP address, for example http://127.0.0.1:8000/mcp.
    conversations:
        How many conversations cross over at once in the last step.
    """
    from app.check import check as run  # noqa: PLC0415

    sys.exit(0 if run(url, conversations) else 1)


@cli.command
def backup(file: Path) -> None:
    """Copy all carts into a file, also while the server runs.

    For carts in SQLite; Redis has backups of its own.

    Parameters
    ----------
    file:
        The copy to write; it must not be there yet.
    """
    from app.carts.backup import backup as run  # noqa: PLC0415

    print(f"{run(_carts_file(), file):,} carts are in {file}.")


@cli.command
def restore(file: Path) -> None:
    """Put a backup in the place of all carts; the server must be stopped. What was there is put aside.

    Parameters
    ----------
    file:
        A copy that `agala backup` wrote.
    """
    from app.carts.backup import restore as run  # noqa: PLC0415

    count, former = run(_carts_file(), file)
    print(f"{count:,} carts were restored." + (f" The former ones are in {former}." if former else ""))


def _carts_file() -> Path:
    from app.carts.open import sqlite_file  # noqa: PLC0415
    from app.settings import current_settings  # noqa: PLC0415

    settings = current_settings()
    return sqlite_file(settings.carts_url, settings.data_dir)


def main() -> NoReturn:
    """Run the command line; what the operator can mend is one sentence and exit code 2."""
    from app.errors import OperatorError  # noqa: PLC0415

    try:
        cli(sys.argv[1:])
    except OperatorError as error:
        print(f"agala: {error}", file=sys.stderr)
        sys.exit(2)
    sys.exit(0)


if __name__ == "__main__":
    main()
