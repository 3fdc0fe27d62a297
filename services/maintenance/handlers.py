"""Commands from the bus: taken up at once, done one after the other in each namespace."""

import asyncio
import contextlib
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Annotated, Any
from uuid import UUID

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from human_memory.deadline import Deadline
from schemas.codec import decode_maintenance
from schemas.errors import (
    MemoryServiceError,
    NotFound,
    Rejected,
    Unavailable,
)
from schemas.fields import Message, rfc3339
from schemas.ids import cause_of_record, cause_of_replay, derive, run_id_of_key
from schemas.ids import run_id as run_id_of_slot
from schemas.jobs import parameters_of
from schemas.maintenance import CancelRun, MaintenanceCommand, RunJob, UndoRun
from schemas.replies import Reply, RunResult, error_reply
from services.common.dead_letters import DeadLetters
from services.common.envelope import Envelope, Replier, ReplyAddress
from services.common.ownership import BACKOFF, Ownership
from services.common.records import JsonOf, Records
from services.maintenance.events import RunContext
from services.maintenance.jobs.undo import UndoJob
from services.maintenance.offsets import Offsets
from services.maintenance.runner import HEALS, Runner
from services.maintenance.work import Work

log = structlog.get_logger(__name__)
FUTURE_SKEW_MS = 300_000
# Of the time there is; the rest is for the reply's way.
REPLY_SHARE = 0.85


@dataclass
class _Caller:
    """A sender that waits for the result of a run."""

    address: ReplyAddress
    deadline: Deadline
    answered: bool = False


@dataclass
class _Task:
    """A run that waits or is at work, and the records that wanted it."""

    work: Work
    parameters: Message
    scheduled: bool
    callers: list[_Caller] = field(default_factory=list)
    records: list[Any] = field(default_factory=list)


class Commands:
    """Takes commands up and has them done.

    A command behind a long run must be seen while it works: it may be to cancel it. So records are
    taken up as they come, and committed when they, and all before them, are done. What is not
    committed comes again, to us or another member, and is the same run again.
    """

    def __init__(
        self,
        *,
        runner: Runner,
        replier: Replier,
        dead_letters: DeadLetters,
        now_ms: Callable[[], int],
        runs_at_once: int,
    ) -> None:
        self.ownership = RunOwnership(self)
        self._runner = runner
        self._replier = replier
        self._dead_letters = dead_letters
        self._now_ms = now_ms
        self._slots = asyncio.Semaphore(runs_at_once)
        self._offsets = Offsets()
        self._queues: defaultdict[str, deque[_Task]] = defaultdict(deque)
        self._tasks: dict[UUID, _Task] = {}
        self._workers: dict[str, asyncio.Task[None]] = {}
        self._others: set[asyncio.Task[None]] = set()

    async def handle(self, records: Annotated[Records, JsonOf(MaintenanceCommand)]) -> None:
        """Take commands up."""
        async with self.ownership.batch():
            for record in records:
                tp = TopicPartition(record.topic, record.partition)
                if tp in self.ownership.partitions and self._offsets.take(tp, record.offset):
                    await self._take(record)

    async def stop(self) -> None:
        """End what is at work, as a crash would: it is taken up again."""
        running = [*self._workers.values(), *self._others]
        for task in running:
            task.cancel()
        for task in running:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._queues.clear()
        self._tasks.clear()
        self._workers.clear()
        self._others.clear()
        self._offsets.clear()

    @property
    def busy(self) -> int:
        """Runs that wait or are at work."""
        return len(self._tasks)

    async def _take(self, record: Any) -> None:
        try:
            envelope = self._replier.envelope(record)
        except Rejected as error:
            self._later(self._refuse(record, error, None))
            return
        caller = self._caller(envelope)
        try:
            command = decode_maintenance(record.value)
            self._begin(command, record, envelope.replayed_from, caller)
        except MemoryServiceError as error:
            self._later(self._refuse(record, error, caller))

    def _caller(self, envelope: Envelope) -> _Caller | None:
        if envelope.reply_to is None:
            return None
        try:
            deadline = envelope.deadline(self._now_ms())
        except Rejected:
            deadline = Deadline.after(1.0)
        return _Caller(envelope.reply_to, deadline)

    def _begin(
        self,
        command: MaintenanceCommand,
        record: Any,
        replayed_from: str | None,
        caller: _Caller | None,
    ) -> None:
        match command:
            case CancelRun():
                self._later(self._cancel(command, record, caller))
            case UndoRun():
                run = RunContext(
                    run_id=derive("undo", str(command.run_id)),
                    namespace=command.namespace,
                    job="undo",
                    now_ms=record.timestamp,
                    commanded_ms=record.timestamp,
                )
                self._queue(run, UndoJob(run_id=command.run_id), record, caller)
            case RunJob():
                parameters = parameters_of(command.job, command.parameters)
                self._queue(_context(command, record, replayed_from), parameters, record, caller)

    def _queue(
        self, run: RunContext, parameters: Message, record: Any, caller: _Caller | None
    ) -> None:
        task = self._tasks.get(run.run_id)
        # Two slots of the clock stay two runs.
        scheduled = run.now_ms != record.timestamp
        if task is None and not scheduled:
            task = self._same(run, parameters)
        if task is None:
            task = _Task(self._runner.work_of(run), parameters, scheduled)
            self._tasks[run.run_id] = task
            self._queues[run.namespace].append(task)
        task.records.append(record)
        if caller is not None:
            task.callers.append(caller)
            self._later(self._answer_before_deadline(task, caller))
        worker = self._workers.get(run.namespace)
        if worker is None or worker.done():
            self._workers[run.namespace] = asyncio.create_task(self._drain(run.namespace))

    def _same(self, run: RunContext, parameters: Message) -> _Task | None:
        """A run that waits or works and does the same: a second caller gets its report."""
        for task in self._queues[run.namespace]:
            same = task.work.run.job == run.job and task.parameters == parameters
            if same and not task.scheduled:
                return task
        return None

    async def _drain(self, namespace: str) -> None:
        queue = self._queues[namespace]
        while queue:
            task = queue[0]
            run, done = task.work.run, False
            try:
                async with self._slots:
                    await self._do(task)
                done = True
            except Exception:  # whatever it is, the runs behind this one do not wait for it
                # Its records stay uncommitted: the next owner of the partition has them again.
                log.critical("run left", job=run.job, run=str(run.run_id), exc_info=True)
            queue.popleft()
            self._tasks.pop(run.run_id, None)
            for record in task.records if done else ():
                await self._done(record)
        del self._queues[namespace]
        self._workers.pop(namespace, None)

    async def _do(self, task: _Task) -> None:
        """Do a run, again and again while something that heals does not answer."""
        for attempt in count():
            try:
                result, position = await self._runner.execute(task.work, task.parameters)
            except HEALS as error:
                log.warning("run waits", job=task.work.run.job, error=str(error), attempt=attempt)
                await asyncio.sleep(BACKOFF.after(attempt))
            except MemoryServiceError as error:
                await self._fail(task, error)
                return
            except Exception:
                log.exception("no run", job=task.work.run.job, run=str(task.work.run.run_id))
                await self._fail(
                    task, MemoryServiceError("internal error; the service's log says more")
                )
                return
            else:
                await self._answer(task, result, position)
                return

    async def _fail(self, task: _Task, error: MemoryServiceError) -> None:
        for record in task.records:
            await self._dead_letter(record, error)
        await self._reply(task, error_reply(error))

    async def _answer(self, task: _Task, result: RunResult, position: str | None) -> None:
        await self._reply(task, Reply(result=result.model_dump(mode="json"), position=position))

    async def _reply(self, task: _Task, reply: Reply) -> None:
        waiting = [caller for caller in task.callers if not caller.answered]
        for caller in waiting:
            caller.answered = True
        await self._replier.send([(caller.address, reply) for caller in waiting])

    async def _answer_before_deadline(self, task: _Task, caller: _Caller) -> None:
        """A run may take longer than its caller waits: it goes on, and can be asked for."""
        await asyncio.sleep(caller.deadline.remaining_seconds() * REPLY_SHARE)
        if not caller.answered:
            caller.answered = True
            run = task.work.run
            result = RunResult(run_id=run.run_id, job=run.job, complete=False)
            reply = Reply(result=result.model_dump(mode="json"), position=task.work.position)
            await self._replier.send([(caller.address, reply)])

    async def _cancel(self, command: CancelRun, record: Any, caller: _Caller | None) -> None:
        task = self._tasks.get(command.run_id)
        if task is not None and task.work.run.namespace == command.namespace:
            task.work.cancel.set()
            if caller is not None:
                task.callers.append(caller)
                self._later(self._answer_before_deadline(task, caller))
        elif caller is not None:
            error = NotFound(f"run {command.run_id}: not at work in {command.namespace}")
            await self._replier.send([(caller.address, error_reply(error))])
        await self._done(record)

    async def _refuse(self, record: Any, error: MemoryServiceError, caller: _Caller | None) -> None:
        await self._dead_letter(record, error)
        if caller is not None:
            await self._replier.send([(caller.address, error_reply(error))])
        await self._done(record)

    async def _dead_letter(self, record: Any, error: MemoryServiceError) -> None:
        for attempt in count():
            try:
                await self._dead_letters.send(record, error)
            except (Unavailable, KafkaError) as failure:
                log.warning("no dead letter yet", error=str(failure))
                await asyncio.sleep(BACKOFF.after(attempt))
            else:
                return

    async def _done(self, record: Any) -> None:
        tp = TopicPartition(record.topic, record.partition)
        try:
            await self.ownership.commit(self._offsets.done(tp, record.offset))
        except Exception as error:  # noqa: BLE001 # a successor takes it up again, finds it done
            log.warning("offsets not committed", error=repr(error))

    def _later(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._others.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._others.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.critical("command left", exc_info=error)


class RunOwnership(Ownership):
    """Runs end before their partition moves: two members never work at the same one."""

    def __init__(self, commands: Commands) -> None:
        super().__init__()
        self._commands = commands

    async def on_partitions_revoked(self, revoked: list[TopicPartition]) -> None:
        """Stop what is at work; the next owner takes it up again."""
        await super().on_partitions_revoked(revoked)  # from here on nothing new is taken up
        await self._commands.stop()


def _context(command: RunJob, record: Any, replayed_from: str | None) -> RunContext:
    """The run that a command asks for.

    Raises:
        Rejected: its slot is in the future.
    """
    now_ms = record.timestamp
    if command.slot is not None:
        if command.slot > record.timestamp + FUTURE_SKEW_MS:
            raise Rejected(f"slot: {rfc3339(command.slot)} is in the future; leave it out")
        run_id = run_id_of_slot(command.job, command.namespace, command.slot)
        now_ms = command.slot
    elif command.idempotency_key is not None:
        run_id = run_id_of_key(command.job, command.namespace, command.idempotency_key)
    elif replayed_from is not None:
        run_id = cause_of_replay(command.namespace, replayed_from)
    else:
        run_id = cause_of_record(record.topic, record.partition, record.offset, record.timestamp)
    return RunContext(
        run_id=run_id,
        namespace=command.namespace,
        job=command.job,
        now_ms=now_ms,
        commanded_ms=record.timestamp,
    )
