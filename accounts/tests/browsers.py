"""Browsers of people, without a window."""

from django.test import Client

from accounts.models import User


def signed_in(user: User) -> Client:
    """A browser in which the person is signed in."""
    client = Client()
    client.force_login(user)
    return client
