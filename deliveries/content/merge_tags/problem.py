"""What an author must change, raised where it is found."""


class Problem(Exception):
    """Something in the content that must be changed by its author.

    `text` is an English msgid with named slots (so `%` is `%%`); `line` counts from 1, and 0 is not known.
    """

    def __init__(self, code: str, text: str, *, line: int = 0, **slots: object) -> None:
        self.code, self.text, self.line, self.slots = code, text, line, slots
        super().__init__(text)
