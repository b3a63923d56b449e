"""Writing files so that nothing is ever half written."""

import os


def write_whole(path, data):
    """Write bytes to a file so that, whatever happens, it is the old one or the new one."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
