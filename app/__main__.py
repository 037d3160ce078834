"""The command line: `agala serve`, `import`, `search`, `check` and more, the same as `python -m app …`."""

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import cyclopts

from app import __version__

_Flag = Annotated[bool, cyclopts.Parameter(negative="")]

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
    format: str | None = None,  # noqa: A002  the option is --format
    dry_run: _Flag = False,
    force: _Flag = False,
) -> None:
    """Read a catalogue file, say what is in it, and keep it for serving.

    The copy goes to SHOP_DATA_DIR/catalog and takes the place of an earlier import of the same store; a
    report is written beside it. A server with no SHOP_CATALOG serves all imported stores and takes this one
    up within seconds. A file that loses more than 30 % of the store's products, or has errors in more than
    5 % of its rows, is refused with exit code 2, and nothing is changed.

    Parameters
    ----------
    file:
        The catalogue, also as .gz; docs/catalog.md lists the formats.
    store:
        The store's id; without it the file's name.
    format:
        What to read it as; without it the content tells.
    dry_run:
        Only say what is in it.
    force:
        Take it although it loses much or has many errors. A file that is cut off is never taken.
    """
    from app.catalog.imports import read_candidate, take_over  # noqa: PLC0415
    from app.progress import shown_on_terminal  # noqa: PLC0415
    from app.settings import current_settings  # noqa: PLC0415

    settings = current_settings()
    with shown_on_terminal("Reading") as progress:
        candidate = read_candidate(file, settings, store=store, format=format, progress=progress)
    print(candidate.report.text(), flush=True)
    if dry_run:
        print(f"It would be refused: {candidate.refusal}" if candidate.refusal else "It can be imported.")
        print("Nothing was imported (--dry-run).")
        return
    with shown_on_terminal("Building the index") as progress:
        written = take_over(candidate, settings, force=force, progress=progress)
    print(f"Imported as {candidate.store}; the report is {written}.")
    print(
        "A running server takes it up within seconds."
        if settings.catalog is None
        else f"SHOP_CATALOG is set: the server serves {settings.catalog}, and not what is imported."
    )


@cli.command
def search(
    query: str = "",
    *,
    explain: _Flag = False,
    limit: Annotated[int, cyclopts.Parameter(validator=cyclopts.validators.Number(gte=1, lte=100))] = 8,
    alternates: Annotated[list[str] | None, cyclopts.Parameter(consume_multiple=True, negative="")] = None,
) -> None:
    """Search the catalogue as the tool does, and see why each product was found.

    Parameters
    ----------
    query:
        What a shopper would ask for.
    explain:
        Word by word, why each product matches: for tuning synonyms.
    limit:
        The most products to show.
    alternates:
        The same in other words or languages, as a model gives them; at most 4.
    """
    from app.catalog.catalog import open_catalog  # noqa: PLC0415
    from app.catalog.importers.feed import Defaults  # noqa: PLC0415
    from app.catalog.view import show_search  # noqa: PLC0415
    from app.progress import shown_on_terminal  # noqa: PLC0415
    from app.settings import current_settings  # noqa: PLC0415

    settings = current_settings()
    defaults = Defaults(settings.currency, settings.base_url)
    with shown_on_terminal("Building the index") as progress:
        catalog = open_catalog(settings.catalog, settings.data_dir, defaults, progress)
    show_search(catalog, query, limit, alternates or [], explain=explain)
    catalog.close()


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
        The server's MCP address, for example http://127.0.0.1:8000/mcp or https://shop.example/mcp. A
        certificate authority of your own is named by the variable SSL_CERT_FILE.
    conversations:
        How many conversations cross over at once in the last step.
    """
    from app.check import check as run  # noqa: PLC0415

    sys.exit(0 if run(url, conversations) else 1)


@cli.command
def doctor(url: str | None = None, *, json: _Flag = False) -> None:
    """Look whether this deployment is fit for production, and say what to do where it isn't.

    Reads the settings as `agala serve` would, the data folder, the carts, the catalogue; changes nothing.
    Exit code 0 if all is well, 1 if the worst is a warning (⚠️), 2 if something must be mended (❌).

    Parameters
    ----------
    url:
        The server's address as clients know it, for example https://shop.example/mcp: its certificate,
        redirects and both eras of MCP are looked at too.
    json:
        One JSON object instead, for programs.
    """
    from app.doctor.doctor import doctor as run  # noqa: PLC0415

    sys.exit(run(url, as_json=json))


@cli.command
def demo(
    url: str | None = None,
    *,
    port: Annotated[int, cyclopts.Parameter(validator=cyclopts.validators.Number(gte=0, lte=65535))] = 8010,
    open: Annotated[bool, cyclopts.Parameter(negative="--no-open")] = True,  # noqa: A002  the option is --open
) -> None:
    """Open a page with two conversations side by side: search, tap, and see that each has its own cart.

    Shows the shop at URL, else the one that runs with these settings, else starts one for as long as it is
    shown. The page is for this machine only.

    Parameters
    ----------
    url:
        The server's MCP address, for example http://127.0.0.1:8000/mcp.
    port:
        Where the page is served; 0 takes a free port.
    open:
        Open it in the browser.
    """
    from app.demo.run import demo as run  # noqa: PLC0415

    run(url, port, browse=open)


@cli.command
def key(name: str) -> None:
    """Make an API key: it is shown once, and the line for SHOP_API_KEYS can't be turned back into it.

    Parameters
    ----------
    name:
        Who will use it; two keys of one name see the same carts.
    """
    from app.access.keys import new_key  # noqa: PLC0415
    from app.errors import InvalidSetting  # noqa: PLC0415

    try:
        made, line = new_key(name)
    except ValueError:
        raise InvalidSetting(
            f"{name!r} can't be a key's name. Use 1 to 64 letters, digits or ._@+- instead."
        ) from None
    print(f"Key, for the client: Authorization: Bearer {made}")
    print(f"Line, for SHOP_API_KEYS: {line}")


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
