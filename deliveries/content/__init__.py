"""Content: compiled once, slots filled for each recipient.

source.py       what the author wrote, and the fields that may be used
compile.py      the order of it all: Source to Compiled and findings
bounds.py       how much content may be, and how deep
essentials.py   a subject, something to show, a sender
merge_tags/     the small language that is allowed, parsed and written anew so that nothing surprises while sending
references.py   character references, read as a browser reads them
markup.py       HTML cut into tokens without changing an octet of it
html_part/      the page: what may not stay, links, pictures, style sheets
inert.py        what acts in a page, or fetches
tree.py         how a browser's parser nests the page
cascade/        style sheets, and what each tag gets from them
inliner.py      css-inline, in a process of its own where that may take long
styles.py       the style sheets of a page, and for each tag what they come to
visibility.py   what a reader sees of a page
assets.py       uploaded pictures in place of relative paths
links.py        which addresses are tracked, and which are refused
parameters.py   what is added to them, such as utm_source
text_part.py    the text part as written
plaintext.py    a text part made from the HTML
lists.py        the numbers of its lists
layout.py       its lines
opt_out.py      whether everybody sees the link to unsubscribe
lines.py        line lengths that mail allows
trial.py        rendered for a try
untracked.py    the same for whoever is not measured
compiled.py     what comes of it, as it is sealed
findings.py     what the author is told
pictures.py     pictures and styles that stand elsewhere, named for whoever decides
attached.py     attached files, encoded once
mime.py         headers and bodies of a message
skeleton.py     static lines of a body, made ready for the wire once
render.py       Compiled and one recipient to a message, the same code for preview and send
"""
