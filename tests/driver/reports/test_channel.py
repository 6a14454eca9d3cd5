"""The channel answers workers that know the secret, and is not harmed by anybody else."""

from __future__ import annotations

import logging
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest

from airflow_sparktune.driver.reports.channel import CHALLENGE_S, Channel
from airflow_sparktune.executor.reports.link import FIRST_PAUSE_S, Link, SocketReports, take_trouble
from airflow_sparktune.executor.reports.report import (
    MOST_BYTES,
    NONCE_BYTES,
    PROOF_BYTES,
    Answer,
    Door,
    Report,
    framed,
    proof,
)
from benchmarks.simulated import VirtualClock

LOOPBACK = "127.0.0.1"
REPORT = Report(trial=3, attempt=1, tries=1, step=5, loss=0.25, metrics={"accuracy": 0.5})


@pytest.fixture
def channel() -> Iterator[Channel]:
    made = Channel(bind=LOOPBACK, host=LOOPBACK)
    yield made
    made.close()


@pytest.fixture
def heard() -> list[Report]:
    return []


@pytest.fixture
def door(channel: Channel, heard: list[Report]) -> Door:
    def receive(report: Report) -> Answer:
        heard.append(report)
        return Answer.STOP if report.loss > 1 else Answer.CONTINUE

    return channel.open(receive)


def connected(channel: Channel) -> socket.socket:
    return socket.create_connection((LOOPBACK, channel.port), timeout=30)


def is_closed(client: socket.socket) -> bool:
    """Return whether the driver closes the connection, having sent nothing more than the challenge."""
    found = b""
    try:
        while more := client.recv(65_536):
            found += more
    except ConnectionResetError:
        pass
    return len(found) <= NONCE_BYTES


def admitted(channel: Channel, door: Door) -> socket.socket:
    """Return a connection that has proved the secret."""
    client = connected(channel)
    theirs, ours = client.recv(NONCE_BYTES, socket.MSG_WAITALL), bytes(NONCE_BYTES)
    client.sendall(door.key + ours + proof(door.secret, b"worker", theirs, ours))
    assert client.recv(PROOF_BYTES, socket.MSG_WAITALL) == proof(door.secret, b"driver", theirs, ours)
    return client


class TestAWorker:
    def test_its_reports_arrive_and_are_answered(self, door: Door, heard: list[Report]) -> None:
        link = Link(door)
        assert link.answer(REPORT) is Answer.CONTINUE
        assert link.answer(replace(REPORT, step=6, loss=2.0)) is Answer.STOP
        assert heard == [REPORT, replace(REPORT, step=6, loss=2.0)]

    def test_studies_share_a_port_and_not_their_reports(
        self, channel: Channel, door: Door, heard: list[Report]
    ) -> None:
        other = channel.open(lambda _: Answer.REFUSED)
        assert other.port == door.port
        assert Link(other).answer(REPORT) is Answer.REFUSED
        assert heard == []

    def test_a_process_keeps_one_connection_for_its_trials(self, door: Door) -> None:
        """The objective is unpickled anew for each study, and bound for each trial."""
        before = threading.active_count()
        for step in range(3):
            assert SocketReports(replace(door)).answer(replace(REPORT, step=step)) is Answer.CONTINUE
        assert threading.active_count() == before  # the channel has one thread for all

    def test_a_report_must_be_small(self, door: Door) -> None:
        with pytest.raises(ValueError, match="report fewer metrics"):
            Link(door).answer(replace(REPORT, metrics={"m" * MOST_BYTES: 1.0}))

    def test_the_secret_is_not_shown(self, door: Door) -> None:
        assert repr(door.secret) not in repr(SocketReports(door))


class TestALostConnection:
    def test_the_trial_goes_on_and_tries_again_after_growing_pauses(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A report in a pause costs nothing, and the trial's output says once what is wrong."""
        clock, tried = VirtualClock(at=0.0), []
        with socket.create_server((LOOPBACK, 0)) as listener:

            def refuse() -> None:
                with suppress(OSError):  # the listener is closed
                    while True:
                        client, _ = listener.accept()
                        tried.append(clock())
                        client.close()

            threading.Thread(target=refuse, daemon=True).start()
            link = Link(Door(LOOPBACK, listener.getsockname()[1], bytes(16), bytes(32)), clock=clock)
            for second in range(20):
                clock.pass_to(second)
                assert link.answer(REPORT) is None
        assert tried == [0, 1, 3, 7, 15]
        assert capsys.readouterr().err.count("trials go on without pruning") == 1

    def test_reports_go_on_once_the_driver_answers_again(self, door: Door, heard: list[Report]) -> None:
        clock = VirtualClock()
        link = Link(door, clock=clock)
        assert link.answer(REPORT) is Answer.CONTINUE
        assert link._socket is not None
        link._socket.shutdown(socket.SHUT_RDWR)  # as a firewall that has dropped it
        assert link.answer(REPORT) is None
        assert link.answer(REPORT) is None  # in the pause
        clock.pass_to(clock() + FIRST_PAUSE_S)
        assert link.answer(REPORT) is Answer.CONTINUE
        assert len(heard) == 2

    def test_a_driver_that_pauses_costs_reports_and_not_the_trial(
        self,
        channel: Channel,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """As after SIGSTOP: its kernel accepts connections, and nobody answers. It is told once."""
        heard: list[int] = []
        resumed = threading.Event()

        def receive(report: Report) -> Answer:
            heard.append(report.step)
            if report.step == 1:
                resumed.wait()
            return Answer.CONTINUE

        clock = VirtualClock(at=0.0)
        link = Link(channel.open(receive), clock=clock)
        assert link.answer(replace(REPORT, step=0)) is Answer.CONTINUE
        assert link._socket is not None
        link._socket.settimeout(0.05)
        monkeypatch.setattr("airflow_sparktune.executor.reports.link.WAIT_S", 0.05)
        for second in range(10):
            clock.pass_to(second)
            assert link.answer(replace(REPORT, step=1 + second)) is None
        resumed.set()
        monkeypatch.setattr("airflow_sparktune.executor.reports.link.WAIT_S", 60.0)
        clock.pass_to(20)
        assert link.answer(replace(REPORT, step=11)) is Answer.CONTINUE
        assert heard == [0, 1, 11]
        assert capsys.readouterr().err.count("trials go on without pruning") == 1
        assert caplog.messages == []  # it takes no worker for a stranger

    def test_the_reply_of_the_trial_says_so_once(self, channel: Channel) -> None:
        door = channel.open(lambda _: Answer.CONTINUE)
        channel.close()
        SocketReports(door).answer(REPORT)
        assert f"{LOOPBACK}:{door.port} cannot be reached" in str(take_trouble())
        assert take_trouble() is None

    def test_an_interrupted_report_does_not_take_the_answer_of_another(
        self, channel: Channel, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A signal handler of the user's raises while the driver takes its time."""
        sent, interrupted = threading.Event(), threading.Event()

        def receive(report: Report) -> Answer:
            if report.step == 1:
                sent.set()
                interrupted.wait()
                return Answer.STOP
            return Answer.CONTINUE

        def raises(signum: int, frame: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("airflow_sparktune.executor.reports.link.WAIT_S", 60.0)
        link, main = Link(channel.open(receive)), threading.get_ident()
        before = signal.signal(signal.SIGUSR1, raises)
        threading.Thread(target=lambda: sent.wait() and signal.pthread_kill(main, signal.SIGUSR1)).start()
        try:
            with pytest.raises(KeyboardInterrupt):
                link.answer(replace(REPORT, step=1))
        finally:
            interrupted.set()
            signal.signal(signal.SIGUSR1, before)
        assert link.answer(replace(REPORT, step=2)) is Answer.CONTINUE

    def test_a_driver_that_does_not_know_the_secret_cannot_prune(self, door: Door) -> None:
        """Another program may have the port by now."""
        assert Link(replace(door, secret=bytes(32))).answer(REPORT) is None


class TestStrangers:
    def test_they_are_refused_before_anything_is_parsed(
        self, channel: Channel, door: Door, heard: list[Report], caplog: pytest.LogCaptureFixture
    ) -> None:
        """The log says so once."""
        for _ in range(3):
            with connected(channel) as client:
                client.sendall(framed(REPORT.to_json()) * 10)
                assert is_closed(client)
        assert heard == []
        said = [record for record in caplog.records if record.levelno == logging.WARNING]
        assert len(said) == 1
        assert "does not know the secret" in said[0].getMessage()

    def test_a_silent_one_delays_nobody_and_is_cut_off(self, channel: Channel, door: Door) -> None:
        with connected(channel) as silent:
            start = time.monotonic()
            assert Link(door).answer(REPORT) is Answer.CONTINUE
            assert is_closed(silent)
            assert time.monotonic() - start >= CHALLENGE_S * 0.9

    def test_a_replayed_proof_is_refused(self, channel: Channel, door: Door, heard: list[Report]) -> None:
        with connected(channel) as first, connected(channel) as second:
            theirs, ours = first.recv(NONCE_BYTES, socket.MSG_WAITALL), bytes(NONCE_BYTES)
            overheard = door.key + ours + proof(door.secret, b"worker", theirs, ours)
            first.sendall(overheard)
            assert len(first.recv(PROOF_BYTES, socket.MSG_WAITALL)) == PROOF_BYTES
            second.sendall(overheard + framed(REPORT.to_json()))
            assert is_closed(second)
        assert heard == []

    def test_a_reflected_proof_is_refused(self, channel: Channel, door: Door) -> None:
        """The proof of the driver is none of a worker."""
        with connected(channel) as client:
            theirs, ours = client.recv(NONCE_BYTES, socket.MSG_WAITALL), bytes(NONCE_BYTES)
            client.sendall(door.key + ours + proof(door.secret, b"driver", theirs, ours))
            assert is_closed(client)

    @pytest.mark.parametrize(
        "sent",
        [
            (2**32 - 1).to_bytes(4, "big") + bytes(100_000),
            bytes([0, 0, 0, 9]) + b"not json!",
            framed(["a", "list"]),
            framed({**REPORT.to_json(), "step": -1}),
            framed({**REPORT.to_json(), "metrics": {"m": "text"}}),
            (4_000).to_bytes(4, "big") + b"[" * 4_000,
        ],
        ids=["huge", "no json", "no report", "bad step", "bad metric", "nested"],
    )
    def test_a_worker_that_sends_nonsense_is_cut_off(
        self, channel: Channel, door: Door, heard: list[Report], sent: bytes
    ) -> None:
        """The others are answered as before."""
        other = Link(door)
        assert other.answer(REPORT) is Answer.CONTINUE
        with admitted(channel, door) as client:
            client.sendall(sent)
            assert is_closed(client)
        assert other.answer(REPORT) is Answer.CONTINUE
        assert len(heard) == 2

    def test_megabytes_of_one_line_are_not_kept(self, channel: Channel, door: Door) -> None:
        with connected(channel) as client, pytest.raises((BrokenPipeError, ConnectionResetError)):
            client.sendall(b"x" * 100_000_000)
        assert Link(door).answer(REPORT) is Answer.CONTINUE

    def test_a_study_that_has_ended_is_closed_to_its_workers(self, channel: Channel, door: Door) -> None:
        channel.shut(door)
        assert Link(door).answer(REPORT) is None


def test_closing_ends_open_connections_silently(
    channel: Channel, door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    with admitted(channel, door) as idle, connected(channel) as stranger:
        assert len(stranger.recv(NONCE_BYTES, socket.MSG_WAITALL)) == NONCE_BYTES
        channel.close()
        assert is_closed(idle)
        assert is_closed(stranger)
    assert caplog.messages == []


def test_closing_twice_is_harmless(channel: Channel) -> None:
    channel.close()
    channel.close()


def test_a_taken_port_is_an_error(channel: Channel) -> None:
    with pytest.raises(OSError, match="in use"):
        Channel(bind=LOOPBACK, host=LOOPBACK, port=channel.port)
