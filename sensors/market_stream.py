"""Keeps the market stream alive: looks at heartbeats, starts the run that supervises, revives embedded services."""

import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg
import msgspec

from crypto_assets.endpoints import exchange_name, kafka_servers
from crypto_assets.jobs import MARKET_STREAM
from crypto_assets.stream.health import Health
from crypto_assets.stream.lag import TopicOffsets, read_offsets
from crypto_assets.stream.topics import TOPICS
from resources.market_stream import HOST_TAG, MarketStreamResource
from sensors.stream_observations import Events, stream_events

INTERVAL_S = 20
OBSERVED_EVERY_S = 60.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 15.0, 900.0
STEADY_AFTER_S = 600.0
"""A run that lasted so long did its work: if it fails after all, the next is the first attempt again."""
LOST_AFTER_S = 60.0
"""A run that began so long ago on this machine, and does not supervise, has lost its process."""
REASON_TAG = "market_stream/reason"
FINISHED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
RUNS_LOOKED_AT = 12


class Memory(msgspec.Struct, frozen=True):
    """What a tick tells the next one by the cursor; times in seconds since 1970."""

    observed_at: float = 0.0
    received: dict[str, int] = {}
    revivals: int = 0
    """Ticks in a row that had to start services again."""
    revive_after: float = 0.0

    @property
    def cursor(self) -> str:
        """As text."""
        return msgspec.json.encode(self).decode()


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do about the run that supervises, and why."""

    sentence: str
    run_key: str | None = None


def market_stream_sensor() -> dg.SensorDefinition:
    """Runs by default; it starts nothing before `make up`, or the variables of outside services, gave it Kafka."""

    @dg.sensor(
        name="market_stream",
        job_name=MARKET_STREAM.name,
        minimum_interval_seconds=INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "Looks at the heartbeats of collector, processor and forecaster and, with STREAM_MANAGED=true, starts the "
            "run that keeps them alive where one is missing; starts crashed services of `make up` again; observes the "
            "streams every minute."
        ),
    )
    def market_stream_tick(
        context: dg.SensorEvaluationContext, market_stream: MarketStreamResource
    ) -> dg.SensorResult | dg.SkipReason:
        return look(context, market_stream, now=time.time())

    return market_stream_tick


def look(
    context: dg.SensorEvaluationContext, market_stream: MarketStreamResource, *, now: float
) -> dg.SensorResult | dg.SkipReason:
    """One tick; `now` is in seconds since 1970."""
    settings = market_stream.settings
    memory = msgspec.json.decode(context.cursor, type=Memory) if context.cursor else Memory()
    if missing := market_stream.missing_services():
        return dg.SkipReason(
            f"{len(missing)} of 3 services are not there for {settings.data_dir}: {', '.join(missing)}. `make up` "
            "starts them."
        )
    if market_stream.services_change():
        return dg.SkipReason("Some of 8 services are being started or stopped now: nothing is started beside that.")
    said, memory = _services(market_stream, memory, now=now)
    health = market_stream.health()
    said += [one.sentence for one in health]
    events: Events = []
    if now - memory.observed_at >= OBSERVED_EVERY_S:
        offsets, problem = _offsets(market_stream)
        said += [problem] if problem else []
        events, received = stream_events(health, offsets, exchange=exchange_name(settings), seen=memory.received)
        memory = msgspec.structs.replace(memory, observed_at=now, received=received)
    decision = _decide(context.instance, market_stream, health, now=now)
    said.append(decision.sentence)
    if decision.run_key is None:
        return dg.SensorResult(skip_reason=" ".join(said), asset_events=events, cursor=memory.cursor)
    context.log.warning(" ".join(said))
    request = dg.RunRequest(run_key=decision.run_key, tags={REASON_TAG: decision.sentence[:250]})
    return dg.SensorResult(run_requests=[request], asset_events=events, cursor=memory.cursor)


def pause_s(failures: int) -> float:
    """Seconds from the end of a run to the next one, after so many failures in a row: 15, 15, 30, 60 … 900."""
    return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** max(0, failures - 1))


def _services(market_stream: MarketStreamResource, memory: Memory, *, now: float) -> tuple[list[str], Memory]:
    """Start embedded services again that ended by themselves, after a pause that grows."""
    ended = market_stream.ended_services()
    if not ended:
        return [], msgspec.structs.replace(memory, revivals=0) if now > memory.revive_after + STEADY_AFTER_S else memory
    names = ", ".join(ended)
    if not market_stream.settings.stream_managed:
        return [f"{len(ended)} services ended by themselves: {names}; STREAM_MANAGED=false, so they are left."], memory
    if now < memory.revive_after:
        left_s = memory.revive_after - now
        return [f"{names} ended again, {memory.revivals} times now; next start in {left_s:.0f} s."], memory
    revivals = memory.revivals + 1
    return [market_stream.revive_services(ended)], msgspec.structs.replace(
        memory, revivals=revivals, revive_after=now + pause_s(revivals)
    )


def _offsets(market_stream: MarketStreamResource) -> tuple[dict[str, TopicOffsets], str | None]:
    """Offsets of the topics, or a sentence where Kafka does not give them."""
    from confluent_kafka import KafkaException

    settings = market_stream.settings
    exchange = exchange_name(settings)
    try:
        names = [topic.of(exchange) for topic in TOPICS]
        return read_offsets(kafka_servers(settings), names, prefix=exchange), None
    except KafkaException as error:
        return {}, f"Kafka does not tell its offsets: {error.args[0]}."


def _decide(
    instance: dg.DagsterInstance, market_stream: MarketStreamResource, health: Sequence[Health], *, now: float
) -> Decision:
    dead = [one.program for one in health if not one.is_alive]
    if not dead:
        return Decision("Nothing to start.")
    names = " and ".join(dead)
    if not market_stream.settings.stream_managed:
        return Decision(f"STREAM_MANAGED=false: {names} ({len(dead)} of {len(health)}) must be started by their owner.")
    if all(one.state == "unknown" for one in health):
        return Decision(f"Without Redis nobody can tell whether {len(dead)} programs run; nothing is started.")
    records = instance.get_run_records(dg.RunsFilter(job_name=MARKET_STREAM.name), limit=RUNS_LOOKED_AT)
    for record in records:
        if record.dagster_run.status in FINISHED:
            continue
        if not _is_lost(record, market_stream, now=now):
            return Decision(
                f"Run {record.dagster_run.run_id} is {record.dagster_run.status.value.lower()} and sees to {names}."
            )
        instance.report_run_failed(record.dagster_run, "Its process is gone: no process of this machine supervises.")
    finished = instance.get_run_records(
        dg.RunsFilter(job_name=MARKET_STREAM.name, statuses=list(FINISHED)), limit=RUNS_LOOKED_AT
    )
    return _after(finished, names, now=now)


def _after(finished: Sequence[dg.RunRecord], names: str, *, now: float) -> Decision:
    """Start after the runs that ended, newest first, once the pause is over."""
    if not finished:
        return Decision(f"{names}: the first run that supervises is started.", run_key="first")
    last = finished[0]
    failures = _failures_in_row(finished)
    ended = last.end_time or last.update_timestamp.timestamp()
    left_s = ended + pause_s(failures) - now
    how = last.dagster_run.status.value.lower()
    run = f"run {last.dagster_run.run_id} ended {max(0.0, now - ended):.0f} s ago ({how})"
    if left_s > 0:
        return Decision(
            f"{names}: {run}, failure {failures} in a row; the next one starts in {left_s:.0f} s, "
            f"{pause_s(failures):.0f} s after it."
        )
    # The key names the run before: two daemons that see the same one ask for the same run.
    return Decision(f"{names}: {run}; another is started.", run_key=f"after {last.dagster_run.run_id}")


def _failures_in_row(finished: Sequence[dg.RunRecord]) -> int:
    count = 0
    for record in finished:
        lasted_s = (record.end_time or 0.0) - (record.start_time or record.end_time or 0.0)
        if record.dagster_run.status is not dg.DagsterRunStatus.FAILURE or lasted_s > STEADY_AFTER_S:
            break
        count += 1
    return count


def _is_lost(record: dg.RunRecord, market_stream: MarketStreamResource, *, now: float) -> bool:
    """Whether a run that Dagster believes to last has no process: it and Dagster's server were killed together."""
    run = record.dagster_run
    if run.tags.get(HOST_TAG) != socket.gethostname() or record.start_time is None:
        return False  # it has not come so far, or another machine knows
    holder = market_stream.supervisor_run()
    return now - record.start_time > LOST_AFTER_S and (holder is None or holder.run_id != run.run_id)
