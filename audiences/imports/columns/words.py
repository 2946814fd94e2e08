"""Words of files for yes and no, and for where somebody stands with a list, in the languages of the usual tools."""

import re
import unicodedata
from functools import lru_cache

# What a database or a spreadsheet writes where there is nothing.
NULLS = frozenset({"", "NULL", "null", "Null", "\\N", "(null)", "<null>", "nil", "NIL"})
# What a spreadsheet writes where a formula failed.
FAILED = frozenset(
    {"#N/A", "#N/D", "#NV", "#REF!", "#VALUE!", "#VALOR!", "#NAME?", "#NOME?", "#DIV/0!", "#NUM!", "#NÚM!", "#NULL!"}
)  # fmt: skip

LEFT, WANTS, BOUNCED, COMPLAINED, PENDING, UNKNOWN = "left", "wants", "bounced", "complained", "pending", ""

_YES = frozenset(
    "1 true yes y sim s x t verdadeiro on ok oui ja j si da да tak kylla igen ano evet wahr vrai vero verdadero yep"
    " yeah checked ticked marked marcado はい 是 sì".split()
)
_NO = frozenset(
    "0 false no n nao f falso off non nein nee nej nei ne нет nie ei nem hayir falsch faux unchecked unticked"
    " desmarcado nope いいえ 否".split()
)
_LEFT = re.compile(
    r"unsub\w*|opt(ed)?_?out\w*|(is_)?black_?list\w*|(is_)?block_?list\w*|block(ed)?|suppress\w*|den(y|ied)|refus\w*"
    r"|declin\w*|revok\w*|withdr[ae]w\w*|remove[dr]?|deleted|do_?not\w*|dont_\w+|stop(ped)?|cancel\w*|descadastr\w*"
    r"|desinscri\w*|desassin\w*|desuscri\w*|(dad[oa]_de_)?baja|desabonn\w*|abgemeldet|abmeldung|ausgetragen|widerruf\w*"
    r"|afgemeld|uitgeschreven|disiscritt\w*|bloquead\w*|recus\w*|revogad\w*|removid\w*|excluid\w*|saiu|dnc|dnd|objected"
    r"|disabled|desativad\w*|opt_uit|no_(e?_?mails?|contact|newsletters?|marketing)|sem_(email|contato)"
    r"|n(ao|o)_(enviar|contatar|receb\w*|perturb\w*|quer\w*|mandar)\w*|non?_contact\w*|avregistrer\w*"
).fullmatch
_WANTS = re.compile(
    r"subscrib\w*|(double_)?opt(ed)?_?in\w*|confirmed|confirmad\w*|active|ativ[oa]|activ[oa]|actif|aktiv|enabled|inscrit\w*"
    r"|assinante|abonn\w*|angemeldet|aceit\w*|accept\w*|aceptad\w*|autoriz\w*|permitid\w*|permitted|granted|given"
    r"|consent(ed)?|agree[ds]?|allow(ed)?|whitelist\w*|suscrit\w*|iscritt\w*|ingeschreven|cadastrad\w*|concord\w*"
).fullmatch
_BOUNCED = re.compile(
    r"((hard|soft|is|has)_)*bounc\w*|hard|soft|permanent|cleaned|invalid\w*|undeliver\w*|devolvid\w*|rebot\w*|retornad\w*|email_invalido"
    r"|unzustellbar|non_?existent"
).fullmatch
_COMPLAINED = re.compile(
    r"complain\w*|((marked|reported)_(as_)?)?spam(_\w+)?|spammed|abus\w*|junk|reclam\w*|denunci\w*|fbl|feedback_loop"
).fullmatch
_PENDING = re.compile(
    r"pending\w*|unconfirmed|not_confirmed|pendente|nao_confirmad\w*|non_?subscribed|not_subscribed|inactive|inativ[oa]"
    r"|transactional|archived|arquivad\w*|waiting|invited|sleeping"
).fullmatch
_DENIAL = re.compile(r"(no|not|nao|non|never|nunca|nicht|kein|sem|without|niet|ne|nem|nie)_\w+").fullmatch
_NOT_OUT = re.compile(
    r"(no|not|nao|non|never|nunca|nicht|ainda_nao)_(unsub\w*|opt(ed)?_?out\w*|black_?list\w*|block\w*|descadastr\w*"
    r"|cancel\w*|desinscri\w*|bloquead\w*|suppress\w*|removed|abgemeldet)"
).fullmatch


@lru_cache(100_000)
def plain(text: str) -> str:
    """A text as a name: small letters without accents, digits, and _ for all the rest."""
    letters = unicodedata.normalize("NFKD", text).casefold()
    kept = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return re.sub(r"[\W_]+", "_", kept).strip("_")


def yes_or_no(text: str) -> bool | None:
    """Yes or no, in the languages of the usual tools; None for anything else."""
    word = plain(text)
    if word in _YES:
        return True
    return False if word in _NO else None


def is_denied(text: str) -> bool:
    """Whether a text begins with a no: not subscribed, não aceita, no thanks."""
    return _DENIAL(plain(text)) is not None


def meaning(text: str) -> str:
    """Where somebody stands whose cell says so: LEFT, WANTS, BOUNCED, COMPLAINED, PENDING, or UNKNOWN."""
    word = plain(text)
    if _NOT_OUT(word):
        return WANTS
    for meant, matches in _MEANINGS:
        if matches(word):
            return meant
    return UNKNOWN


_MEANINGS = (
    (COMPLAINED, _COMPLAINED),
    (BOUNCED, _BOUNCED),
    (PENDING, _PENDING),
    (LEFT, _LEFT),
    (WANTS, _WANTS),
)
