"""Airflow's SMTP notifier for a replaced champion, with a mail server."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default

import pytest
from airflow.providers.smtp.notifications.smtp import SmtpNotifier

from airflow_sparktune.orchestrator.production import notify


class MailServer(socketserver.ThreadingTCPServer):
    """Receives mail on loopback."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Conversation)
        self.mails: list[bytes] = []


class Conversation(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self.wfile.write(b"220 loopback\r\n")
        while line := self.rfile.readline():
            match line.split()[0].upper():
                case b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    self.server.mails.append(b"".join(iter(self.rfile.readline, b".\r\n")))
                    self.wfile.write(b"250 taken\r\n")
                case b"QUIT":
                    self.wfile.write(b"221 bye\r\n")
                    return
                case _:
                    self.wfile.write(b"250 yes\r\n")


@pytest.fixture
def mail_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    with MailServer() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        plain = {"disable_tls": True, "disable_ssl": True, "from_email": "airflow@example.com"}
        connection = {
            "conn_type": "smtp",
            "host": "127.0.0.1",
            "port": server.server_address[1],
            "extra": plain,
        }
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(connection))
        yield server
        server.shutdown()


def test_the_mail_has_the_decision(mail_server: MailServer) -> None:
    """The example of the guide works; its templates have the result as `tuning`."""
    notifier = SmtpNotifier(
        to="owner@example.com",
        subject="Champion replaced",
        html_content="{{ tuning.decision_reason }}: {{ tuning.best_params }}",
    )
    notify(
        notifier,
        {},
        tuning={"decision_reason": "trial 7 is better by 0.021 ± 0.003", "best_params": {"x": 1}},
    )
    (sent,) = mail_server.mails
    message = message_from_bytes(sent, policy=default)
    assert (message["To"], message["Subject"]) == ("owner@example.com", "Champion replaced")
    body = message.get_body(("html",))
    assert body is not None
    assert "trial 7 is better by 0.021 ± 0.003: {'x': 1}" in body.get_content().replace("&#39;", "'")
