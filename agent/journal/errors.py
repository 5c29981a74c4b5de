"""What can go wrong with the journal, by what to do next."""


class JournalError(Exception):
    """Root of what the journal raises.  The message names the file and the remedy."""


class JournalPathError(JournalError):
    """The file cannot be made or opened: correct `journal.path` or the folder's owner, then start again."""


class JournalHeldError(JournalError):
    """Another agent has this journal (the message says which process): stop it, or use another file."""


class JournalVersionError(JournalError):
    """The file was written by a newer Lineside, or is not a journal: use that version, or another file."""


class JournalWriteError(JournalError):
    """Nothing was written (disk full, read-only, I/O error): refuse the work, and try again."""


class JournalFullError(JournalWriteError):
    """Nothing was written, because the disk is full: free space; it goes on by itself."""


class JournalCorruptError(JournalError):
    """The file is damaged: put it aside and recover what can be read."""
