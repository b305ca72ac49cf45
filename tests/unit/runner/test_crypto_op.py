"""The crypto op: primitives that agree with other users of them, and what one tenant may take of the runner's threads."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)

import runner.crypto.actions as crypto_actions
from runner.crypto.arguments import Aes, Agree, Args, Export, Generate, Import, Oaep, Sign, Verify
from runner.errors import OpError, ViolationError
from runner.ops.crypto import Crypto
from tests.unit.runner.fake_lane import OK, connect, deployment

if TYPE_CHECKING:
    from collections.abc import Callable

    from runner.crypto.arguments import Kind, Scheme
    from tests.unit.runner.fake_lane import Bench

SCHEMES: list[tuple[Kind, Scheme]] = [
    ("RSA", "RSASSA-PKCS1-v1_5"),
    ("RSA", "RSA-PSS"),
    ("P-256", "ECDSA"),
    ("P-384", "ECDSA"),
    ("P-521", "ECDSA"),
    ("Ed25519", "Ed25519"),
]


def act(make: Callable[..., Args], *parts: bytes, **arguments: Any) -> Any:
    """Perform an action; its value, or the attachment when it has none, or the parts when it has sizes."""
    args = make(sizes=[len(part) for part in parts], **arguments)
    value, attachment = crypto_actions.perform(args, b"".join(parts))
    if not isinstance(value, dict):
        return attachment if value is None else value
    divided, start = [], 0
    for size in value["sizes"]:
        divided.append(attachment[start : start + size])
        start += size
    return divided


def pair(kind: Kind) -> list[bytes]:
    made: list[bytes] = act(Generate, kind=kind, bits=2048, exponent=65537)
    return made


@pytest.mark.parametrize(("kind", "scheme"), SCHEMES)
def test_a_signature_is_good_for_its_data_alone(kind: Kind, scheme: Scheme) -> None:
    public, private = pair(kind)
    how = {"kind": kind, "scheme": scheme, "hash": "SHA-256", "salt": 20}
    signature = act(Sign, private, b"data", **how)
    assert act(Verify, public, signature, b"data", **how) is True
    assert act(Verify, public, signature, b"Data", **how) is False
    assert act(Verify, public, signature[:-1], b"data", **how) is False
    assert act(Verify, public, b"", b"data", **how) is False


@pytest.mark.parametrize("kind", ["RSA", "P-256", "P-384", "P-521", "Ed25519", "X25519"])
def test_a_key_survives_being_a_jwk(kind: Kind) -> None:
    for key, private in zip(pair(kind), (False, True), strict=True):
        numbers = act(Export, key, kind=kind, private=private)
        assert act(Import, *numbers, kind=kind, format="jwk")[0] == key
        again = act(Import, key, kind=kind, format="pkcs8" if private else "spki")
        assert again[0] == key


def test_signatures_are_what_others_make_and_read() -> None:
    """RSA-PSS and ECDSA are checked with the library's own calls."""
    public, private = pair("RSA")
    how = {"kind": "RSA", "scheme": "RSA-PSS", "hash": "SHA-384", "salt": 48}
    key = load_der_public_key(public)
    assert isinstance(key, rsa.RSAPublicKey)
    pss = padding.PSS(padding.MGF1(hashes.SHA384()), 48)
    key.verify(act(Sign, private, b"x", **how), b"x", pss, hashes.SHA384())

    owned = ec.generate_private_key(ec.SECP521R1())
    r, s = decode_dss_signature(owned.sign(b"x", ec.ECDSA(hashes.SHA512())))
    spki = owned.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    signature = r.to_bytes(66, "big") + s.to_bytes(66, "big")
    how = {"kind": "P-521", "scheme": "ECDSA", "hash": "SHA-512"}
    assert act(Verify, spki, signature, b"x", **how) is True


def test_two_owners_agree_and_others_do_not() -> None:
    for kind in ("P-256", "P-384", "P-521", "X25519"):
        (mine, my), (yours, your) = pair(kind), pair(kind)
        assert act(Agree, my, yours, kind=kind) == act(Agree, your, mine, kind=kind)
        assert act(Agree, my, mine, kind=kind) != act(Agree, my, yours, kind=kind)


def test_a_public_key_of_small_order_gives_no_secret() -> None:
    _, private = pair("X25519")
    [zero] = act(Import, bytes(32), kind="X25519", format="raw")
    with pytest.raises(OpError) as refused:
        act(Agree, private, zero, kind="X25519")
    assert refused.value.name == "OperationError"


def test_oaep_opens_what_others_have_sealed() -> None:
    public, private = pair("RSA")
    key = load_der_public_key(public)
    assert isinstance(key, rsa.RSAPublicKey)
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), b"label")
    sealed = key.encrypt(b"secret", oaep)
    how = {"direction": "decrypt", "hash": "SHA-256"}
    assert act(Oaep, private, b"label", sealed, **how) == b"secret"
    with pytest.raises(OpError, match="RSA-OAEP: the decryption failed"):
        act(Oaep, private, b"other", sealed, **how)


def test_gcm_opens_what_others_have_sealed() -> None:
    key, iv, data = os.urandom(32), os.urandom(12), os.urandom(1000)
    sealed = AESGCM(key).encrypt(iv, data, b"extra")
    how = {"mode": "GCM", "bits": 128}
    assert act(Aes, key, iv, b"extra", data, direction="encrypt", **how) == sealed
    assert act(Aes, key, iv, b"extra", sealed, direction="decrypt", **how) == data


@pytest.mark.parametrize("bits", [1, 2, 7, 8, 31, 64, 127, 128])
def test_a_counter_wraps_around_in_its_bits(bits: int) -> None:
    """Each block is the cipher's of the counter as it should be then."""
    key, blocks = os.urandom(16), min(1 << bits, 5)
    first = (1 << 128) - 2
    stream = act(
        Aes,
        key,
        first.to_bytes(16, "big"),
        b"",
        bytes(16 * blocks),
        mode="CTR",
        direction="encrypt",
        bits=bits,
    )
    mask = (1 << bits) - 1
    for number in range(blocks):
        counter = (first & ~mask) | ((first + number) & mask)
        block = act(
            Aes,
            key,
            counter.to_bytes(16, "big"),
            b"",
            bytes(16),
            mode="CTR",
            direction="encrypt",
            bits=128,
        )
        assert stream[16 * number : 16 * number + 16] == block


def test_a_private_key_of_which_the_numbers_do_not_fit_is_refused() -> None:
    key = rsa.generate_private_key(65537, 2048).private_numbers()
    public = key.public_numbers
    numbers = [public.n, public.e, key.d, key.p, key.q, key.dmp1, key.dmq1, key.iqmp]

    def read(values: list[int]) -> Any:
        parts = [value.to_bytes((value.bit_length() + 7) // 8 or 1, "big") for value in values]
        return act(Import, *parts, kind="RSA", format="jwk")

    assert len(read(numbers)) == 2
    for place in range(len(numbers)):
        for change in (2, -2, -numbers[place]):
            wrong = list(numbers)
            wrong[place] += change
            with pytest.raises(OpError) as refused:
                read(wrong)
            assert refused.value.name == "DataError"


def test_keys_of_another_kind_are_refused() -> None:
    made = {kind: pair(kind) for kind in ("RSA", "P-256", "P-384", "Ed25519", "X25519")}
    for kind, (public, private) in made.items():
        for other in set(made) - {kind}:
            for key, form in ((public, "spki"), (private, "pkcs8")):
                with pytest.raises(OpError) as refused:
                    act(Import, key, kind=other, format=form)
                assert refused.value.name == "DataError"


def test_an_exponent_that_would_take_long_is_refused() -> None:
    numbers = rsa.generate_private_key(65537, 2048).public_key().public_numbers()
    big = rsa.RSAPublicNumbers((1 << 65) + 1, numbers.n).public_key()
    spki = big.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(OpError, match="no public key for RSA"):
        act(Import, spki, kind="RSA", format="spki")


def test_nothing_of_what_is_no_key_is_told() -> None:
    for content in (b"", b"\x30", os.urandom(200), bytes(20_000)):
        for form in ("raw", "spki", "pkcs8"):
            with pytest.raises(OpError) as refused:
                act(Import, content, kind="P-256", format=form)
            assert refused.value.name == "DataError"


def test_parts_that_are_none_of_the_attachment_are_a_violation() -> None:
    for sizes, attachment in (([5], b""), ([1], b"12"), ([], b"1")):
        with pytest.raises(ViolationError):
            crypto_actions.perform(Import(sizes, "P-256", "raw"), attachment)
    with pytest.raises(ViolationError):
        crypto_actions.perform(Agree([1], "P-256"), b"1")


def test_a_private_key_behind_a_password_is_refused() -> None:
    key = load_der_private_key(pair("P-256")[1], None)
    locked = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    with pytest.raises(OpError, match="no private key for P-256"):
        act(Import, locked, kind="P-256", format="pkcs8")


# --- the op ------------------------------------------------------------------------------------------------------------

HASH = {"action": "generate", "kind": "Ed25519", "sizes": []}


async def opened(crypto: Crypto) -> Bench:
    return await connect({"crypto": crypto})


def ask(bench: Bench, execution: Any, number: int, args: dict[str, Any]) -> None:
    record = ["op", number, "crypto", args]
    bench.lane.turn(execution.number, [record])


async def answer(bench: Bench, number: int) -> list[Any]:
    def found() -> list[Any] | None:
        for record, _ in bench.lane.records():
            if record[0] in {"resolve", "reject"} and record[1] == number:
                return record
        return None

    record: list[Any] = await bench.lane.wait_for(found)
    return record


def keep(lane: Any, start: Any) -> None:
    """Leave the execution open."""


async def test_an_answer_has_its_parts_attached() -> None:
    crypto = Crypto()
    bench = await opened(crypto)
    bench.lane.on_start = keep
    execution = bench.start()
    ask(bench, execution, 1, HASH)
    record = await answer(bench, 1)
    assert record[:3] == ["resolve", 1, {"sizes": [44, 48]}]
    bench.lane.turn(execution.number, outcome=OK)
    await execution.ended()
    assert crypto._used_s == {}
    await bench.close()
    await crypto.close()


async def test_an_execution_has_so_much_time_for_cryptography() -> None:
    """What it has used counts in the ops that follow, and only its own."""
    crypto = Crypto()
    bench = await opened(crypto)
    bench.lane.on_start = keep
    first, second = bench.start(), bench.start()
    ask(bench, first, 1, HASH)
    await answer(bench, 1)
    crypto._used_s[first] = 2.0
    ask(bench, first, 2, HASH)
    record = await answer(bench, 2)
    assert record[2]["name"] == "OperationError"
    assert "used its 2 s of CPU time" in record[2]["message"]
    bench.lane.messages.clear()
    ask(bench, second, 1, HASH)
    assert (await answer(bench, 1))[0] == "resolve"
    await bench.close()
    await crypto.close()


async def test_a_tenant_has_one_thread_and_leaves_others_to_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While one op of a tenant runs its next one waits, another tenant's does not."""
    go, running = threading.Event(), []
    perform = crypto_actions.perform

    def slow(args: Args, attachment: bytes) -> Any:
        running.append(threading.current_thread().name)
        if len(running) == 1:
            go.wait(20)
        return perform(args, attachment)

    monkeypatch.setattr(crypto_actions, "perform", slow)
    crypto = Crypto()
    bench = await opened(crypto)
    bench.lane.on_start = keep
    mine, other = bench.start(), bench.start(deployment(tenant="other"))
    ask(bench, mine, 1, HASH)
    ask(bench, mine, 2, HASH)
    bench.lane.turn(other.number, [["op", 1, "crypto", HASH]])
    assert (await answer(bench, 1))[0] == "resolve"
    assert len(running) == 2
    go.set()
    assert (await answer(bench, 2))[0] == "resolve"
    assert len(running) == 3
    await bench.close()
    await crypto.close()


async def test_an_op_that_is_given_up_keeps_its_turn_until_its_thread_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun, go, running = asyncio.Event(), threading.Event(), []
    loop = asyncio.get_running_loop()
    perform = crypto_actions.perform

    def slow(args: Args, attachment: bytes) -> Any:
        running.append(args)
        loop.call_soon_threadsafe(begun.set)
        if len(running) == 1:
            go.wait(20)
        return perform(args, attachment)

    monkeypatch.setattr(crypto_actions, "perform", slow)
    crypto = Crypto()
    bench = await opened(crypto)
    bench.lane.on_start = keep
    execution = bench.start()
    ask(bench, execution, 1, HASH)
    await begun.wait()
    bench.lane.turn(execution.number, [["abort", 1], ["op", 2, "crypto", HASH]])
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(running) == 1
    go.set()
    assert (await answer(bench, 2))[0] == "resolve"
    await bench.close()
    await crypto.close()


async def test_arguments_of_another_shape_are_a_violation() -> None:
    crypto = Crypto()
    for args in ({"action": "steal", "sizes": []}, {"action": "generate", "sizes": []}, {}):
        bench = await opened(crypto)
        bench.lane.on_start = keep
        ask(bench, bench.start(), 1, args)
        while not bench.host.ended:
            await asyncio.sleep(0)
        assert json.dumps(bench.host.ended)
        await bench.close()
    await crypto.close()
