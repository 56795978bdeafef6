"""The book's own error, for data that cannot be had."""


class DataError(OSError):
    """Data that cannot be fetched, read or written; the message says what to do."""
