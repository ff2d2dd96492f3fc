"""Measures every step of every task, and says what the long ones were doing.

A step is what a task does between two checkpoints: nobody else runs in that time. It is measured in CPU time of
the thread, since on a busy machine the wall clock tells of the neighbours. Pauses of Python's garbage collector
fall into whatever step happens to allocate, so they are counted apart.

What a long step did is found by sampling: a timer of the kernel that counts CPU time (``ITIMER_PROF``) is armed at
the beginning of each step and disarmed at its end, so short steps are never interrupted. Python runs the handler
between two bytecodes: a long call into C is sampled right after it, in the frame that made the call, and all the
time since the sample before is put down to it. That needs no thread and no look into frames from outside.

Code of the tests is no stall of ours. Of a stack, the innermost frame that is the service's or the tests' decides
whose time it was (the service may call a fake of the tests); where there is neither, the task does: a connection's
task runs libraries' code on our behalf.
"""

import gc
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from types import CodeType, FrameType

import msgspec
import trio
import trio.abc
from trio.lowlevel import Task

ROOT = Path(__file__).parents[2]
OURS = ("service/", "engine/", "wasm_host/", "proto/")
TESTS = ("tests/", "benchmarks/", "examples/")

BOUND_MS = 50.0
"""The longest that a step may take. Slices are a few milliseconds; the rest is room for slow machines."""

FIRST_SAMPLE_SECONDS = 0.02
SAMPLE_SECONDS = 0.01
"""The kernel counts CPU time in ticks of 1 to 10 ms; sampling more often than that brings nothing."""

COMMONEST_TASKS = 4

Place = tuple[str, str]
"""Where code stands: the file, relative to this checkout or to site-packages, and the qualified name."""


class Frame(msgspec.Struct, frozen=True):
    """One level of a stack."""

    file: str
    line: int
    function: str

    @property
    def place(self) -> Place:
        """The file and the function."""
        return (self.file, self.function)

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.function}"


class LongStep(msgspec.Struct, frozen=True, tag="step"):
    """A step that took long.

    Attributes:
        task: the task's name.
        cpu_ms: CPU time of the thread in the step, without pauses of the garbage collector.
        garbage_ms: the time of those pauses.
        counted_ms: the part of `cpu_ms` that is the service's own doing, and at no place that is excused.
        stack: where most of the counted time went, innermost frame first.
    """

    task: str
    cpu_ms: float
    garbage_ms: float
    counted_ms: float
    stack: tuple[Frame, ...]

    def __str__(self) -> str:
        lines = [f"{self.counted_ms:.0f} ms of {self.cpu_ms:.0f} ms in one step of {self.task}"]
        if self.garbage_ms >= 1:
            lines[0] += f" (and {self.garbage_ms:.0f} ms of garbage collection)"
        return "\n".join([*lines, *(f"    {frame}" for frame in self.stack)])


class LongPass(msgspec.Struct, frozen=True, tag="pass"):
    """A pass of the loop that took long: all steps that ran between two looks at what came from outside.

    Attributes:
        cpu_ms: CPU time of the thread in all of them, without pauses of the garbage collector.
        garbage_ms: the time of those pauses.
        steps: how many there were.
        tasks: the commonest names among their tasks, with how many steps each had.
    """

    cpu_ms: float
    garbage_ms: float
    steps: int
    tasks: dict[str, int]

    def __str__(self) -> str:
        names = ", ".join(f"{count} of {name}" for name, count in self.tasks.items())
        garbage = f" (and {self.garbage_ms:.0f} ms of garbage collection)" if self.garbage_ms >= 1 else ""
        return f"{self.cpu_ms:.0f} ms in one pass of {self.steps} steps{garbage}: {names}"


class Stopwatch(trio.abc.Instrument):
    """Calls back with each step whose counted time is over a bound.

    Args:
        tell: is called with each long step, in the middle of Trio's loop: it must not raise.
        bound_ms: how long is long.
        excused: places whose time does not count, and why.
        first_sample_seconds: the CPU time after which a step is sampled.
        everything: count the time of every task and stack, also where it seems to be the tests' own.
        tell_pass: is called with each pass of the loop that is longer than a step may be; nothing when absent.
    """

    def __init__(
        self,
        tell: Callable[[LongStep], object],
        *,
        bound_ms: float = BOUND_MS,
        excused: Mapping[Place, str] | None = None,
        first_sample_seconds: float = FIRST_SAMPLE_SECONDS,
        everything: bool = False,
        tell_pass: Callable[[LongPass], object] | None = None,
    ) -> None:
        self._tell = tell
        self._bound_ms = bound_ms
        self._excused = excused or {}
        self._everything = everything
        self._first_sample_seconds = first_sample_seconds
        self._foreign: dict[CodeType, bool] = {}
        self._tell_pass = tell_pass
        self._pass_began = self._pass_garbage = 0.0
        self._steps_of: Counter[str] = Counter()
        self._task: Task | None = None
        self._began = self._sampled = 0.0
        self._garbage = self._garbage_sampled = 0.0
        self._garbage_began: float | None = None
        self._samples: list[tuple[float, tuple[Frame, ...]]] = []

    def before_run(self) -> None:
        """Start listening to the timer and to the collector."""
        signal.signal(signal.SIGPROF, self._sample)
        gc.callbacks.append(self._collecting)

    def after_run(self) -> None:
        """Stop listening. The handler stays: what a late signal does otherwise is end the process."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        gc.callbacks.remove(self._collecting)

    def after_io_wait(self, timeout: float) -> None:
        """A pass begins."""
        del timeout
        self._pass_began = time.thread_time()
        self._pass_garbage = 0.0
        self._steps_of.clear()

    def before_io_wait(self, timeout: float) -> None:
        """A pass has ended."""
        del timeout
        if self._tell_pass is not None and self._steps_of:
            cpu_ms = (time.thread_time() - self._pass_began) * 1000
            if cpu_ms > self._bound_ms:
                garbage_ms = self._pass_garbage * 1000
                tasks = dict(self._steps_of.most_common(COMMONEST_TASKS))
                self._tell_pass(LongPass(cpu_ms - garbage_ms, garbage_ms, self._steps_of.total(), tasks))

    def before_task_step(self, task: Task) -> None:
        """A step begins."""
        self._task = task
        if self._tell_pass is not None:
            self._steps_of[task.name] += 1
        self._garbage = self._garbage_sampled = 0.0
        signal.setitimer(signal.ITIMER_PROF, self._first_sample_seconds, SAMPLE_SECONDS)
        self._began = self._sampled = time.thread_time()

    def after_task_step(self, task: Task) -> None:
        """A step has ended."""
        now = time.thread_time()
        signal.setitimer(signal.ITIMER_PROF, 0)
        self._task = None
        self._pass_garbage += self._garbage
        if self._samples or (now - self._began) * 1000 > self._bound_ms:
            samples, self._samples = self._samples, []
            self._judge(task, (now - self._began - self._garbage) * 1000, samples)

    def _collecting(self, phase: str, _info: dict[str, int]) -> None:
        now = time.thread_time()
        self._garbage = self._garbage_until(now)
        self._garbage_began = now if phase == "start" else None

    def _garbage_until(self, now: float) -> float:
        """The pauses of this step, with the one that is not over yet: a signal may be handled within it."""
        return self._garbage + (0.0 if self._garbage_began is None else now - self._garbage_began)

    def _sample(self, _number: int, frame: FrameType | None) -> None:
        if self._task is None:
            return  # the signal came late, after the step's end
        now = time.thread_time()
        garbage = self._garbage_until(now)
        seconds = now - self._sampled - (garbage - self._garbage_sampled)
        self._sampled, self._garbage_sampled = now, garbage
        self._samples.append((seconds * 1000, tuple(_stack(frame))))

    def _judge(self, task: Task, cpu_ms: float, samples: list[tuple[float, tuple[Frame, ...]]]) -> None:
        by_stack: dict[tuple[Place, ...], tuple[float, tuple[Frame, ...]]] = {}
        foreign = self._is_foreign(task)
        for milliseconds, stack in samples:
            if self._counts(stack, foreign=foreign):
                places = tuple(frame.place for frame in stack)
                before, _ = by_stack.get(places, (0.0, stack))
                by_stack[places] = (before + milliseconds, stack)
        counted_ms = sum(milliseconds for milliseconds, _ in by_stack.values())
        if counted_ms > self._bound_ms:
            _, stack = max(by_stack.values(), key=lambda each: each[0])
            self._tell(LongStep(task.name, cpu_ms, self._garbage * 1000, counted_ms, stack))

    def _counts(self, stack: tuple[Frame, ...], *, foreign: bool) -> bool:
        if any(frame.place in self._excused for frame in stack):
            return False
        if self._everything:
            return True
        return next(
            (frame.file.startswith(OURS) for frame in stack if frame.file.startswith((*OURS, *TESTS))), foreign
        )

    def _is_foreign(self, task: Task) -> bool:
        """Whether a task was not started by the tests themselves."""
        code = getattr(task.coro, "cr_code", None)
        if code is None:
            return True
        foreign = self._foreign.get(code)
        if foreign is None:
            foreign = self._foreign[code] = not _shown(code.co_filename).startswith(TESTS)
        return foreign


def on_main_thread() -> bool:
    """Whether signals can be handled here: the stopwatch works on the main thread only."""
    return threading.current_thread() is threading.main_thread()


def _stack(frame: FrameType | None) -> list[Frame]:
    stack = []
    while frame is not None and frame.f_code.co_name != "unrolled_run":  # Trio's loop, below every task
        code = frame.f_code
        stack.append(Frame(_shown(code.co_filename), frame.f_lineno or 0, code.co_qualname))
        frame = frame.f_back
    return stack


def _shown(file: str) -> str:
    """A file as it is called in reports: relative to this checkout, or to where packages are installed."""
    return file.rpartition("/site-packages/")[2].removeprefix(f"{ROOT}/")
