"""Downloads that are asked for by name, checked by hash, and carried on where they broke off."""

import os
import time
from functools import partial
from pathlib import Path

TRIES = 3
"""How often a connection that breaks is opened again before giving up."""

_TIMEOUT = (10, 60)  # seconds to connect, and between two pieces of the answer


def download(url, md5, path):
    """Download a file, unless it is there already.

    What has arrived of a download that breaks off is kept beside ``path``, in a file whose name
    ends in ``.part``; the next call goes on from there, if the server allows it. A file that is
    there but has another hash is replaced. Nothing appears at ``path`` until its hash is right.

    Parameters
    ----------
    url : str
    md5 : str
        Hexadecimal digest of the whole file.
    path : Path
        Where to put it; folders are made.

    Returns
    -------
    Path
        ``path``.

    Raises
    ------
    ConnectionError
        If the server cannot be reached or refuses, or the connection broke ``TRIES`` times.
    ValueError
        If what arrived has another hash; it is deleted.
    """
    import pooch
    import requests

    part = path.with_name(path.name + ".part")
    fetch = partial(_fetch, part=part)
    try:
        pooch.retrieve(url, f"md5:{md5}", fname=path.name, path=path.parent, downloader=fetch)
    except requests.RequestException as error:
        kept = f" {part.stat().st_size} bytes of it are kept." if part.exists() else ""
        raise ConnectionError(
            f"{url} could not be downloaded: {error}.{kept} Call again to go on, or get the file "
            f"in any other way and put it at {path}"
        ) from error
    except ValueError as error:
        raise ValueError(
            f"{url} did not give the expected file: {error} Try again; if that does not help, "
            f"get the file in any other way and put it at {path}"
        ) from error
    return path


def _fetch(url, output_file, _pooch, *, part):
    import requests

    for wait in range(1, TRIES + 1):
        try:
            _go_on(url, part)
            break
        except (
            requests.ConnectionError,
            requests.Timeout,
            requests.exceptions.ChunkedEncodingError,
        ):
            if wait == TRIES:
                raise
            time.sleep(wait)
    os.replace(part, output_file)


def _go_on(url, part):
    """Append to ``part`` what it lacks of the file."""
    import requests
    from tqdm.auto import tqdm

    have = part.stat().st_size if part.exists() else 0
    # compressed on the way, the bytes would not be those that a range counts
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            return  # nothing is lacking, or it is no part of this file: the hash will tell
        response.raise_for_status()
        if response.status_code != requests.codes.partial_content:
            have = 0
        length = response.headers.get("Content-Length")
        progress = tqdm(
            initial=have,
            total=None if length is None else have + int(length),
            desc=part.stem,
            unit="B",
            unit_scale=True,
        )
        with progress, Path(part).open("ab" if have else "wb") as file:
            for piece in response.iter_content(2**16):
                file.write(piece)
                progress.update(len(piece))
