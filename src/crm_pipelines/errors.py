"""The one exception a user is meant to read."""


class UserError(Exception):
    """A mistake in the user's data or configuration, told in one message.

    The message names the file, column, row or key concerned and says what to do. The command line prints it
    as its last line, without a traceback, and exits with a non-zero status.
    """
