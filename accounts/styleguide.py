"""All components on one page while DEBUG is on, to write pages from and to look at after a change."""

import re
from datetime import timedelta
from pathlib import Path

from django import forms
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.staticfiles import finders
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from campaign.lib.jobs import NO_WORKER, Queue

# The longest words are those of Brazilian Portuguese: what holds them holds all.
STATUSES = [
    ("draft", "Em edição"),
    ("preparing", "Em preparação"),
    ("preparation_failed", "Falha na preparação"),
    ("awaiting_approval", "Aguardando aprovação"),
    ("ready", "Pronta: aguardando confirmação"),
    ("scheduled", "Programada para 12/11/2026 14:00"),
    ("sending", "Enviando"),
    ("retrying", "Tentando novamente: 412"),
    ("paused", "Pausada"),
    ("finished", "Concluída"),
    ("stopped", "Interrompida"),
    ("failed", "Falhou"),
    ("expired", "Expirada"),
]
SEGMENTS = [
    ("Entregues", 9412, "green"),
    ("Devoluções e erros", 268, "red"),
    ("Tentando novamente", 120, "blue"),
    ("Resultado desconhecido", 14, "yellow"),
    ("Não enviadas: cancelaram a inscrição após a preparação", 76, "grey"),
]
DELIVERIES = [
    (1000 + n, name, status, label, sent)
    for n, (name, (status, label), sent) in enumerate(
        zip(
            [
                "Boletim de novembro – clientes que compraram nos últimos noventa dias",
                "Convite para a pré-venda",
                "Liquidação de verão",
                "Pesquisa de satisfação",
            ],
            [STATUSES[6], STATUSES[4], STATUSES[9], STATUSES[2]],
            [6420, None, 98_900, None],
            strict=True,
        )
    )
]


class SampleForm(forms.Form):
    """One field of each kind."""

    subject = forms.CharField(
        label=_("Subject"), help_text="Até 78 caracteres aparecem na maioria dos programas."
    )
    sender = forms.EmailField(label="Endereço do remetente")
    zone = forms.ChoiceField(
        label="Fuso horário", choices=[("a", "America/Sao Paulo"), ("b", "Europe/Lisbon")], required=False
    )
    date = forms.DateTimeField(
        label="Data", required=False, widget=forms.DateTimeInput({"type": "datetime-local"}, "%Y-%m-%dT%H:%M")
    )
    kind = forms.ChoiceField(
        label="Quando",
        choices=[("at_once", "Imediatamente após a confirmação"), ("at_date", "Em uma data")],
        widget=forms.RadioSelect,
        help_text="Uma nova data pede uma nova aprovação.",
    )
    text = forms.CharField(label="Descrição", widget=forms.Textarea({"rows": 3}), required=False)
    file = forms.FileField(label="Arquivo CSV", required=False, help_text="Solte o arquivo aqui.")
    tracking = forms.BooleanField(
        label="Rastrear aberturas e cliques",
        required=False,
        help_text="Vale para todos os links desta entrega.",
    )


@require_safe
@login_not_required
def show(request: HttpRequest) -> HttpResponse:
    """The page that shows every component once. Raise Http404 unless DEBUG is on."""
    if not settings.DEBUG:
        raise Http404
    form = SampleForm({"subject": "", "sender": "promo@", "zone": "a", "kind": "at_date", "tracking": "on"})
    now = timezone.now()
    context = {
        "statuses": STATUSES,
        "segments": SEGMENTS,
        "deliveries": DELIVERIES,
        "icons": _icons(),
        "form": form,
        "now": now,
        "next_hour": now + timedelta(hours=1),
        "waiting_count": 3,
        "no_worker_runs": [str(NO_WORKER) % {"queue": Queue.SEND}],
    }
    return render(request, "styleguide.html", context)


def _icons() -> list[str]:
    """The names in the sprite."""
    sprite = finders.find("campaign/icons.svg")
    return re.findall(r'<symbol id="([a-z-]+)"', Path(sprite).read_text()) if sprite else []
