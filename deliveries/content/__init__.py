"""Content: compiled once, slots filled for each recipient.

source.py     what the author wrote, and the fields that may be used
grammar.py    merge tags: the small language that is allowed, parsed with line numbers
personalisation.py   a checked expression becomes one that the renderer can run without surprises
markup.py     HTML cut into tokens without changing an octet of it
bounds.py     how much content may be, and how deep
inliner.py    style sheets inlined, in a process of its own where that may take long
styles.py     the style attribute that each tag needs once style sheets are inlined
links.py      which addresses are tracked, and which are refused
plaintext.py  a text part made from the HTML
lines.py      line lengths that mail allows
compile.py    all of that in order: Source to Compiled and findings
mime.py       headers and bodies of a message
render.py     Compiled and one recipient to a message, the same code for preview and send
"""
