from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

moto = DomainDispatcherApplication(create_backend_app)


def application(environ, start_response):
    if environ["PATH_INFO"] == "/healthz":
        start_response("200 OK", [])
        return [b""]
    return moto(environ, start_response)


run_simple("0.0.0.0", 8333, application, threaded=True)
