"""The folder that carts and catalogues are kept in, and the disk below it."""

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from app.doctor.finding import Finding, bad, fine, warn

_NETWORK: Final = (
    *("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "lustre", "afs", "gfs2", "ocfs2"),
    *("fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.gcsfuse", "fuse.rclone", "fuse.cephfs", "virtiofs"),
)
"""File systems on which SQLite's locks can't be relied on, or its log can't be shared."""

_FLEETING: Final = {
    "tmpfs": "it is in memory, and lost when the machine stops",
    "ramfs": "it is in memory, and lost when the machine stops",
    "overlay": "it is in the container's own layer, and lost when the container is removed",
}
_LITTLE: Final = 1 << 30
_HARDLY_ANY: Final = 100 << 20


def check_folder(folder: Path) -> Iterator[Finding]:
    """Whether this user can keep things in `folder`, and others can't."""
    existing = _existing(folder)
    if not os.access(existing, os.W_OK | os.X_OK):
        yield bad(
            "data-dir",
            f"{existing} can't be written by this user",
            f"`chown {os.getuid()} {existing}`, or name another folder in SHOP_DATA_DIR.",
        )
        return
    if existing != folder:
        yield fine("data-dir", f"{folder} isn't there yet; it will be made at the first start")
        return
    if not folder.is_dir():
        yield bad("data-dir", f"{folder} is no folder", "Name a folder in SHOP_DATA_DIR.")
        return
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & 0o022:
        yield bad("data-dir", f"{folder} can be written by others (mode {mode:o})", f"`chmod 700 {folder}`.")
    else:
        yield fine("data-dir", f"{folder} can be written, by this user alone")


def check_space(folder: Path) -> Finding:
    """Whether the disk below has room."""
    usage = shutil.disk_usage(_existing(folder))
    said = f"{usage.free / (1 << 30):,.1f} GiB of {usage.total / (1 << 30):,.1f} are free"
    do = "Make room: a full disk refuses every change of a cart."
    if usage.free < _HARDLY_ANY:
        return bad("disk-space", said, do)
    return warn("disk-space", said, do) if usage.free < _LITTLE else fine("disk-space", said)


def check_kind(folder: Path, what: str, mounts: Path = Path("/proc/self/mounts")) -> Finding | None:
    """Whether the file system below is one that `what` can be kept on; None where it can't be told."""
    kind = _file_system(_existing(folder).resolve(), mounts)
    if kind is None:
        return None
    if kind in _NETWORK:
        return bad(
            "disk-kind",
            f"{folder} is on a network file system ({kind}): SQLite can damage {what} there",
            "Use a local disk, or keep carts in Redis: SHOP_CARTS_URL=redis://…",
        )
    if kind in _FLEETING:
        return bad("disk-kind", f"{folder}: {_FLEETING[kind]} ({kind})", "Put a volume there that stays.")
    return fine("disk-kind", f"{folder} is on a disk of this machine ({kind})")


def _existing(folder: Path) -> Path:
    """The folder, or what of the way there is there already."""
    folder = folder.absolute()
    while not folder.exists():
        folder = folder.parent
    return folder


def _file_system(folder: Path, mounts: Path) -> str | None:
    """The kind of the file system that is mounted nearest above `folder`."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    nearest, kind = -1, None
    for line in lines:
        _, place, this, *_ = line.split(" ")
        mounted = Path(place.encode("utf-8", "surrogateescape").decode("unicode_escape"))
        if folder.is_relative_to(mounted) and len(mounted.parts) >= nearest:
            nearest, kind = len(mounted.parts), this
    return kind
