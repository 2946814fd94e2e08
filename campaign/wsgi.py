"""The WSGI application that the web server serves."""

import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

from campaign.lib import memory

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "campaign.settings")

with memory.while_loading():
    application = get_wsgi_application()
    _patterns = get_resolver().url_patterns  # loads all views: no reader waits for them
