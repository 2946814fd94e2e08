"""From the signs of hits to their class, in SQL: the same where they are brought in and where they are read anew.

`by_itself` judges a hit by its own signs. `swept` finds the programs that followed every link of a message within
seconds, which only several hits together show.
"""

from deliveries.models import MessageStatus
from feedback.agents import AgentKind
from feedback.models import HitKind
from feedback.readers.agents import Sign

HUMAN, UNSURE, MACHINE = (
    f"'{kind.value}'" for kind in (AgentKind.HUMAN, AgentKind.UNSURE, AgentKind.MACHINE)
)
LINKS = 63  # bits of a mask: links whose numbers differ by so many are taken for one, so that a sweep is still one


def by_itself(hit: str, *, agent: str, network: str, after: str) -> str:
    """SQL for the class of a hit by its own signs; it names the parameter `proxy_seconds`.

    `hit` is the alias of its row, `agent` and `network` are the columns with what these say by themselves (`Sign`,
    `AgentKind`), `after` the seconds since its message was accepted, null where that isn't known. An opt-out is
    somebody's wish, whoever carries it: it is never a machine's.
    """
    is_machine = f"({hit}.method = 'HEAD' OR {agent} = '{Sign.MACHINE}' OR {network} = {MACHINE})"
    return f"""CASE
        WHEN {hit}.is_prefetch THEN {UNSURE}
        WHEN {is_machine} THEN CASE {hit}.kind WHEN '{HitKind.UNSUBSCRIBE}' THEN {UNSURE} ELSE {MACHINE} END
        WHEN {agent} = '{Sign.UNSURE}' THEN {UNSURE}
        WHEN {network} = {UNSURE} AND {hit}.kind = '{HitKind.OPEN}' THEN {UNSURE}
        WHEN {agent} = '{Sign.PROXY}' AND {after} < %(proxy_seconds)s THEN {UNSURE}
        ELSE {HUMAN} END"""


def after(at: str, message: str) -> str:
    """SQL for the seconds from a message's acceptance to a moment; null where that was never known.

    A message whose outcome is not written yet was accepted a moment ago, if at all. One that is known to have arrived
    by evidence alone has no answer of a server.
    """
    return f"""CASE
        WHEN {message}.status IN ({MessageStatus.SENT}, {MessageStatus.BOUNCED}) AND {message}.code IS NOT NULL
            THEN greatest(0, extract(epoch FROM {at} - {message}.at))::float
        WHEN {message}.status = {MessageStatus.PREPARED} THEN 0 END"""


def swept(which: str) -> str:
    """SQL for two tables of a WITH: `swept` has the seconds in which a program went through a message.

    `which` says of which messages of the delivery, with the alias `h`. It names the parameters `delivery`, `links` (the
    mask of all links of the message) and `seconds`, within which they must all be followed; with null for it nothing is
    swept. By the second, so that whoever follows one link a million times costs a row for each second.
    """
    frame = "PARTITION BY seq, network, agent ORDER BY second RANGE BETWEEN"
    seconds = "make_interval(secs => coalesce(%(seconds)s, 0))"
    return f"""by_second AS (
        SELECT h.seq, h.network, h.agent, date_trunc('second', h.at) AS second,
            coalesce(bit_or(1::bigint << (h.link %% {LINKS})) FILTER (WHERE h.kind = '{HitKind.CLICK}'), 0) AS links
        FROM feedback_hit h
        WHERE h.delivery_id = %(delivery)s AND {which} AND NOT h.is_prefetch AND %(seconds)s::float IS NOT NULL
        GROUP BY h.seq, h.network, h.agent, date_trunc('second', h.at)
    ), begun AS (
        SELECT *,
            bit_or(links) OVER ({frame} CURRENT ROW AND {seconds} FOLLOWING) & %(links)s = %(links)s AS begins
        FROM by_second
    ), swept AS (
        SELECT seq, network, agent, second FROM (
            SELECT *, bool_or(begins) OVER ({frame} {seconds} PRECEDING AND CURRENT ROW) AS is_swept FROM begun
        ) each WHERE is_swept
    )"""


# Which hits of the message belong to it: a prefetch and an opt-out are never a machine's.
OF_SWEEP = f"""s.seq = h.seq AND s.network = h.network AND s.agent = h.agent
    AND s.second = date_trunc('second', h.at) AND NOT h.is_prefetch AND h.kind <> '{HitKind.UNSUBSCRIBE}'"""


def mask(links: list[int]) -> int:
    """The numbers of links as bits."""
    bits = 0
    for link in links:
        bits |= 1 << (link % LINKS)
    return bits
