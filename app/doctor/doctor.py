"""The doctor: runs every check, prints what was found, and says by its exit code how bad it is."""

import json
import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Final

from app.doctor.address import check_address
from app.doctor.carts import check_carts
from app.doctor.catalog import check_catalog
from app.doctor.configuration import check_configuration
from app.doctor.disk import check_folder, check_space
from app.doctor.finding import MARKS, Finding, Level, bad
from app.errors import InvalidSetting
from app.settings import current_settings

_EXIT: Final[dict[Level, int]] = {"ok": 0, "warning": 1, "error": 2}


def doctor(url: str | None, *, as_json: bool) -> int:
    """Look at this machine's settings and what they name, and at the server at `url` if one is given.

    The exit code: 0 if all is well, 1 if the worst is a warning, 2 if something must be mended.
    """
    # What the checks say is the whole answer: no line of the log between.
    logging.getLogger("agala").setLevel(logging.CRITICAL)
    found: list[Finding] = []
    for part, findings in _examined(url):
        if not as_json:
            print(part)
        for finding in findings:
            found.append(finding)
            if not as_json:
                print(_line(finding), flush=True)
    levels = {finding.level for finding in found}
    worst: Level = "error" if "error" in levels else "warning" if "warning" in levels else "ok"
    if as_json:
        print(json.dumps({"worst": worst, "findings": [asdict(one) for one in found]}, ensure_ascii=False))
    else:
        counts = Counter(finding.level for finding in found)
        print(", ".join(f"{counts[level]} {MARKS[level]}" for level in MARKS))
    return _EXIT[worst]


def _examined(url: str | None) -> Iterator[tuple[str, Iterable[Finding]]]:
    try:
        settings = current_settings()
    except InvalidSetting as error:
        yield "Settings", [bad("settings", str(error), "Correct it: .env.example lists every setting.")]
        return
    yield "Settings", check_configuration(settings)
    yield "Data", (*check_folder(settings.data_dir), check_space(settings.data_dir))
    yield "Carts", check_carts(settings)
    yield "Catalogue", check_catalog(settings)
    if url is not None:
        yield url, check_address(url, settings)


def _line(finding: Finding) -> str:
    line = f"  {MARKS[finding.level]} {finding.said}"
    return f"{line}\n     → {finding.do}" if finding.do else line
