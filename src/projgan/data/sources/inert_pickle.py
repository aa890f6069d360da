"""Read plain data out of a pickle without running it.

The CIFAR archives for Python are pickles, and loading a pickle runs whatever its maker liked. Here its
opcodes are only listed (`pickletools.genops` executes nothing) and played on a stack of inert values:
numbers, text, lists, dicts and tuples. A call is never made but noted as `Call`, and only calls that a NumPy
array consists of may be noted; any other opcode or name is refused. What may come of a pickle is bounded: so
many opcodes, each of which makes one object at most, and no more bytes than the pickle itself has.
"""

import pickletools
from dataclasses import dataclass
from typing import Any

import numpy as np

from projgan.errors import UserError, reason_of

MAX_OPCODES = 500_000
"""The largest published batch, of CIFAR-100, has some 200,000."""
MAX_KEY_LENGTH = 1000
_ARRAY_NAMES = {
    "numpy.core.multiarray _reconstruct",
    "numpy._core.multiarray _reconstruct",
    "numpy.core.numeric _frombuffer",
    "numpy._core.numeric _frombuffer",
    "numpy ndarray",
    "numpy dtype",
    "_codecs encode",
}
_LITERALS = {
    *("BININT", "BININT1", "BININT2", "LONG1", "LONG4", "INT", "LONG", "BINFLOAT", "FLOAT"),
    *("BINSTRING", "SHORT_BINSTRING", "STRING", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "UNICODE"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
}
_CONSTANTS: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_PUTS = ("PUT", "BINPUT", "LONG_BINPUT")
_GETS = ("GET", "BINGET", "LONG_BINGET")
_FIXED_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


@dataclass(frozen=True)
class Name:
    """A global that the pickle mentions; never looked up."""

    text: str


@dataclass
class Call:
    """A call that the pickle asks for; never made."""

    function: Name
    arguments: tuple[Any, ...]
    state: Any = None


class _Mark:
    pass


def read_pickle(content: bytes, place: str) -> Any:
    """Return the value a pickle describes, with `Call` where it asks for one.

    Raises:
        UserError: damaged, or with anything in it that plain data and NumPy arrays do not need.
    """
    machine = _Machine(place, len(content))
    try:
        for number, (opcode, argument, _) in enumerate(pickletools.genops(content)):
            if opcode.name == "STOP":
                (value,) = machine.stack
                return value
            if number >= MAX_OPCODES:
                raise ValueError(f"more than {MAX_OPCODES:,} opcodes")
            machine.play(opcode.name, argument)
    except UserError:
        raise
    except Exception as error:  # of whatever lies where something else belongs
        raise UserError(
            f"{place} is not a pickle of the published form ({reason_of(error)}); download it again"
        ) from error
    raise UserError(f"{place} is a pickle without an end; download it again")


class _Machine:
    """The stack and the memo of a pickle, holding inert values only."""

    def __init__(self, place: str, spare_bytes: int) -> None:
        self.place = place
        self.spare_bytes = spare_bytes
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def play(self, opcode: str, argument: Any) -> None:
        """Carry out one opcode as far as it only arranges data."""
        stack = self.stack
        if opcode in _LITERALS:
            stack.append(argument)
        elif opcode in _CONSTANTS:
            stack.append(_CONSTANTS[opcode])
        elif opcode in _FIXED_TUPLES:
            stack.append(tuple(self._pop(_FIXED_TUPLES[opcode])))
        elif opcode in _PUTS:
            self.memo[int(argument)] = stack[-1]
        elif opcode == "MEMOIZE":
            self.memo[len(self.memo)] = stack[-1]
        elif opcode in _GETS:
            stack.append(self.memo[int(argument)])
        elif opcode in ("GLOBAL", "STACK_GLOBAL"):
            stack.append(self._name(argument if opcode == "GLOBAL" else " ".join(self._pop(2))))
        elif opcode == "REDUCE":
            function, arguments = self._pop(2)
            stack.append(self._call(function, arguments))
        elif opcode == "BUILD":
            state = stack.pop()
            self._expect(stack[-1], Call).state = state
        elif opcode not in ("PROTO", "FRAME"):
            self._play_container(opcode)

    def _play_container(self, opcode: str) -> None:
        stack = self.stack
        match opcode:
            case "MARK":
                stack.append(_Mark())
            case "EMPTY_LIST":
                stack.append([])
            case "EMPTY_DICT":
                stack.append({})
            case "LIST":
                stack.append(self._pop_mark())
            case "TUPLE":
                stack.append(tuple(self._pop_mark()))
            case "DICT":
                stack.append(self._pairs(self._pop_mark()))
            case "APPEND":
                item = stack.pop()
                self._expect(stack[-1], list).append(item)
            case "APPENDS":
                items = self._pop_mark()
                self._expect(stack[-1], list).extend(items)
            case "SETITEM":
                items = self._pop(2)
                self._expect(stack[-1], dict).update(self._pairs(items))
            case "SETITEMS":
                items = self._pop_mark()
                self._expect(stack[-1], dict).update(self._pairs(items))
            case _:
                raise UserError(
                    f"{self.place}: its pickle uses {opcode}, which plain data does not need; "
                    "nothing of it was run; download the archive again from where it was published"
                )

    def _name(self, text: str) -> Name:
        if text not in _ARRAY_NAMES:
            raise UserError(
                f"{self.place}: its pickle asks for {text.replace(' ', '.')[:100]!r}, which no image "
                "data needs; nothing of it was run; download the archive again from where it was published"
            )
        return Name(text)

    def _call(self, function: Any, arguments: Any) -> Any:
        name = self._expect(function, Name)
        arguments = self._expect(arguments, tuple)
        if name.text == "_codecs encode":  # how Python 3 writes bytes for Python 2
            text, encoding = arguments
            if encoding != "latin1" or not isinstance(text, str):
                raise ValueError("text of another encoding")
            self.spare_bytes -= len(text)
            if self.spare_bytes < 0:
                raise ValueError("more bytes than it has itself")
            return text.encode("latin1")
        return Call(name, arguments)

    def _expect(self, value: Any, kind: type) -> Any:
        if not isinstance(value, kind):
            raise ValueError(f"{type(value).__name__} where {kind.__name__} belongs")
        return value

    def _pairs(self, items: list[Any]) -> dict[Any, Any]:
        keys = [_as_text(key) for key in items[::2]]
        return dict(zip(keys, items[1::2], strict=True))

    def _pop(self, count: int) -> list[Any]:
        if len(self.stack) < count:
            raise ValueError("nothing left on the stack")
        first = len(self.stack) - count
        items = self.stack[first:]
        del self.stack[first:]
        return items

    def _pop_mark(self) -> list[Any]:
        items: list[Any] = []
        while not isinstance(item := self.stack.pop(), _Mark):
            items.append(item)
        return items[::-1]


def _as_text(key: Any) -> str:
    if isinstance(key, bytes | str) and len(key) > MAX_KEY_LENGTH:
        raise ValueError("an endless key")
    if isinstance(key, bytes):
        return key.decode("latin1")
    if not isinstance(key, str):
        raise ValueError(f"a dict key of type {type(key).__name__}")
    return key


def byte_array(value: Any, place: str) -> np.ndarray:
    """Return the uint8 array `[N, M]` that a noted `numpy.ndarray` stands for.

    Raises:
        UserError: it is no C-ordered, two-dimensional array of bytes whose content is all there.
    """
    try:
        shape, content = _shape_and_content(value)
    except Exception as error:
        raise UserError(
            f"{place}: its data are not an array of bytes ({reason_of(error)}); download it again"
        ) from error
    rows, columns = shape
    if len(content) != rows * columns:
        raise UserError(
            f"{place}: an array declared as {rows}x{columns} has {len(content):,} bytes; download it again"
        )
    return np.frombuffer(content, dtype=np.uint8).reshape(rows, columns)


def _shape_and_content(value: Any) -> tuple[tuple[int, int], bytes]:
    if not isinstance(value, Call):
        raise ValueError(f"a {type(value).__name__}")
    if value.function.text.endswith("_frombuffer"):
        content, dtype, shape, order = value.arguments
        fortran_order = order != "C"
    else:
        _, shape, dtype, fortran_order, content = value.state
    if not isinstance(dtype, Call) or dtype.arguments[0] not in ("u1", "|u1", b"u1", b"|u1"):
        raise ValueError("not of type uint8")
    rows, columns = shape
    if fortran_order or not (
        isinstance(rows, int) and isinstance(columns, int) and rows >= 0 and columns >= 0
    ):
        raise ValueError("not in rows of C order")
    if isinstance(content, str):  # the strings of Python 2 are bytes, and arrive here as Latin-1
        content = content.encode("latin1")
    if not isinstance(content, bytes | bytearray):
        raise ValueError("without its bytes")
    return (rows, columns), bytes(content)
