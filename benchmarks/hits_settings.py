"""The settings as they are, with the bare address of the benchmark among the public ones."""

from campaign.settings import *  # noqa: F403  all of them, then a few anew

PUBLIC_URLCONF = "benchmarks.hits_urls"
