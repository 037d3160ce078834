"""Swapping generations: finding the one that fits the sources, or building it and letting it in."""

import fcntl
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from app.catalog.build import Progress, build, build_apart
from app.catalog.errors import SwapRefused
from app.catalog.generation import Manifest, current_generation, point_at, read_manifest, sweep, too_much_lost
from app.catalog.importers.feed import Defaults
from app.catalog.source import Source, digest_of, signature_of
from app.errors import ImportFailed, OperatorError

_SMALL_BYTES: Final = 2_000_000
_PACKED: Final = 20
"""How many bytes of a feed one of its .gz may hold."""


class Home:
    """The folder of a catalogue's generations, shared by every process that serves it."""

    def __init__(self, folder: Path, defaults: Defaults) -> None:
        self.folder = folder
        self._defaults = defaults
        self._refused: tuple[str, ImportFailed | SwapRefused] | None = None
        self._looked: tuple[tuple[tuple[str, int, int], ...], str] | None = None
        self._child: subprocess.Popen[str] | None = None
        self._stopped = False

    def stop(self) -> None:
        """End a build that goes on in a child process: nobody waits for it any more."""
        self._stopped = True
        if self._child is not None:
            self._child.terminate()

    def _started(self, child: "subprocess.Popen[str]") -> None:
        self._child = child
        if self._stopped:
            child.terminate()

    def fitting(
        self, sources: Sequence[Source], *, force: bool, apart: bool, progress: Progress | None
    ) -> Path:
        """The folder of a generation of these sources; built, and pointed at, if there is none.

        If only prices and stock differ, the one in use is brought up to date.

        A small one is built here unless it should be `apart`, in a child process. Raises `ImportFailed` if
        a source can't be read, `SwapRefused` if the new one lost too much; what was in use stays so. The same
        bytes aren't tried again, unless by `force`.
        """
        seen = signature_of(source.file for source in sources)
        if (manifest := self._manifest()) and manifest.fits_signature(seen, self._defaults):
            return self.folder / manifest.generation
        # Read again only if they look changed: they may be big, and this is asked every few seconds.
        if self._looked is None or self._looked[0] != seen:
            self._looked = (seen, digest_of(sources, self._defaults))
        digest = self._looked[1]
        if self._refused and self._refused[0] == digest and not force:
            raise self._refused[1]
        try:
            return self._built(sources, digest, force=force, apart=apart, progress=progress)
        except (ImportFailed, SwapRefused) as error:
            self._refused = (digest, error)
            raise

    def _built(
        self, sources: Sequence[Source], digest: str, *, force: bool, apart: bool, progress: Progress | None
    ) -> Path:
        with self._alone():
            before = self._manifest()
            if before and before.fits(digest):
                return self.folder / before.generation
            sizes = signature_of(source.file for source in sources)
            small = (
                sum(size * (_PACKED if name.endswith(".gz") else 1) for name, size, _ in sizes)
                <= _SMALL_BYTES
            )
            current = self.folder / before.generation if before else None
            if small and not apart:
                folder = build(self.folder, sources, self._defaults, progress)
            else:
                folder = build_apart(self.folder, sources, self._defaults, progress, current, self._started)
            if folder == current:
                return folder
            if before and not force and (losses := too_much_lost(before, read_manifest(folder))):
                sweep(self.folder, {before.generation})
                raise SwapRefused(losses, self.folder / before.generation)
            point_at(folder)
            # The one before stays a while, for the processes that still read it.
            sweep(self.folder, {folder.name, before.generation if before else folder.name})
            return folder

    def _manifest(self) -> Manifest | None:
        folder = current_generation(self.folder)
        try:
            return read_manifest(folder) if folder else None
        except OperatorError:
            return None  # of another version: built anew

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One build at a time, among all processes."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = (self.folder / "lock").open("w", encoding="utf-8")
        except OSError as error:
            raise OperatorError(
                f"{self.folder}: {error.strerror or error}; the catalogue's index is kept there, so give "
                "SHOP_DATA_DIR a folder that can be written."
            ) from None
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
