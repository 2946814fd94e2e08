"""The words that merge tags may use."""

FILTERS = frozenset(
    "default d upper lower title capitalize trim replace length count first last round int float abs "
    "urlencode escape e truncate date string".split()
)
TESTS = frozenset(
    "defined undefined none number string true false odd even startingwith endingwith eq equalto ne".split()
)
SYSTEM_NAMES = frozenset({"unsubscribe_url", "mirror_url"})
KEYWORDS = frozenset("and or not in is if else true false none True False None".split())
# Tags of Jinja that exist but have no place in an email, so that the message can say so.
KNOWN_ELSEWHERE = frozenset(
    "for endfor include import from extends block endblock macro endmacro call endcall do with endwith "
    "filter endfilter autoescape endautoescape break continue".split()
)
