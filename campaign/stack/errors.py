"""What a person can mend."""


class StackError(Exception):
    """Its text says what happened and how to go on; it is shown without a traceback."""
