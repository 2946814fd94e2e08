"""The mail server of a developer's machine: it takes what is sent, lets nothing out, and shows it on a page."""
