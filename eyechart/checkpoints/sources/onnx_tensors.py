"""Where an ONNX graph keeps its tensors: the files beside it, read from the message without ONNX's own library.

Messages and field numbers are those of `onnx.proto` (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

_WITHIN: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
}
"""Message → number of a field → the message that it holds, on the ways to `external_data`."""

_BYTES = 2
_FIXED = {1: 8, 5: 4}
"""Wire types: bytes that follow their length; numbers of so many bytes."""


def external_files(content: bytes) -> list[str]:
    """Name the files that hold tensors of a graph, as the graph names them; nothing for what is no ONNX graph."""
    names, todo = set(), [("model", memoryview(content))]
    while todo:
        kind, message = todo.pop()
        try:
            fields = list(_fields(message))
        except (ValueError, IndexError):  # no such message: whoever opens the file says so
            continue
        if kind == "entry":
            texts = {number: bytes(value) for number, value in fields}
            if texts.get(1) == b"location" and 2 in texts:
                names.add(texts[2].decode("utf-8", "surrogateescape"))
        todo += [(_WITHIN[kind][number], value) for number, value in fields if number in _WITHIN.get(kind, ())]
    return sorted(names)


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Fields of a message that hold bytes: (number, value). Raises ValueError or IndexError for what is no message."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, kind = tag >> 3, tag & 7
        if kind == 0:
            _, at = _varint(message, at)
        elif kind in _FIXED:
            at += _FIXED[kind]
        elif kind == _BYTES:
            length, at = _varint(message, at)
            if at + length > len(message):
                raise ValueError("a field is cut short")
            yield number, message[at : at + length]
            at += length
        else:
            raise ValueError(f"no wire type {kind}")


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """A number in base 128, least digit first, and where it ends."""
    number = shift = 0
    while True:
        byte = message[at]
        number, shift, at = number | (byte & 0x7F) << shift, shift + 7, at + 1
        if byte < 0x80:
            return number, at
