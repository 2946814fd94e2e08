"""A page as a browser reads it, so that what is said of it holds for whoever opens it.

bounds.py       how much content may be, and how deep
markup.py       HTML cut into tokens without changing an octet of it
tree.py         how a browser's parser nests the page
cascade/        style sheets, and what each tag gets from them
inliner.py      css-inline, in a process of its own where that may take long
styles.py       the style sheets of a page, and for each tag what they come to
visibility.py   what a reader sees of a page
"""
