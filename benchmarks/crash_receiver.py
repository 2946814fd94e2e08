"""The receiver of the crash drill: slow, choosy, and never in doubt about what it took.

What it answers 250 to is in its file before the answer leaves. Some recipients are put off, once or twice,
at RCPT or at the final dot, and some are refused for good; who, the seed and the address decide.
"""

import argparse
import asyncio
import hashlib
import signal
from collections import Counter
from pathlib import Path

from inbox.receiver import Policy, Recorder, Refusal, Session
from inbox.store import Inbox

GREYLISTED = "451 4.2.0 Greylisted, try again later"
# Of 1,000 recipients: (how many, the answer to RCPT, the answer to the final dot, how often; 0: always).
KINDS = (
    (30, GREYLISTED, "", 1),
    (10, GREYLISTED, "", 2),
    (10, "", "451 4.2.1 Mailbox busy, try again later", 1),
    (10, "550 5.1.1 No such mailbox here", "", 0),
    (10, "", "552 5.2.3 Too large for this mailbox", 0),
)


class Choosy(Policy):
    """Refuses by the address alone, so that each seed has its own few."""

    def __init__(self, *, seed: int, delay: float) -> None:
        super().__init__(delay=delay)
        self.seed = seed
        self.times: Counter[str] = Counter()

    def refusal(self, recipient: str) -> Refusal | None:
        return self._answer(recipient, place=1)

    def refusal_at_the_dot(self, recipient: str) -> Refusal | None:
        return self._answer(recipient, place=2)

    def _answer(self, recipient: str, *, place: int) -> Refusal | None:
        kind = self._kind(recipient)
        if kind is None or not kind[place]:
            return None
        times = kind[3]
        if times and self.times[recipient] >= times:
            return None
        self.times[recipient] += 1
        return Refusal(kind[place])

    def _kind(self, recipient: str) -> tuple[int, str, str, int] | None:
        digest = hashlib.blake2b(f"{self.seed} {recipient.lower()}".encode(), digest_size=8).digest()
        place = int.from_bytes(digest, "big") % 1_000
        for kind in KINDS:
            if place < kind[0]:
                return kind
            place -= kind[0]
        return None


class ChoosySession(Session):
    """Refuses some messages at their final dot; the answer to every other comes after its record."""

    policy: Choosy

    def take(self, raw: bytes, consumed: int) -> None:
        recipient = self.recipients[0]
        refusal = self.policy.refusal_at_the_dot(recipient)
        if refusal is None:
            super().take(raw, consumed)
            return
        del self.buffer[:consumed]
        self.scanned, self.in_data, self.is_waiting = 0, False, True
        self.forget_envelope()
        self.recorder.note_refusal(recipient, refusal.reply)
        asyncio.get_running_loop().call_later(self.policy.delay, self.refuse_now, refusal.reply)

    def refuse_now(self, reply: str) -> None:
        self.reply(reply)
        self.is_waiting = False
        if not self.transport.is_closing():
            self.advance()


async def serve(*, file: Path, port: int, policy: Choosy) -> None:
    """Receive until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    inbox = Inbox(file)
    recorder = Recorder(inbox)
    server = await asyncio.get_running_loop().create_server(
        lambda: ChoosySession(recorder, policy), host="127.0.0.1", port=port, backlog=512
    )
    await stop.wait()
    server.close()
    inbox.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--delay", type=float, required=True, help="seconds before each answer to a dot")
    args = parser.parse_args()
    asyncio.run(serve(file=args.file, port=args.port, policy=Choosy(seed=args.seed, delay=args.delay)))
