"""What a send is compared with: the ceiling, postfix's own generator, and what a Django project has at hand."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.audience import html
from benchmarks.sinks import Sink, postfix_program

SOURCE_SESSIONS = 8


def raw(sink: Sink, *, messages: int, processes: int, connections: int, message: bytes) -> float:
    """Messages a second of ready bytes from so many processes with so many connections each."""
    from campaign.lib.dots import dotted

    with tempfile.NamedTemporaryFile() as body:
        Path(body.name).write_bytes(dotted(message))
        shares = [messages // processes + (n < messages % processes) for n in range(processes)]
        clients = [
            subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "benchmarks.raw",
                    str(sink.port),
                    str(share),
                    str(connections),
                    body.name,
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for share in shares
        ]
        _hear(clients, "ready")
        began = time.perf_counter()
        for client in clients:
            assert client.stdin is not None
            client.stdin.write("go\n")
            client.stdin.flush()
        _hear(clients, "done")
        took = time.perf_counter() - began
        for client in clients:
            client.communicate()
    return messages / took


def _hear(clients: list[subprocess.Popen[str]], word: str) -> None:
    for client in clients:
        assert client.stdout is not None
        if client.stdout.readline().strip() != word:
            raise SystemExit(f"the raw client did not get {word}")


def smtp_source(sink: Sink, *, messages: int, size: int) -> float:
    """Messages a second of `smtp-source` with messages of that size, which it pads itself."""
    program = postfix_program("smtp-source")
    assert program is not None
    began = time.perf_counter()
    subprocess.run(
        [program, "-d", "-s", str(SOURCE_SESSIONS), "-m", str(messages), "-l", str(size), f"127.0.0.1:{sink.port}"],
        check=True,
    )  # fmt: skip
    return messages / (time.perf_counter() - began)


def django_mail(sink: Sink, *, messages: int) -> float:
    """Messages a second of `EmailMultiAlternatives` over one kept connection, a row saved for each."""
    from django.core.mail import EmailMultiAlternatives, get_connection
    from django.template import engines
    from django.utils import timezone

    record = _table_of_a_django_project()
    template = engines["django"].from_string(
        html().replace("mirror_url", "mirror").replace("unsubscribe_url", "unsubscribe")
    )
    backend = "django.core.mail.backends.smtp.EmailBackend"
    began = time.perf_counter()
    with get_connection(backend, host="127.0.0.1", port=sink.port) as connection:
        for number in range(messages):
            name, address = f"Ana {number}", f"p{number}@example.com"
            context = {
                "profile": {"first_name": name, "city": "Recife"},
                "mirror": f"https://www.example.com/m/{number}",
                "unsubscribe": f"https://www.example.com/u/{number}",
            }
            message = EmailMultiAlternatives(
                f"News for {name}", f"Hello {name}. https://www.example.com/0 {context['unsubscribe']}",
                "Serra Alta <news@serra-alta.example.com>", [address], connection=connection,
                headers={"List-Unsubscribe": f"<{context['unsubscribe']}>"},
            )  # fmt: skip
            message.attach_alternative(template.render(context), "text/html")
            message.send()
            record(address=address, sent_at=timezone.now()).save()
    return messages / (time.perf_counter() - began)


def _table_of_a_django_project() -> Any:
    from django.apps import apps
    from django.db import connection, models

    if "benchmarks" in apps.all_models and "sentmail" in apps.all_models["benchmarks"]:
        return apps.all_models["benchmarks"]["sentmail"]

    class SentMail(models.Model):
        address = models.CharField(max_length=320)
        sent_at = models.DateTimeField()

        class Meta:
            app_label = "benchmarks"

    with connection.schema_editor() as editor:
        editor.create_model(SentMail)
    return SentMail
