"""Downloads that a user asks for, checked by their hash."""

TRIES = 3
"""How often a download that fails is started again before giving up."""


def download(url, md5, path):
    """Download a file, unless it is there already; pooch does it, and tries ``TRIES`` times.

    A file that is there but has another hash is replaced. Nothing appears at ``path`` until its
    hash is right. Raises a ConnectionError if the server cannot be reached, a ValueError if what
    arrived has another hash.
    """
    import pooch
    import requests

    files = pooch.create(
        path.parent,
        base_url="",
        registry={path.name: f"md5:{md5}"},
        urls={path.name: url},
        retry_if_failed=TRIES - 1,
    )
    try:
        files.fetch(path.name, downloader=pooch.HTTPDownloader(progressbar=True))
    except requests.RequestException as error:
        raise ConnectionError(
            f"{url} could not be downloaded: {error}. Try again, or get the file in any other way "
            f"and put it at {path}"
        ) from error
    except ValueError as error:
        raise ValueError(
            f"{url} did not give the expected file: {error} Try again; if that does not help, "
            f"get the file in any other way and put it at {path}"
        ) from error
    return path
