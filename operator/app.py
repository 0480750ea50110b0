"""The composition root: everything an operator is made of, put together in one place.

Two doors lead here. `entresol operator` calls `main`. `kopf run -m entresol.app` imports this module, which leaves its
handlers in kopf's default registry; what kopf does then is the same.

        settings -> connection -> client
        policy -> engine -> dispatcher <-> world, executor, publisher, herald = driver -> api
        all of it inside kopf's life cycle
"""

import asyncio
import logging
import platform
import secrets
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import cache, partial

import kopf

from entresol import settings
from entresol.allocator.allocate import allocate
from entresol.allocator.memo import Cache
from entresol.allocator.ordering import SHARES
from entresol.api.access import Reviewer
from entresol.api.server import serving
from entresol.engine.machine import Engine
from entresol.frameworks.orders import ORDERS
from entresol.frameworks.placements import PLACEMENTS
from entresol.handlers import configuration, lifecycle, login, notices
from entresol.handlers.lifecycle import Life
from entresol.kube.client import KubeClient
from entresol.kube.connection import Connection
from entresol.kube.pace import Pace
from entresol.kube.scope import Scope
from entresol.kube.transport import Timeouts
from entresol.metrics import WRITES_FENCED, Metrics
from entresol.model.constraints import Expression, Operator
from entresol.model.policy import Policy
from entresol.runtime import journal
from entresol.runtime.agenda import Agenda, Rates
from entresol.runtime.audit import Audit, Holder, Routine
from entresol.runtime.budget import TokenBucket
from entresol.runtime.clock import Clock, boot_seconds
from entresol.runtime.courier import Courier
from entresol.runtime.crash import crash_at, never
from entresol.runtime.deletions import Deletions
from entresol.runtime.dispatch import Dispatcher, Surroundings
from entresol.runtime.driver import Driver, Router
from entresol.runtime.executor import Executor
from entresol.runtime.fence import Fence
from entresol.runtime.hands import Hands
from entresol.runtime.herald import Herald, Voice
from entresol.runtime.launches import Desk, Launches
from entresol.runtime.leadership import Alone, Elector, Leadership, Means
from entresol.runtime.lookout import Terms
from entresol.runtime.observe import Observer
from entresol.runtime.pages import Pages
from entresol.runtime.publisher import Press, Publisher
from entresol.runtime.throttle import Throttle
from entresol.runtime.tide import Tide
from entresol.runtime.world import World
from entresol.settings import Settings

LONGEST_PAUSE = 5.0
"""Seconds between two tries of a deed, at most."""

EVENT_BURST = 20
"""Seconds' worth of Events that may be written at once: a burst of launches is told, a stream of them is sampled."""

CALM = 8
"""Other writes give way while more than this part, one in so many, of the connections for deeds is busy."""

REVIEW_SECONDS = 5.0
"""How long the API server may take to say who reads our pages."""

TRICKLE = 40.0
"""Writes per second that come even so: states and figures that have given way for long, and news about waiting."""

_log = logging.getLogger(__name__)


@asynccontextmanager
async def operating(told: Settings, connection: Connection) -> AsyncIterator[tuple[KubeClient, Driver]]:
    """Build an operator, with its HTTP server already listening; its driver is still to be run."""
    async with AsyncExitStack() as stack:
        clock = Clock(monotonic=asyncio.get_running_loop().time)
        metrics = Metrics(lambda: driver.picture())  # noqa: PLW0108 - asked when scraped, long after there is a driver
        leadership, fence = await stack.enter_async_context(election(told, connection, metrics, clock))
        unheard = None if fence is None else told.lease_seconds - told.lease_renew_seconds
        client = await stack.enter_async_context(
            KubeClient(connection, timeouts=Timeouts(unheard=unheard), connections=told.connections, fence=fence)
        )
        crash = crash_at(told.crash_point.name, told.crash_point.visit) if told.crash_point else never

        def courier(slots: int) -> Courier:
            return Courier(Throttle(slots, clock.now), metrics)

        policy = policy_of(told)
        engine = Engine(policy, unready_grace=told.unready_grace, offer_timeout=told.offer_timeout)
        decide = partial(allocate, policy=policy, cache=Cache())
        dispatcher = Dispatcher(engine, Surroundings(clock, decide, Observer(metrics), told.deeds_in_flight))
        world = World(client, clock, dispatcher.dispatch, leadership, scope_of(told))

        writers = max(1, told.connections // 4)
        doers = max(1, told.connections - writers)
        tide = Tide(lambda: executor.busy, doers // CALM, clock.now)

        hands = Hands(doers)
        patience = Pace(first=0.5, most=10.0, sleep=hands.rest)  # a record is waited for within a deed
        press = Press(Pages(client, engine, world), courier(writers), metrics, crash, clock.now, writers, patience)
        rates = Rates(
            news=TokenBucket(told.waiting_writes, told.waiting_writes, clock.now),
            trickle=TokenBucket(TRICKLE, TRICKLE / 5, clock.now),
            calm=tide.calm,
        )
        publisher = Publisher(Agenda(rates, clock.now), press)

        pace = Pace(most=LONGEST_PAUSE, sleep=hands.rest)
        desk = Desk(client, courier(doers), world.tasks, world.pods, publisher.record, crash, pace)
        executor = Executor(Launches(desk), Deletions(desk), hands, dispatcher.dispatch)

        voice = Voice(client, courier(1), metrics, world.tasks, world.pods, clock.now, platform.node())
        herald = Herald(voice, TokenBucket(told.events, told.events * EVENT_BURST, clock.now), tide.calm)

        audit = auditor(told, client, engine, world, metrics)
        router = Router(executor, publisher, herald, tide, audit)
        driver = Driver(engine, dispatcher, world, router, leadership, clock.now)
        address = await stack.enter_async_context(server(told, connection, driver, metrics))
        if told.address_file is not None:
            told.address_file.write_text(f"{address}\n")
        if isinstance(leadership, Elector):
            leadership.advertised = told.advertise or address.removeprefix("http://")
        yield client, driver


@asynccontextmanager
async def election(
    told: Settings, connection: Connection, metrics: Metrics, clock: Clock
) -> AsyncIterator[tuple[Leadership, Fence | None]]:
    """What decides whether this replica leads, and the fence that keeps it from writing when it does not."""
    if told.lease is None:
        yield Alone(), None
        return
    fence = Fence(boot_seconds, partial(metrics.add, WRITES_FENCED))
    terms = Terms(
        namespace=told.lease[0],
        name=told.lease[1],
        identity=connection.agent.partition("/")[2] or identity_of(told),
        lease=told.lease_seconds,
        renew=told.lease_renew_seconds,
        retry=told.lease_retry_seconds,
    )
    # A renewal that is given up must not arrive when the network is back: it would keep the others waiting once more.
    patience = Timeouts(connect=terms.call, deed=terms.call, unheard=terms.call)
    async with KubeClient(connection, timeouts=patience, connections=2) as client:
        yield Elector(terms, Means(client, fence, metrics, boot_seconds, clock.now)), fence


@asynccontextmanager
async def server(told: Settings, connection: Connection, driver: Driver, metrics: Metrics) -> AsyncIterator[str]:
    """The HTTP server, listening; its address."""
    host, port = told.listen.host, told.listen.port
    if not told.reviewed:
        async with serving(driver, metrics, host, port) as address:
            yield address
        return
    patience = Timeouts(connect=REVIEW_SECONDS, deed=REVIEW_SECONDS)
    async with (
        KubeClient(connection, timeouts=patience, connections=4) as client,
        serving(driver, metrics, host, port, Reviewer(client, boot_seconds)) as address,
    ):
        yield address


def auditor(told: Settings, client: KubeClient, engine: Engine, world: World, metrics: Metrics) -> Audit:
    """Who compares from time to time what is held in memory with the cluster."""
    holders = [
        Holder(
            name=feed.kind.name,
            selection=feed.kind.selection,
            wire=feed.kind.wire,
            records=feed.reflector.records,
            trouble=feed.trouble,
            list_afresh=feed.list_afresh,
        )
        for feed in world.feeds()
    ]
    routine = Routine(told.audit_seconds, lambda: not engine.recovering)
    return Audit(client, holders, engine.state, metrics, routine)


def policy_of(told: Settings) -> Policy:
    """The chosen policies, by name from their registries."""
    return Policy(
        share=SHARES[told.ordering],
        orders=ORDERS,
        placements=PLACEMENTS,
        excluded=told.excluded_resources,
        implicit_roles=told.implicit_roles,
        served=told.namespaces,
        grants_per_cycle=told.grants_per_cycle,
        grants_per_step=told.grants_per_step,
    )


def scope_of(told: Settings) -> Scope:
    """Which nodes are agents, and whose work is served."""
    agents = tuple(Expression(one.key, Operator(one.operator), one.values) for one in told.agents)
    return Scope(told.namespaces, agents)


def connect(told: Settings) -> Connection:
    """Where the API server is: a kubeconfig if one is named, else the pod we run in, else kubectl's defaults.

    Raises ValueError, in words, when there is no usable one.
    """
    found = (
        Connection.in_cluster(told.pod)
        if told.pod and told.kubeconfig is None
        else Connection.from_kubeconfig(told.kubeconfig, told.context)
    )
    return replace(found, agent=f"entresol/{identity_of(told)}")


def identity_of(told: Settings) -> str:
    """Who this process is, and no other one: a container that is started again in its pod is somebody else."""
    return f"{told.identity or platform.node()}_{secrets.token_hex(3)}"


def install(registry: kopf.OperatorRegistry, tell: Callable[[], Settings], stop: Callable[[], None]) -> None:
    """Put an operator's handlers into a registry. Nothing is read or connected before kopf starts."""
    told, connection = cache(tell), cache(lambda: connect(told()))
    life = Life(lambda: operating(told(), connection()), stop)
    configuration.register(registry)
    login.register(registry, connection)
    lifecycle.register(registry, life)
    notices.register(registry, life.tell)


async def run(told: Settings) -> None:
    """Run an operator until SIGTERM or SIGINT. Raises what ended it otherwise."""
    registry, stop = kopf.OperatorRegistry(), asyncio.Event()
    install(registry, lambda: told, stop.set)

    @kopf.on.cleanup(registry=registry, id="release")
    async def release(**_: object) -> None:
        stop.set()  # kopf waits on it in a task of its own, and at the end for five seconds for that task

    # A name for peers we do not have; left to itself kopf would ask DNS for that of this machine, and wait.
    await kopf.operator(
        registry=registry,
        standalone=True,
        clusterwide=True,
        stop_flag=stop,
        identity="entresol",  # type: ignore[arg-type]  # of a type that kopf keeps to itself
    )


def main(told: Settings) -> int:
    """Run an operator as this process; returns its exit code."""
    journal.configure(told.log_level, told.log_format)
    try:
        asyncio.run(run(told))
    except Exception as error:  # noqa: BLE001 - logged where it happened; here it becomes an exit code
        _log.critical("the operator ends: %s", error)
        return 1
    return 0


install(kopf.get_default_registry(), settings.from_process, partial(signal.raise_signal, signal.SIGTERM))
