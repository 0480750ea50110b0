"""Where the API server is, how to trust it, and who we are to it.

Credentials wear out: a service account's token is replaced in its file every hour, a kubeconfig may run a
plug-in for a new one. So a token is always asked of a `Bearer`, which reads its source again every few
minutes, at once after a refusal, and in a thread, because a plug-in may take its time.
"""

import asyncio
import logging
import math
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
REREAD_SECONDS = 180.0

_log = logging.getLogger(__name__)


class Bearer:
    """A bearer token that is read again from its source; without a source there is none, as with certificates."""

    def __init__(
        self,
        source: Callable[[], str] | None = None,
        *,
        period: float = REREAD_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read from `source` (it may block) at the first use, and again after `period` seconds."""
        self._source = source
        self._period = period
        self._clock = clock
        self._due = -math.inf if source else math.inf
        self._headers: Mapping[str, str] = {}
        self._reading = asyncio.Lock()

    async def headers(self) -> Mapping[str, str]:
        """Return the headers that identify us.

        When the source fails, the token before goes on being used: it may well be good still.
        """
        if self._clock() >= self._due:
            async with self._reading:
                if self._clock() >= self._due:  # someone else may have read it meanwhile
                    await self._read()
        return self._headers

    def expire(self) -> None:
        """Ask the source again before the next request, because the server refused the token."""
        if self._source:
            self._due = -math.inf

    async def _read(self) -> None:
        if self._source is None:
            return
        try:
            token = (await asyncio.to_thread(self._source)).strip()
        except Exception as error:  # noqa: BLE001 - a plug-in may raise anything
            _log.warning("cannot read the API server's token again: %s", error)
        else:
            self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._due = self._clock() + self._period


@dataclass(frozen=True, slots=True)
class Connection:
    """An API server and an identity. `base_url` has no slash at its end; `tls` is None for plain HTTP.

    `agent` is what we call ourselves: it tells replicas of one service account apart in the server's audit log.
    """

    base_url: str
    tls: ssl.SSLContext | None = None
    bearer: Bearer = field(default_factory=Bearer)
    server_name: str | None = None
    proxy: str | None = None
    agent: str = "entresol"

    @classmethod
    def in_cluster(cls, environ: Mapping[str, str], folder: Path = SERVICE_ACCOUNT) -> Self:
        """Connect as the pod's service account, from the variables and files that Kubernetes gives to a pod.

        Raises ValueError when this is no pod with a service account.
        """
        host, port = environ.get("KUBERNETES_SERVICE_HOST", ""), environ.get("KUBERNETES_SERVICE_PORT", "")
        if not host or not port:
            raise ValueError("KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be set, as they are in a pod")
        token, authority = folder / "token", folder / "ca.crt"
        for file in (token, authority):
            if not file.is_file():
                raise ValueError(f"{file} must exist: the pod must mount its service account's token")
        bracketed = f"[{host}]" if ":" in host else host
        return cls(f"https://{bracketed}:{port}", tls_context(str(authority)), Bearer(token.read_text))

    @classmethod
    def from_kubeconfig(cls, file: str | None = None, context: str | None = None) -> Self:
        """Connect as kubectl would with this file and context; without them, with its defaults.

        Raises ValueError, in the loader's words, when the file, its context or its certificates are unusable.
        """
        # Imported here: it costs half a second and 41 MB that a pod, which has no kubeconfig, need not pay.
        from kubernetes.client import Configuration  # noqa: PLC0415
        from kubernetes.config import ConfigException, load_kube_config  # noqa: PLC0415

        config = Configuration()
        try:
            load_kube_config(file, context, client_configuration=config, persist_config=False)  # type: ignore[no-untyped-call]
            tls = None
            if config.host.startswith("https:"):
                pair = (config.cert_file, config.key_file) if config.cert_file else None
                tls = tls_context(config.ssl_ca_cert, verify=bool(config.verify_ssl), pair=pair)
        except (ConfigException, OSError) as error:  # a certificate that cannot be read is an OSError
            raise ValueError(f"kubeconfig must be usable: {error}") from error

        def token() -> str:
            return (config.get_api_key_with_prefix("BearerToken") or "").removeprefix("Bearer ")

        bearer = Bearer(token if "BearerToken" in config.api_key else None)
        return cls(config.host.rstrip("/"), tls, bearer, config.tls_server_name or None, config.proxy or None)


def tls_context(
    authority: str | None, *, verify: bool = True, pair: tuple[str, str | None] | None = None
) -> ssl.SSLContext:
    """Return a context that trusts the authority in this file, or the system's without one.

    `pair` are the files of a client certificate and its key. Raises OSError when a file cannot be used.
    """
    context = ssl.create_default_context(cafile=authority)
    # Python 3.13 refuses authorities without a key identifier, and several managed clusters issue such.
    context.verify_flags &= ~ssl.VerifyFlags.VERIFY_X509_STRICT
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if pair:
        context.load_cert_chain(*pair)
    return context
