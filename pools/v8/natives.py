"""Functions that the JavaScript core calls synchronously: primitives and byte views in, primitives out.

They are baked into the snapshot as external references, so a context has them without being given anything. The
order of :data:`NAMES` is part of a snapshot's identity. No Python object is visible from JavaScript: V8 sees the address of a
C function. A native that fails throws a JavaScript exception; it never lets a Python one pass.
"""

from __future__ import annotations

import ctypes as c
import hashlib
import hmac
import os
import time
from collections.abc import Callable, Mapping
from itertools import count
from typing import TYPE_CHECKING, Final

from pools.v8 import abi as v8
from pools.v8.codecs import Codecs

if TYPE_CHECKING:
    from pools.v8.isolate import Isolate

NAMES: Final = (
    "randomFill",
    "utf8Encode",
    "utf8Decode",
    "now",
    "isProxy",
    "source",
    "hash",
    "codec",
)

_REVEAL: Final = 10
"""Of dispatch, see docs/boundary.md."""


class Natives:
    """The native functions of a process. Keeps their C entry points alive as long as V8 may call them."""

    def __init__(
        self, abi: v8.Abi, scripts: Mapping[str, bytes], isolates: Mapping[int, Isolate]
    ) -> None:
        self._abi = abi
        self._isolates = isolates
        self._codec_numbers = count(1)
        self._scripts = scripts
        self._epoch_ms = (time.time() - time.monotonic()) * 1000
        """The wall clock at this process's start of time: :meth:`_now` never goes backwards."""
        functions: dict[str, Callable[[int, int, int, int], None]] = {
            "randomFill": self._random_fill,
            "utf8Encode": self._utf8_encode,
            "utf8Decode": self._utf8_decode,
            "now": self._now,
            "isProxy": self._is_proxy,
            "source": self._source,
            "hash": self._hash,
            "codec": self._codec,
        }
        self.callbacks = [v8.NativeCallback(self._entry(functions[name])) for name in NAMES]
        self.reveal = v8.PropertyCallback(self._reveal)
        """Getter of the global object's lazy data properties; their data says what to ask the core for."""
        entries = (*self.callbacks, self.reveal)
        addresses = [c.cast(entry, c.c_void_p).value or 0 for entry in entries]
        self.external_references = (c.c_int64 * (len(addresses) + 1))(*addresses, 0)

    def _reveal(self, _name: int, info: int) -> None:
        abi = self._abi
        isolate = c.c_uint64.from_address(info + 8 * v8.PROPERTY_ISOLATE).value
        context = abi.context_current(isolate)
        dispatch = abi.context_embedder_data(context, v8.DISPATCH_SLOT)
        arguments = (c.c_uint64 * 2)(abi.integer_new(isolate, _REVEAL), info + 8 * v8.PROPERTY_DATA)
        # It runs the core alone, and throws only when the stack or the heap is at its end.
        value = abi.function_call(dispatch, context, dispatch, 2, c.addressof(arguments))
        if value:
            result = c.c_uint64.from_address(info + 8 * v8.PROPERTY_RETURN_VALUE)
            result.value = c.c_uint64.from_address(value).value

    def _entry(self, function: Callable[[int, int, int, int], None]) -> Callable[[int], None]:
        throw, type_error, string = (
            self._abi.throw_exception,
            self._abi.type_error,
            self._abi.string_from_utf8_quick,
        )

        def entry(info_address: int) -> None:
            info = v8.FunctionCallbackInfo.from_address(info_address)
            implicit = info.implicit_args_
            isolate = c.c_uint64.from_address(implicit + 8 * v8.CALLBACK_ISOLATE).value
            try:
                function(
                    isolate, info.values_, info.length_, implicit + 8 * v8.CALLBACK_RETURN_VALUE
                )
            except Exception as error:  # noqa: BLE001 - nothing may pass into V8's frames
                text = str(error).encode()
                throw(isolate, type_error(string(isolate, text, 0, len(text)), None))

        return entry

    def _view(self, values: int, length: int) -> tuple[int, int]:
        """Address and size of the first argument's bytes."""
        if length < 1 or not self._abi.value_is_array_buffer_view(values):
            raise TypeError("a byte view is needed")
        size = self._abi.view_byte_length(values)
        data = self._abi.array_buffer_data(self._abi.view_buffer(values)) or 0
        return data + self._abi.view_byte_offset(values), size

    def _memory(self, values: int, length: int) -> bytes | c.Array[c.c_char]:
        """The first argument's bytes, where they are: good for the duration of the call."""
        address, size = self._view(values, length)
        return (c.c_char * size).from_address(address) if size else b""

    def _text(self, isolate: int, value: int) -> str:
        """An argument's text."""
        if not self._abi.value_is_string(value):
            raise TypeError("a string is needed")
        size = self._abi.string_utf8_length(value, isolate)
        buffer = c.create_string_buffer(size)
        self._abi.string_write_utf8(
            value, isolate, c.addressof(buffer), size, None, v8.NO_NULL_TERMINATION
        )
        return buffer.raw.decode()

    def _random_fill(self, _isolate: int, values: int, length: int, _result: int) -> None:
        address, size = self._view(values, length)
        if size:
            c.memmove(address, os.urandom(size), size)

    def _utf8_encode(self, isolate: int, values: int, length: int, result: int) -> None:
        if length < 1 or not self._abi.value_is_string(values):
            raise TypeError("a string is needed")
        size = self._abi.string_utf8_length(values, isolate)
        buffer = self._abi.array_buffer_new(isolate, size, 0)
        if size:
            flags = v8.NO_NULL_TERMINATION | v8.REPLACE_INVALID_UTF8
            self._abi.string_write_utf8(
                values, isolate, self._abi.array_buffer_data(buffer), size, None, flags
            )
        c.c_uint64.from_address(result).value = c.c_uint64.from_address(buffer).value

    def _utf8_decode(self, isolate: int, values: int, length: int, result: int) -> None:
        address, size = self._view(values, length)
        string = self._abi.string_from_utf8_at(isolate, address or None, 0, size)
        if not string:
            raise ValueError(f"{size} bytes are more than a string can hold")
        c.c_uint64.from_address(result).value = c.c_uint64.from_address(string).value

    def _now(self, isolate: int, _values: int, _length: int, result: int) -> None:
        number = self._abi.number_new(isolate, self._epoch_ms + time.monotonic() * 1000)
        c.c_uint64.from_address(result).value = c.c_uint64.from_address(number).value

    def _is_proxy(self, isolate: int, values: int, length: int, result: int) -> None:
        is_proxy = length > 0 and self._abi.value_is_proxy(values)
        number = self._abi.integer_new(isolate, int(is_proxy))
        c.c_uint64.from_address(result).value = c.c_uint64.from_address(number).value

    def _source(self, isolate: int, values: int, length: int, result: int) -> None:
        if length < 1:
            raise TypeError("a string is needed")
        text = self._scripts.get(self._text(isolate, values), b"")
        string = self._abi.string_from_utf8(isolate, text, 0, len(text))
        c.c_uint64.from_address(result).value = c.c_uint64.from_address(string).value

    def _hash(self, isolate: int, values: int, length: int, result: int) -> None:
        """Hash the first argument's bytes; with a third, of which the bytes are a key, it is an HMAC.

        OpenSSL works on V8's memory, and without the interpreter's lock.
        """
        if length < 2:
            raise TypeError("bytes and the name of a hash are needed")
        data, name = self._memory(values, length), self._text(isolate, values + 8)
        if length == 2:
            digest = hashlib.new(name, data).digest()
        else:
            digest = hmac.digest(bytes(self._memory(values + 16, 1)), data, name)
        buffer = self._abi.array_buffer_new(isolate, len(digest), 0)
        c.memmove(self._abi.array_buffer_data(buffer), digest, len(digest))
        c.c_uint64.from_address(result).value = c.c_uint64.from_address(buffer).value

    def _codec(self, isolate: int, values: int, length: int, result: int) -> None:
        """Call one of :class:`Codecs`' methods: its name, then its arguments; bytes come back as an ArrayBuffer, if there are any.

        ``open`` has the direction and the encoding in one argument. zlib works on V8's memory, and without the
        interpreter's lock.
        """
        realm = self._isolates[isolate].realm
        if length < 2 or realm is None:
            raise TypeError("the name of what to do and its argument are needed")
        if realm.codecs is None:
            realm.codecs = Codecs(self._codec_numbers)
        codecs, method = realm.codecs, self._text(isolate, values)
        if method == "open":
            direction, _, encoding = self._text(isolate, values + 8).partition(" ")
            number = self._abi.integer_new(isolate, codecs.open(direction, encoding))
            c.c_uint64.from_address(result).value = c.c_uint64.from_address(number).value
            return
        number = self._abi.integer_value(values + 8)
        data = b""
        match method:
            case "feed":
                data = codecs.feed(number, memoryview(self._memory(values + 16, length - 2)))
            case "more":
                data = codecs.more(number)
            case "finish":
                data = codecs.finish(number)
            case _:
                codecs.close(number)
        if data:
            buffer = self._abi.array_buffer_new(isolate, len(data), 0)
            c.memmove(self._abi.array_buffer_data(buffer), data, len(data))
            c.c_uint64.from_address(result).value = c.c_uint64.from_address(buffer).value
