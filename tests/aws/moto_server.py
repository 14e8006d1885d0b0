"""A local AWS (moto) for the length of a test, as `server.py` is with ministack: the same answers and orders.

moto keeps schedules and never fires one.
"""

import os
import threading
import time
from datetime import datetime, timezone

import server


def follow(virtual_time):
    """Makes moto's services read this time. A message is visible from its time on, not only after it."""
    from moto.core import utils
    from moto.sqs.models import Message

    utils.utcnow = lambda: datetime.fromtimestamp(virtual_time(), timezone.utc).replace(tzinfo=None)
    time.time = virtual_time
    Message.visible = property(lambda message: utils.unix_time_millis() >= message.visible_at)


def look_often():
    """A receive that waits looks for messages that have become visible once a second. Here time may run."""
    from moto.sqs.models import Queue

    Queue.wait_for_messages = lambda queue, timeout: time.sleep(0.005)


def one_at_a_time(app):
    """A request for DynamoDB waits for the one before: moto has no isolation between requests at the same time."""
    turn = threading.Lock()

    def call(environ, start_response):
        # `AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request, ..`
        if environ.get("HTTP_AUTHORIZATION", "").split("/")[3:4] != ["dynamodb"]:
            return app(environ, start_response)
        with turn:
            return list(app(environ, start_response))

    return call


def serve(options, folder):
    say = server.redirect(options.log)
    os.environ.update(TMPDIR=folder, MOTO_ACCOUNT_ID="000000000000")
    virtual_time = server.VirtualTime() if options.virtual else None
    if virtual_time:
        follow(virtual_time)

    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    # Without it each request is a connection.
    WSGIRequestHandler.protocol_version = "HTTP/1.1"
    look_often()
    app = one_at_a_time(DomainDispatcherApplication(create_backend_app))
    listener = make_server("127.0.0.1", 0, app, threaded=True)

    def control():
        try:
            server.obey(listener.server_port, virtual_time, say)
        finally:
            server.end(folder)

    threading.Thread(target=control, daemon=True).start()
    listener.serve_forever()


if __name__ == "__main__":
    server.main(__doc__, "moto", serve)
