"""The settings as they are, with the bare address of the benchmark among the public ones."""

from campaign.settings import *  # noqa: F403

PUBLIC_URLCONF = "benchmarks.hits_urls"
