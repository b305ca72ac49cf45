"""From a task's options to libcurl's. Must not know events, nor what comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pycurl

from runner.http_tasks.outgoing import origin_of

if TYPE_CHECKING:
    from runner.http_tasks.model import AwsSigv4, HttpConfig
    from runner.http_tasks.outgoing import Headers, Outgoing
    from runner.http_tasks.session import Session

_CONNECT_MS: Final = 0x7FFFFFFF
"""No clock of libcurl's: the task's own ends it."""
_HTTP_VERSIONS: Final = {
    "0.9": pycurl.CURL_HTTP_VERSION_1_1,
    "1.0": pycurl.CURL_HTTP_VERSION_1_0,
    "1.1": pycurl.CURL_HTTP_VERSION_1_1,
    "2": pycurl.CURL_HTTP_VERSION_2_0,
    "2-prior-knowledge": pycurl.CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE,
}
_TLS: Final = {
    "1.0": pycurl.SSLVERSION_TLSv1_0,
    "1.1": pycurl.SSLVERSION_TLSv1_1,
    "1.2": pycurl.SSLVERSION_TLSv1_2,
    "1.3": pycurl.SSLVERSION_TLSv1_3,
}
_TLS_MAX: Final = {
    "1.0": pycurl.SSLVERSION_MAX_TLSv1_0,
    "1.1": pycurl.SSLVERSION_MAX_TLSv1_1,
    "1.2": pycurl.SSLVERSION_MAX_TLSv1_2,
    "1.3": pycurl.SSLVERSION_MAX_TLSv1_3,
}
_OLD_TLS: Final = frozenset({"1.0", "1.1"})
_HTTPS_PROXY: Final = 2
_NAME_IS_THAT_OF_CERTIFICATE: Final = 2


def set_options(
    transfer: pycurl.Curl, request: Outgoing, more: Headers, session: Session, resolved: list[str]
) -> None:
    """Make a transfer the one that a request needs; ``resolved`` are the addresses it may connect to.

    Raises
    ------
    pycurl.error
        libcurl does not take a value.

    """
    config = session.config
    only_http = pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS
    transfer.setopt(pycurl.NOSIGNAL, 1)
    transfer.setopt(pycurl.PROTOCOLS, only_http)
    transfer.setopt(pycurl.FOLLOWLOCATION, 0)
    transfer.setopt(pycurl.CONNECTTIMEOUT_MS, _CONNECT_MS)
    transfer.setopt(pycurl.URL, request.url.encode())
    transfer.setopt(pycurl.RESOLVE, resolved)
    transfer.setopt(
        pycurl.IPRESOLVE, pycurl.IPRESOLVE_V4 if config.ip_version == 4 else pycurl.IPRESOLVE_V6
    )
    transfer.setopt(pycurl.HTTP_VERSION, _HTTP_VERSIONS[config.http_version])
    transfer.setopt(pycurl.HTTP09_ALLOWED, int(config.http_version == "0.9"))
    _set_request(transfer, request, more)
    _set_keeping(transfer, config)
    _set_proxy(transfer, config)
    if origin_of(request.url)[0] == "https":
        _set_tls(transfer, session)
    if session.aws is not None and request.at_home:
        _set_aws(transfer, session.aws)


def _set_request(transfer: pycurl.Curl, request: Outgoing, more: Headers) -> None:
    fields = [f"{name}: {value}".encode() for name, value in (*request.headers, *more)]
    if request.body is not None:
        transfer.setopt(pycurl.POST, 1)
        transfer.setopt(pycurl.POSTFIELDS, request.body)
        # libcurl has words of its own for a body without a type.
        if not request.named("content-type"):
            fields.append(b"Content-Type:")
        fields.append(b"Expect:")
    transfer.setopt(pycurl.CUSTOMREQUEST, request.method)
    transfer.setopt(pycurl.HTTPHEADER, fields)


def _set_keeping(transfer: pycurl.Curl, config: HttpConfig) -> None:
    seconds = config.keep_alive_duration
    transfer.setopt(pycurl.TCP_KEEPALIVE, int(seconds > 0))
    if seconds:
        transfer.setopt(pycurl.TCP_KEEPIDLE, min(seconds, 0x7FFF))
        transfer.setopt(pycurl.TCP_KEEPINTVL, min(seconds, 0x7FFF))
        transfer.setopt(pycurl.MAXAGE_CONN, min(seconds, 30))
    else:
        transfer.setopt(pycurl.FORBID_REUSE, 1)
    if config.ha_proxy_protocol or config.ha_proxy_client_ip is not None:
        # They are said once for each connection, of one request.
        transfer.setopt(pycurl.FRESH_CONNECT, 1)
        transfer.setopt(pycurl.FORBID_REUSE, 1)
        transfer.setopt(pycurl.HAPROXYPROTOCOL, 1)
    if config.ha_proxy_client_ip is not None:
        transfer.setopt(pycurl.HAPROXY_CLIENT_IP, config.ha_proxy_client_ip)


def _set_tls(transfer: pycurl.Curl, session: Session) -> None:
    config, identity = session.config, session.identity
    if config.insecure:
        _trust_all(transfer)
    else:
        transfer.setopt(pycurl.SSL_VERIFYPEER, 1)
        transfer.setopt(pycurl.SSL_VERIFYHOST, _NAME_IS_THAT_OF_CERTIFICATE)
        if identity.ca:
            transfer.setopt(pycurl.CAINFO_BLOB, identity.ca)
        else:
            transfer.setopt(pycurl.CAINFO, _authorities())
    transfer.setopt(pycurl.SSL_VERIFYSTATUS, int(config.cert_status))
    transfer.setopt(pycurl.SSL_SESSIONID_CACHE, int(config.session_id))
    version = pycurl.SSLVERSION_DEFAULT
    if config.tls_version is not None:
        version = _TLS[config.tls_version]
    if config.tls_max_version is not None:
        version |= _TLS_MAX[config.tls_max_version]
    transfer.setopt(pycurl.SSLVERSION, version)
    if {config.tls_version, config.tls_max_version} & _OLD_TLS:
        # Whoever asks for what is broken gets its broken signatures, too.
        transfer.setopt(pycurl.SSL_CIPHER_LIST, "DEFAULT@SECLEVEL=0")
    if identity.certificate:
        transfer.setopt(pycurl.SSLCERTTYPE, "PEM")
        transfer.setopt(pycurl.SSLCERT_BLOB, identity.certificate)
        transfer.setopt(pycurl.SSLKEYTYPE, "PEM")
        transfer.setopt(pycurl.SSLKEY_BLOB, identity.key)


def _set_proxy(transfer: pycurl.Curl, config: HttpConfig) -> None:
    # Said even without one: libcurl would look into our environment.
    transfer.setopt(pycurl.NOPROXY, "")
    proxy = config.proxy
    if proxy is None:
        transfer.setopt(pycurl.PROXY, "")
        return
    host = f"[{proxy.host}]" if ":" in proxy.host else proxy.host
    transfer.setopt(pycurl.PROXY, f"{proxy.protocol}://{host}:{proxy.port}")
    if proxy.protocol == "https":
        transfer.setopt(pycurl.PROXYTYPE, _HTTPS_PROXY)
        if config.proxy_insecure:
            transfer.setopt(pycurl.PROXY_SSL_VERIFYPEER, 0)
            transfer.setopt(pycurl.PROXY_SSL_VERIFYHOST, 0)
        else:
            transfer.setopt(pycurl.PROXY_CAINFO, _authorities())
    elif config.proxy_http_version == "1.0":
        transfer.setopt(pycurl.PROXYTYPE, pycurl.PROXYTYPE_HTTP_1_0)
    credentials = config.proxy_auth_digest or config.proxy_auth_basic
    if credentials is not None:
        kind = pycurl.HTTPAUTH_BASIC if config.proxy_auth_digest is None else pycurl.HTTPAUTH_DIGEST
        transfer.setopt(pycurl.PROXYAUTH, kind)
        transfer.setopt(pycurl.PROXYUSERNAME, credentials.username.encode())
        transfer.setopt(pycurl.PROXYPASSWORD, credentials.password.encode())
    transfer.setopt(pycurl.HEADEROPT, pycurl.HEADER_SEPARATE)
    fields = [f"{name}: {value}".encode() for name, value in config.proxy_headers.items()]
    transfer.setopt(pycurl.PROXYHEADER, fields)


def _set_aws(transfer: pycurl.Curl, aws: AwsSigv4) -> None:
    transfer.setopt(pycurl.AWS_SIGV4, f"{aws.provider1}:{aws.provider2}:{aws.region}:{aws.service}")
    transfer.setopt(pycurl.USERNAME, aws.key.encode())
    transfer.setopt(pycurl.PASSWORD, aws.secret.encode())


def _trust_all(transfer: pycurl.Curl) -> None:
    transfer.setopt(pycurl.SSL_VERIFYPEER, 0)
    transfer.setopt(pycurl.SSL_VERIFYHOST, 0)


def _authorities() -> str:
    import certifi

    return certifi.where()
