"""Style sheets, and what each tag of a page gets from them: what is inlined never changes what a browser shows.

The style sheets stay in the page. A style attribute is for programs that drop them, and it wins over every rule of a
sheet without `!important`: so a declaration is inlined only where no rule for some screens, some colour schemes, a
pointer that rests on it or a recipient's values would have won over it.

selectors.py      a selector, as a matcher is asked for it, and how specific it is
declarations.py   which properties set one another
sheets.py         the rules of style sheets; which of them hold always
matching.py       the rules that mean each tag
inlining.py       the declarations that a tag may bear, and those that it ends with
"""
