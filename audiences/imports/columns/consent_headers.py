"""Headers of columns about consent, known by their words whatever else stands around them."""

import re

from audiences.imports.columns import words
from audiences.imports.columns.wishes import Asks, Channel, Wish

# These names say status and nothing else: what stands in the column decides.
GENERIC_STATUS = frozenset(
    "status state situacao estado estatus statut subscriber_state contact_status stato".split()
)

# Names that are consent's own: an attribute of the same name gives way.
_SURE = {
    Asks.OUT: "no_email no_sms no_contact opt_out optout opted_out unsubscribed unsubscribe sem_email nao_enviar_email"
    " descadastrado opt_out_email email_opt_out email_optout no_mail sem_sms nao_enviar_sms opt_out_sms sms_opt_out"
    " sem_contato nao_contatar do_not_contact donotcontact dnc do_not_email email_blacklisted sms_blacklisted"
    " blacklisted blocklisted blacklist unsub_time unsubscribe_date unsubscribed_at has_opted_out_of_email",
    Asks.IN: "opt_in optin opted_in subscribed is_subscribed accepts_marketing accepts_email_marketing email_consent"
    " sms_consent aceita_receber double_opt_in consent",
    Asks.STATUS: "subscription_status subscriber_status email_status email_marketing_status marketing_status"
    " status_da_assinatura",
    Asks.BOUNCED: "bounced hard_bounced clean_time",
    Asks.COMPLAINED: "complained marked_as_spam",
    Asks.WHY_OUT: "unsub_reason opt_out_reason unsub_reason_other unsub_campaign_title unsub_campaign_id",
    Asks.GIVEN_AT: "consent_at consent_date data_do_consentimento optin_time confirm_time opt_in_date optin_date",
    Asks.SOURCE: "consent_source origem_do_consentimento optin_source opt_in_source optin_ip confirm_ip",
    Asks.WORDS: "consent_words consent_text texto_do_consentimento",
    Asks.TRACK: "tracking_consent consent_to_tracking tracking_allowed allow_tracking email_tracking_consent"
    " consentimento_de_rastreamento aceita_rastreamento permite_rastreamento",
    Asks.TRACK_OPENS: "track_opens opens_tracking_consent rastrear_aberturas",
    Asks.TRACK_CLICKS: "track_clicks clicks_tracking_consent rastrear_cliques",
    Asks.NO_TRACKING: "no_tracking do_not_track tracking_opt_out opt_out_tracking nao_rastrear sem_rastreamento",
}
_OF_NAME = {name: asks for asks, names in _SURE.items() for name in names.split()}

_NOT_BY_MAIL = re.compile(
    r"(^|_)(phone|call|calls|telefon\w*|ligar|ligacao|fax|postal|whatsapp|push|cookies?)(_|$)"
)
_SMS = re.compile(r"(^|_)(sms|text_messages?|texts)(_|$)")
_ANY = re.compile(r"(^|_)(contact|contacted|contato|contatar|contactar|dnc|any_channel)(_|$)")
_OUT = re.compile(
    r"(^|_)(unsub|opt(ed)?_?out|black_?list|block_?list|do_?not(?!_?(track|delete|remove))|dont_|n[ao]o?_(enviar|contat|receb|perturb|quer_|"
    r"aceit|autoriz|mandar)|no_(e_?mails?|contact|newsletters?|marketing|mailings?)(_|$)|sem_(e_?mails?|contato|newsletter)(_|$)"
    r"|descadastr|desinscr|desinscri|desassin|desabonn|desuscri|abgemeldet|abmelde|suppress|supress|stop_?e?_?mails?|opposition"
    r"|uitgeschreven|disiscri|revogad|withdrawn|revoked|widerruf|sai(r|u)_da_lista|removed_from|^remov(ed|ido)$|cancel\w*_(a_)?(inscri|assina|subscri|e?_?mail|newsl)|baja(_|$)|no_deseo|keine_)"
)
_IN = re.compile(
    r"(^|_)(opt(ed)?_?in(_|$)|subscribed?(_|$)|consent|permission|permiss[aã]o|accepts?_?(e_?mails?|marketing|sms|news|promo)|accepts?$"
    r"|aceit[ae]?(_|$)|aceit[ae]_|acept[ao]|autoriz|einwilligung|gdpr|lgpd|rgpd|receb(e|er|o)(_|$)|receives?_|recibir|quer(o)?_receb"
    r"|newsletters?(_(opt_?in|ok|subscri\w*|yes_no))?$|inscrito|permit[ei]\w*(_|$)|assinante(_|$)|abonne(e)?(_|$)|marketing_(ok|allowed|emails?|consent)"
    r"|e?_?mail_(ok|allowed|enabled|permitted|permission)|mailable|(can|may|pode|allow|allows|allowed)_(e_?mail|contact|mail|news|"
    r"enviar|contatar|marketing)|marketing$|wants_)"
)
_STATUS = re.compile(
    r"(^|_)(subscri\w*|e?_?mail|marketing|newsletter|mailing|member|list|lista|assinatura|inscricao|optin|opt_in|consent\w*|permission)"
    r"_(marketing_)?(status|state|situacao|estado|statut)$|^(status|situacao|estado)_(d[aoe]_)?(e?_?mail|assinatura|inscricao|newsletter|subscri\w*)"
)
_BOUNCED = re.compile(
    r"(^|_)(bounce|hard_bounce|soft_bounce|cleaned|clean_time|rebot|undeliverable|devolvid)"
)
_COMPLAINED = re.compile(r"(^|_)(complain|spam|abuse|reclam|denunci)(?!\w*_(score|rating|rate))")

_WHEN = re.compile(r"(^|_)(date|time|timestamp|at|on|data|hora|quando|when|em|datum|fecha|since|desde)(_|$)")
_WHY = re.compile(
    r"(^|_)(reason\w*|motivo|campaign\w*|campanha|id|ip|title|comment\w*|why|grund|feedback|source|origem|type|tipo|code)(_|$)"
)
_WHERE = re.compile(
    r"(^|_)(source|origin|origem|fonte|ip|url|form|formulario|method|metodo|via|canal|channel|where|onde|quelle|referrer)(_|$)"
)
_WHAT = re.compile(r"(^|_)(text|texto|words|wording|termos?|terms|statement|version|versao)(_|$)")
_NUMBERED = re.compile(
    r"(^|_)(count|number|rate|score|rating|qtd|total|percent|frequency|frequencia|type|tipo|name|nome|language)(_|$)"
)

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def wish_of(header: str, *, sure: bool = False) -> Wish | None:
    """The column about consent that a header names, or None. `sure`: by its whole name alone, not by words in it."""
    name = words.plain(header)
    if asks := _OF_NAME.get(name):
        return Wish(-1, header, asks, _channel(_split(header)))
    if sure or not name:
        return None
    name = _split(header)
    if asks := _OF_NAME.get(name) or _by_words(name):
        return Wish(-1, header, asks, _channel(name))
    return None


def _split(header: str) -> str:
    """The plain name, with words apart that only a capital tells: doNotContact is do_not_contact."""
    return words.plain(_CAMEL.sub("_", header.strip()))


def _channel(name: str) -> str:
    if _SMS.search(name):
        return Channel.SMS
    return Channel.ANY if _ANY.search(name) and "mail" not in name else Channel.EMAIL


def _by_words(name: str) -> Asks | None:
    if _NOT_BY_MAIL.search(name) and "mail" not in name:
        return None
    if _STATUS.search(name):
        return Asks.STATUS
    if _OUT.search(name):
        return Asks.WHY_OUT if _WHY.search(name) else Asks.OUT
    if _COMPLAINED.search(name) and not _WHY.search(name):
        return Asks.COMPLAINED
    if _BOUNCED.search(name) and not _WHY.search(name) and not re.search(r"rate|score", name):
        return Asks.BOUNCED
    if _IN.search(name):
        return _about_consent(name)
    return None


def _about_consent(name: str) -> Asks | None:
    for pattern, asks in ((_WHERE, Asks.SOURCE), (_WHAT, Asks.WORDS), (_WHEN, Asks.GIVEN_AT)):
        if pattern.search(name):
            return asks
    return None if _NUMBERED.search(name) else Asks.IN
