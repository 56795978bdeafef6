"""Files, read and written: images, stimulus tables, masked runs, blocks on disk, the download."""


class DataError(OSError):
    """Data that cannot be fetched, read or written; the message says what to do."""
