"""Whom a user agent stands for, by the installed list of robots and our rules.

A person taken for a machine loses a real open or click, which is worse than the reverse: what is not known is a
person. No agent shows a gateway that calls itself a browser: that takes its network, its speed or its method.
"""

from enum import StrEnum
from functools import lru_cache

import crawleruseragents

from feedback.readers.rules import Rules


class Sign(StrEnum):
    """What an agent says by itself."""

    HUMAN = "human"
    UNSURE = "unsure"
    MACHINE = "machine"
    PROXY = "proxy"  # of a mailbox provider: the moment decides


@lru_cache(maxsize=16_384)
def sign_of(agent: str, by: Rules) -> Sign:
    """Whom this user agent stands for, by these rules; asked once for each agent."""
    told = agent.strip()
    if by.proxy.search(told):
        return Sign.PROXY
    if not told:
        return Sign.HUMAN
    if by.unsure.search(told):
        return Sign.UNSURE
    named = by.not_robots.sub("", told)
    is_robot = not by.people_use.search(told) or by.machine.search(named)
    is_listed = not by.not_listed.search(told) and crawleruseragents.is_crawler(named)
    return Sign.MACHINE if is_robot or is_listed else Sign.HUMAN
