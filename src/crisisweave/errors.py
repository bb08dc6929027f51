"""The errors that a person is meant to read.

Every one carries a single sentence that says what is wrong, where, and what to do. The command line
prints that sentence and exits with status 2; any other exception is a defect and keeps its traceback.
"""


class CrisisWeaveError(Exception):
    """Base of all errors that are the input's or the machine's fault, never the program's."""


class ConfigError(CrisisWeaveError):
    """A configuration file is wrong: unknown key, impossible value, missing file."""


class DataError(CrisisWeaveError):
    """A data set is wrong: missing column, unknown label, unreadable image, empty split."""


class WeightsError(CrisisWeaveError):
    """Weights are missing, altered (hash differs) or belong to another method."""


class StorageError(CrisisWeaveError):
    """The disk refused: full, read-only or not permitted."""


class FetchError(CrisisWeaveError):
    """Something could not be fetched: no network, wrong hash, unaccepted licence, hostile archive."""
