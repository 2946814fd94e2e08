"""Compiled content and one recipient become a message, by the same code for preview and send.

render.py      the order of it all
untracked.py   compiled content for whoever is not measured
mime.py        headers and bodies of a message
attached.py    attached files, encoded once
skeleton.py    static lines of a body, made ready for the wire once
"""
