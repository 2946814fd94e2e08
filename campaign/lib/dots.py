"""Messages as they follow a 354 (RFC 5321, 4.5.2)."""

END = b".\r\n"


def dotted(message: bytes) -> bytes:
    """Return the message as it follows a 354: line ends are CRLF, dots are doubled, the final dot ends it."""
    ends = message.count(b"\r\n")
    if message.count(b"\n") == ends and message.count(b"\r") == ends:  # by far the most, and much faster
        head, tail = b"." if message[:1] == b"." else b"", b"" if message[-2:] == b"\r\n" else b"\r\n"
        return b"".join((head, message.replace(b"\r\n.", b"\r\n.."), tail, END))
    # A bare line end could end the data early at the next hop (smuggling), or be refused there.
    lines = message.splitlines() or [b""]
    for number, line in enumerate(lines):
        if line[:1] == b".":
            lines[number] = b"." + line
    lines.append(END)
    return b"\r\n".join(lines)
