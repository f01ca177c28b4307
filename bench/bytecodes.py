"""How many bytecodes of Python a piece of work executes, function by function."""

from collections import Counter
from pathlib import Path
from sys import settrace
from types import CodeType, FrameType, TracebackType
from typing import Any

PRODUCT = "turnpike"
SHOWN_SHARE = 0.002
"""Functions below this share of all bytecodes are summed up in the last line."""


class BytecodeCount:
    """Counts in the product's own functions from its beginning to its end, in one thread."""

    def __init__(self) -> None:
        self._bytecodes: Counter[CodeType] = Counter()
        self._calls: Counter[CodeType] = Counter()

    def __enter__(self) -> None:
        settrace(self._trace)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        settrace(None)

    def table(self, times: int) -> str:
        """Bytecodes and calls of each function, for one of `times`; the most expensive first."""
        every = sum(self._bytecodes.values())
        lines = [
            f"{every / times:8.0f} bytecodes, {sum(self._calls.values()) / times:.1f} calls of functions"
        ]
        rest = 0
        for code, count in self._bytecodes.most_common():
            if count < every * SHOWN_SHARE:
                rest += count
                continue
            name = f"{Path(code.co_filename).stem}.{code.co_qualname}"
            lines.append(f"{count / times:8.1f} {self._calls[code] / times:6.1f}  {name}")
        return "\n".join([*lines, f"{rest / times:8.1f}         all others"])

    def _trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        if PRODUCT not in Path(frame.f_code.co_filename).parts:
            return None
        if event == "call":
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
            self._calls[frame.f_code] += 1
        elif event == "opcode":
            self._bytecodes[frame.f_code] += 1
        return self._trace
