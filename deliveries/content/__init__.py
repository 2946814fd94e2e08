"""Content: compiled once, slots filled for each recipient.

source.py       what the author wrote, and the fields that may be used
compile.py      the order of it all: Source to Compiled and findings
merge_tags/     the small language that is allowed, parsed and written anew so that nothing surprises while sending
reading/        a page as a browser reads it: its tags, how they nest, what is seen, how much there may be
html_part/      the page as it leaves: what may not stay, links, pictures, style sheets
text_part/      the text as written, or made from the page
essentials.py   a subject, something to show, a sender
opt_out.py      whether everybody sees the link to unsubscribe
pictures.py     pictures and styles that stand elsewhere, named for whoever decides
trial.py        rendered for a try
findings.py     what the author is told
links.py        which addresses are tracked, and which are refused
parameters.py   what is added to them, such as utm_source
references.py   character references, read as a browser reads them
lines.py        line lengths that mail allows
compiled.py     what comes of it, as it is sealed
message/        Compiled and one recipient become a message, by the same code for preview and send
"""
