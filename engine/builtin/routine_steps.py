"""The components that the steps of routines compile to, in the order of the platform's step types."""

from engine.builtin.core_expressions import ExpressionComponent
from engine.builtin.routine_check import CHECK
from engine.builtin.routine_flow import CALL, REPEAT, STOP, WAIT
from engine.builtin.routine_memory import RECALL, REMEMBER
from engine.builtin.routine_speech import ASK, SAY, THINK
from engine.contracts.component import Component

ROUTINE_STEPS: tuple[Component | ExpressionComponent, ...] = (
    SAY,
    ASK,
    THINK,
    REMEMBER,
    RECALL,
    WAIT,
    CHECK,
    CALL,
    REPEAT,
    STOP,
)
