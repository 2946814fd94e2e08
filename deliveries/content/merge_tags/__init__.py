"""Merge tags: the part of Jinja that content may use, parsed here so that nothing else gets through.

Allowed: `{{ expression }}`, if / elif / else / endif, `set` of a simple value, raw, comments. An expression reads
`profile.field`, never the profile as a whole, calls nothing, and uses only filters and tests of the vocabulary.

vocabulary.py     the filters, tests and names that there are
problem.py        what the author must change, as an exception
cutting.py        a source becomes segments: text as it stands, or one tag each
pasted.py         tags as an editor of HTML writes them
tag.py            one tag becomes a segment
tokens.py         the words and signs inside of a tag
parser.py         these become an expression
expressions.py    what an expression is made of
conditions.py     each if has its endif, and they aren't too deep
segments.py       what a segment is; a source with its tags painted over
foreign.py        tags of other systems, and what was probably meant by them
scope.py          one part of the content: its tags checked, and written anew
writer.py         an expression as it will run, without a surprise left for the moment of sending
kinds.py          whether a value is a text, a number or a yes-or-no
growth.py         a variable can't grow without end
literals.py       text that stands in a template as it is
own_addresses.py  where the addresses of ours stand, for the renderer to fill
engine.py         templates run, with plain values only
values.py         values of profiles as templates see them

What authors can rely on:
- a field without a value is an empty text; `|default('there')` fills in for it, and `is defined` is false;
- an empty number counts as 0 in a calculation, is never smaller or larger than anything, and rounds to nothing;
- a name that nobody declared is empty, and the author is warned;
- in an address a value is encoded as part of an address, with or without `|urlencode`.
"""
