"""Where the raw files of a dataset are: a local path, or a download that is kept and verified."""

import importlib.util
import os
import re
import shutil
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pooch
import requests

from segmill.errors import ConfigError, IntegrityError, Problem, raise_problems
from segmill.progress import log, timed

KEYS = ("url", "sha256", "unpack", "name")
UNPACKERS = ("zip", "tar")
TIMEOUT_S = 60
# Tries for a connection that breaks; pooch waits 1, 2, ... seconds between them.
RETRIES = 3
# Inside an unpacked folder: the digest of the archive that it came from.
STAMP = ".segmill-archive"
# Start of a path inside an installed package, such as package:skimage/data.
PACKAGE = "package:"


def fetch(config: Mapping, cache: str | Path) -> list[dict]:
    """Download the files of a dataset into `cache`, verify and unpack them.

    What is there already and intact is not downloaded again.

    Parameters
    ----------
    config : with `download`: one mapping or a list of `url`, `sha256`, `unpack` (zip or tar) and
        `name` (of the file, by default the end of the URL). An archive is unpacked into the
        cache's folder of its name without extension. Without `download` nothing is done.
    cache : folder for downloads, for example ``results/downloads/NAME``; created when needed

    Returns
    -------
    One mapping per file: url, file (its name in the cache) and sha256 as found.

    Raises
    ------
    ConfigError
        for wrong keys.
    IntegrityError
        listing every download that failed or has another checksum; no part of it is kept.
    """
    cache = Path(cache)
    entries = _entries(config)
    _check_entries(entries)
    cache.mkdir(parents=True, exist_ok=True)
    files, problems = [], []
    for entry in entries:
        try:
            files.append(_fetch(entry, cache))
        except IntegrityError as error:
            problems += error.problems
    raise_problems(problems, "the downloads")
    return files


def locate(config: Mapping, cache: str | Path) -> Path:
    """The folder with the raw files of a dataset.

    Parameters
    ----------
    config : with `path`, a folder in whose name environment variables are expanded, or
        ``package:NAME/FOLDER`` inside an installed Python package; beside `download` it is a folder
        inside `cache`, by default `cache` itself
    cache : folder into which :func:`fetch` has downloaded; the answer if `config` has no path

    Raises
    ------
    ConfigError
        for an unset environment variable, a missing folder, or files not yet downloaded.
    """
    cache = Path(cache)
    path = config.get("path") or ""
    if not path:
        return _folder(cache, "path, download")
    if not config.get("download"):
        return _folder(_expand(path), f"path: {path}")
    return _folder(cache / path, f"path: {path} inside the download")


def _folder(root: Path, where: str) -> Path:
    if root.is_dir():
        return root
    near = next(parent for parent in root.absolute().parents if parent.is_dir())
    held = ", ".join(sorted(p.name for p in near.iterdir() if not p.name.startswith("."))[:10])
    raise ConfigError(
        f"{where}: expected a folder, found no {root}; {near} holds {held or 'nothing'}"
    )


def _expand(path: str) -> Path:
    """A path with its environment variables and ``~`` replaced, or inside an installed package."""
    if path.startswith(PACKAGE):
        return _inside_package(path)
    unset = [name for name in re.findall(r"\$\{?(\w+)\}?", path) if name not in os.environ]
    if unset:
        raise ConfigError(
            f"path: {path}: expected the environment variable {', '.join(unset)} to name the "
            "folder of the raw data, found it unset"
        )
    return Path(os.path.expandvars(path)).expanduser()


def _inside_package(path: str) -> Path:
    """The folder of ``package:NAME/FOLDER``; ConfigError where the package is not installed."""
    name, _, folder = path.removeprefix(PACKAGE).partition("/")
    found = importlib.util.find_spec(name) if name else None
    if found is None or not found.submodule_search_locations:
        raise ConfigError(f"path: {path}: expected an installed package, found no {name or 'name'}")
    return Path(found.submodule_search_locations[0]) / folder


def _entries(config: Mapping) -> list[Mapping]:
    given = config.get("download") or []
    return [given] if isinstance(given, Mapping) else list(given)


def _check_entries(entries: list[Mapping]) -> None:
    offences = []
    names = [_name(entry) for entry in entries]
    for entry, name in zip(entries, names, strict=True):
        alien = sorted(set(entry) - set(KEYS))
        if alien:
            offences.append(f"unknown keys {alien}; known are {KEYS}")
        if not entry.get("url"):
            offences.append(f"url: missing in {dict(entry)}")
        elif not name or Path(name).name != name:
            offences.append(f"name: expected a file name for {entry['url']}, found {name!r}")
        if names.count(name) > 1:
            offences.append(f"name: expected a name of its own for {entry.get('url')}")
        if entry.get("unpack") not in (None, *UNPACKERS):
            offences.append(f"unpack: expected one of {UNPACKERS}, found {entry['unpack']!r}")
    if offences:
        lines = "\n".join(f"  {offence}" for offence in dict.fromkeys(offences))
        raise ConfigError(f"download:\n{lines}")


def _name(entry: Mapping) -> str:
    """File name of a download: given, or the last part of the URL."""
    return entry.get("name") or unquote(Path(urlsplit(entry.get("url") or "").path).name)


def _fetch(entry: Mapping, cache: Path) -> dict:
    """Download one file, unless it is there already and intact, and unpack it."""
    archive = _retrieve(entry["url"], entry.get("sha256"), cache, _name(entry))
    digest = pooch.file_hash(str(archive), alg="sha256")
    if entry.get("unpack"):
        target = cache / folder_name(archive.name)
        stamp = target / STAMP
        if not stamp.is_file() or stamp.read_text() != digest:
            with timed(f"unpacking {archive.name}"):
                _unpack(archive, entry["unpack"], target, digest)
    return {"url": entry["url"], "file": archive.name, "sha256": digest}


def folder_name(archive: str) -> str:
    """Folder that an archive is unpacked into: its name without the extension."""
    return re.sub(r"(\.tar)?\.[A-Za-z0-9]+$", "", archive) or archive


def _retrieve(url: str, sha256: str | None, cache: Path, name: str) -> Path:
    fetcher = pooch.create(
        path=cache,
        base_url="",
        registry={name: None if sha256 is None else f"sha256:{sha256}"},
        urls={name: url},
        retry_if_failed=RETRIES,
    )
    downloader = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), timeout=TIMEOUT_S)
    try:
        path = Path(fetcher.fetch(name, downloader=downloader))
    except (requests.RequestException, OSError, ValueError) as error:
        raise IntegrityError([_failure(url, sha256, error)]) from error
    if sha256 is None:
        found = pooch.file_hash(str(path), alg="sha256")
        log.warning("%s is not pinned by a checksum; add `sha256: %s` to its download", url, found)
    return path


def _failure(url: str, sha256: str | None, error: Exception) -> Problem:
    """What went wrong with a download, as expected and found."""
    others = [h for h in re.findall(r"\b[0-9a-f]{64}\b", str(error)) if h != sha256]
    if sha256 and others:
        return Problem(url, f"sha256 {sha256}", f"sha256 {others[0]}")
    return Problem(url, "a file to download", f"{type(error).__name__}: {error}")


def _unpack(archive: Path, kind: str, target: Path, digest: str) -> None:
    """Unpack beside the target and move into place, so that no half-unpacked folder is left."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".unpacking-") as scratch:
        content = Path(scratch) / "content"
        content.mkdir()
        try:
            if kind == "zip":
                with zipfile.ZipFile(archive) as opened:
                    opened.extractall(content)
            else:
                with tarfile.open(archive) as opened:
                    opened.extractall(content, filter="data")
        except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError) as error:
            cause = f"{type(error).__name__}: {error}"
            raise IntegrityError([Problem(str(archive), f"a {kind} archive", cause)]) from error
        (content / STAMP).write_text(digest)
        if target.exists():
            shutil.rmtree(target)
        content.rename(target)
