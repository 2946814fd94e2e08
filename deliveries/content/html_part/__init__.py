"""The HTML part. It keeps every octet but those that must change.

These are style attributes, addresses of links and pictures, a preheader, a pixel, and what must not stay.

page.py            the order of it all, from the author's page to a template and a text made from it
document.py        the page in tokens, and what takes the place of what
safety.py          what has no place in an email
inert.py           what acts in a page, or fetches; address_attributes.py: the attributes that hold addresses
hyperlinks.py      links, tracked by a slot in place of their address
labels.py          what each link is called
images.py          pictures, by the address that they were uploaded to (assets.py)
style_sheets.py    style sheets, and the style attribute that each tag gets from them
escaping.py        a template of text as a template of HTML
"""
