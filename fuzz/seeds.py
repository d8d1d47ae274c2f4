#!/usr/bin/env python3
"""Fills fuzz/corpus with seeds: what real boots left behind, and small samples of what they did not. All of it comes from tests/fixtures and
fuzz/seeds; `attest` (the command line, as arguments) makes the documents. Standard library only."""

import base64
import json
import pathlib
import struct
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "tests/fixtures"
BOOTS = FIXTURES / "boots"
CHANGES = FIXTURES / "changes"
SEEDS = ROOT / "fuzz/seeds"
CORPUS = ROOT / "fuzz/corpus"
# What stands between the parts of an input of logs_of_a_bad_boot.
BETWEEN = b"\0--next part--\0"
# The nonce in fuzz/seeds/claims.
NONCE = b"\x5a" * 32


def seed(target, name, content):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"seed-{name}").write_bytes(content.encode() if isinstance(content, str) else content)


def seed_files(target, files):
    for file in files:
        seed(target, "-".join(file.relative_to(ROOT).parts[2:]), file.read_bytes())


def found(folder, *patterns):
    files = sorted(file for pattern in patterns for file in folder.glob(pattern))
    assert files, f"{folder}: nothing like {patterns}"
    return files


def canonical_event_logs():
    """One record in each encoding of a canonical event log."""
    digest = bytes(32)

    def tlv(kind, value):
        return bytes([kind]) + struct.pack(">I", len(value)) + value

    yield "tlv", tlv(0, b"\0") + tlv(1, b"\x0b") + tlv(3, tlv(11, digest)) + tlv(5, tlv(0, b"\x0d") + tlv(1, b"x"))
    content = {"event_type": "EV_IPL", "event_data": "78"}
    digests = [{"hashAlg": "sha256", "digest": digest.hex()}]
    yield "json", json.dumps([dict(recnum=0, pcr=11, digests=digests, content_type="pcclient_std", content=content)])
    yield "cbor", bytes.fromhex("81a50000010b0381a2000b015820") + digest + bytes.fromhex("09050aa2000d014178")


def cbor_bytes(value):
    size = len(value)
    return (bytes([0x40 | size]) if size < 24 else bytes([0x58, size]) if size < 256 else b"\x59" + struct.pack(">H", size)) + value


def cbor_text(value):
    encoded = bytearray(cbor_bytes(value.encode()))
    encoded[0] |= 0x20
    return bytes(encoded)


def base64url(value):
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def tokens():
    """Well-formed tokens in each form and wrapper. Nobody signed them."""
    for file in found(SEEDS / "claims", "*"):
        claims, name = file.read_bytes(), file.name
        parts = b"\x84" + cbor_bytes(b"\xa1\x01\x26") + b"\xa0" + cbor_bytes(claims) + cbor_bytes(bytes(64))
        cwt = b"\xd2" + parts
        yield f"cwt-{name}", cwt
        yield f"cwt-tag-61-{name}", b"\xd8\x3d" + cwt
        yield f"cwt-untagged-{name}", parts
        # CMW records (RFC 9999) and a detached bundle (RFC 9711, section 5).
        yield f"cmw-json-{name}", json.dumps(["application/eat+cwt", base64url(cwt)])
        yield f"cmw-cbor-{name}", b"\x82\x73application/eat+cwt" + cbor_bytes(cwt)
        yield f"cmw-collection-{name}", json.dumps({"rot": ["application/eat+cwt", base64url(cwt)]})
        # Tokens in tokens (RFC 9711, section 4.2.18.3): CBOR in CBOR, a JSON selector as text, and one as JSON.
        for form, nested in (("cbor", cbor_bytes(cwt)), ("text", cbor_text(json.dumps(["CBOR", base64url(cwt)])))):
            outer = b"\xa1\x19\x01\x0a\xa1\x62se" + nested
            outer = b"\xd2\x84" + cbor_bytes(b"\xa1\x01\x26") + b"\xa0" + cbor_bytes(outer) + cbor_bytes(bytes(64))
            yield f"nested-{form}-{name}", outer
        yield f"bundle-{name}", b"\xd9\x02\x5a\x82" + cbor_bytes(cwt) + b"\xa1\x61x" + cbor_bytes(claims)
    header = base64url(b'{"alg":"ES256","typ":"eat+jwt"}')
    claims = {
        "eat_nonce": base64url(NONCE), "ueid": base64url(b"\1" + bytes(16)), "iat": 1_700_000_000, "exp": 1_900_000_000,
        "dbgstat": "disabled-permanently", "oemboot": True, "swname": "firmware", "swversion": ["1.2.3", "semver"],
        "submods": {"cpu": {"dbgstat": "enabled"}, "digest": ["DIGEST", ["sha-256", base64url(bytes(32))]]},
        "measres": [["one", [["boot", "success"]]]], "cnf": {"jwk": {"kty": "OKP"}},
    }
    jwt = ".".join([header, base64url(json.dumps(claims).encode()), base64url(bytes(64))])
    yield "jwt", jwt
    inner = base64url(json.dumps({"submods": {"se": ["JWT", jwt], "bundle": ["BUNDLE", [["JWT", jwt], {}]]}}).encode())
    yield "nested-jwt", ".".join([header, inner, base64url(bytes(64))])
    yield "cmw-jwt", json.dumps(["application/eat+jwt", base64url(jwt.encode())])
    yield "bundle-jwt", json.dumps([["JWT", jwt], {}])


def keys():
    coordinate = base64url(bytes(range(32)))
    yield "jwk", json.dumps(dict(kty="EC", crv="P-256", x=coordinate, y=coordinate, alg="ES256", use="sig"))
    yield "jwk-ed25519", json.dumps(dict(kty="OKP", crv="Ed25519", x=coordinate))
    yield "jwk-rsa", json.dumps(dict(kty="RSA", n=base64url(b"\xc1" * 256), e="AQAB"))
    yield "cose-key", b"\xa4\x01\x02\x20\x01\x21" + cbor_bytes(bytes(range(32))) + b"\x22" + cbor_bytes(bytes(range(32)))


def collections():
    """A quote, its logs and a token in one wrapper, in both encodings; a collection in another."""
    boot, own = BOOTS / "sb-grub", "application/vnd.attest."
    attest = (boot / "quote-ecc.attest").read_bytes()
    quote = struct.pack(">H", len(attest)) + attest + (boot / "quote-ecc.sig").read_bytes()
    token = dict(tokens())["jwt"].encode()
    messages = {
        "q": (own + "tpm2-quote", quote), "l": (own + "tcg-event-log", (boot / "eventlog.bin").read_bytes()[:4096]),
        "i": (own + "ima-list", (boot / "ima.bin").read_bytes()[:512]), "u": (own + "userspace-log", b"\x1e{}\n"),
        "p": (own + "pcr-values+json", json.dumps({"sha256": {"0": "00" * 32}}).encode()), "t": ("application/eat+jwt", token),
    }
    records = {label: [kind, base64url(content)] for label, (kind, content) in messages.items()}
    whole = json.dumps({"__cmwc_t": "urn:attest:cmw:device:1", **records})
    yield "json", whole
    items = [cbor_text(label) + b"\x82" + cbor_text(kind) + cbor_bytes(content) for label, (kind, content) in messages.items()]
    cbor = bytes([0xa0 | len(items)]) + b"".join(items)
    yield "cbor", cbor
    yield "cbor-tagged", b"\xda" + struct.pack(">I", 1_668_547_091) + cbor
    yield "cbor-in-json", json.dumps({"in": ["application/cmw+cbor", base64url(cbor)]})
    yield "json-in-cbor", b"\x82\x74application/cmw+json" + cbor_bytes(whole.encode())


def uefi_values(log):
    """What stands behind the names of variables, and the partition table."""
    for name in ("PK", "KEK", "db", "dbx", "Boot0000", "Boot0001"):
        text, length = name.encode("utf-16le"), struct.pack("<Q", len(name))
        at = log.find(length)
        while at >= 0 and at + 16 <= len(log):
            (size,) = struct.unpack_from("<Q", log, at + 8)
            data = at + 16 + len(text)
            if log[at + 16 : data] == text and size < 65536:
                yield name, log[data : data + size]
                break
            at = log.find(length, at + 1)
    at = log.find(b"EFI PART")
    if at >= 0:
        (size,), (count,) = struct.unpack_from("<I", log, at + 84), struct.unpack_from("<Q", log, at + 92)
        yield "gpt", log[at : at + 100 + count * size]
    yield "sbat", "sbat,1,2025021800\nshim,4\ngrub,5\n"


def overlays():
    header = base64url(b'{"alg":"ES256","typ":"attest-overlay+jwt","kid":""}')
    yield "shape", f"{header}.{base64url(b'{}')}.AA"
    digests = {"sha256": "00" * 32, "sha384": "00" * 48}
    slots = [dict(sequence="boot", pcr=1, slot=slot, component="boot.entry", digests=digests) for slot in (1, 2)]
    yield "payload", json.dumps(dict(
        format="attest-overlay/1", family="fuzz", golden_sha256="$golden", device=dict(ak_name="000b"), issued_at=1_790_000_000,
        expires=1_900_000_000, slots=slots,
    ))


def whole_evidence():
    """Choices, then logs and claims of bad boots: each with and without the values of its PCRs."""
    phase, cmdline, unified = CHANGES / "own-uki-phase", BOOTS / "sb-cmdline", CHANGES / "own-uki"
    for number, boot, other in ((0, cmdline, BOOTS / "sb-grub"), (1, cmdline, BOOTS / "sb-grub"), (2, phase, unified)):
        nonce = bytes.fromhex((boot / "nonce.hex").read_text().strip())
        claims = (SEEDS / "claims/psa").read_bytes().replace(NONCE, nonce)
        userspace = (phase / "userspace.log").read_bytes()
        for which, of in (("own", boot), ("good", other)):
            parts = [(of / "eventlog.bin").read_bytes(), (of / "ima.bin").read_bytes(), userspace, claims]
            told = 0b10111 if number == 2 else 0b10011
            for values in (0, 0b1000):
                choices = number << 5 | told | values
                yield f"{which}-{number}-{choices:08b}", bytes([choices]) + BETWEEN.join(parts)


def endorsements():
    """A maker's CoRIM: reference values of PSA software, with digests by two algorithms."""
    def component(kind, byte):
        digests = b"\x82\x82\x67sha-256" + cbor_bytes(byte * 32) + b"\x82\x67sha-512" + cbor_bytes(byte * 64)
        values = b"\xa4\x00\xa1\x00" + cbor_text("1.2.3") + b"\x02" + digests + b"\x0b" + cbor_text(kind)
        values += b"\x0d\x81\xd9\x02\x30" + cbor_bytes(b"Q" * 32)
        return b"\xa2\x00" + cbor_text("psa.software-component") + b"\x01" + values

    environment = b"\xa1\x00\xa1\x00\xd9\x02\x30" + cbor_bytes(b"\x1d" * 32)
    triples = b"\xa1\x00\x81\x82" + environment + b"\x82" + component("BL", b"\xb1") + component("PRoT", b"\xb2")
    comid = b"\xa2\x01\xa1\x00\x61t\x04" + triples
    profile = b"\xd8\x20" + cbor_text("tag:arm.com,2025:psa#1.0.0")
    return b"\xd9\x01\xf5\xa3\x00\x61i\x01\x81\xd9\x01\xfa" + cbor_bytes(comid) + b"\x03" + profile


def documents(attest):
    """Golden documents as text and as CoRIM."""
    folder = CORPUS / "golden"
    folder.mkdir(parents=True, exist_ok=True)
    (CORPUS / "corim").mkdir(parents=True, exist_ok=True)
    rules = ["--rule", "dbx_at_least", "--rule", "boot_order"]
    boots = {
        "sb-grub": [BOOTS / "sb-grub", rules],
        "own-uki-phase": [CHANGES / "own-uki-phase", ["--userspace-log", str(CHANGES / "own-uki-phase/userspace.log")]],
    }
    for name, (boot, more) in boots.items():
        text, corim = folder / f"seed-{name}", CORPUS / "corim" / f"seed-{name}"
        logs = ["--eventlog", str(boot / "eventlog.bin"), "--ima", str(boot / "ima.bin")]
        run(attest, "golden", "learn", "--family", "fuzz", *logs, *more, "--out", str(text))
        run(attest, "golden", "build", str(text), "--out", str(corim))


def notes():
    """Notes, checkpoints, verifier keys, requests to witnesses and proofs of logging. Nobody known signed them."""
    root = base64.b64encode(bytes(32)).decode()
    signature = base64.b64encode(bytes(4 + 64)).decode()
    cosignature = base64.b64encode(bytes(4 + 8 + 64)).decode()
    lines = f"\u2014 log.example/fuzz {signature}\n\u2014 witness.example {cosignature}\n"
    checkpoint = f"log.example/fuzz\n7\n{root}\n"
    yield "checkpoint", f"{checkpoint}\n{lines}"
    yield "extended", f"{checkpoint}extension\n\n{lines}"
    yield "text", f"text\n\nmore\n\n{lines}"
    yield "request", f"old 5\n{root}\n{root}\n\n{checkpoint}\n{lines}"
    yield "proof", f"c2sp.org/tlog-proof@v1\nextra YQ==\nindex 5\n{root}\n{root}\n\n{checkpoint}\n{lines}"
    yield "key", "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"


def tiles():
    """Paths, and a choice with the bytes of a file behind it."""
    for path in ("tile/0/000", "tile/entries/x001/234.p/17", "tile/1/000.p/2"):
        yield path.replace("/", "-"), path
    bundle = b"".join(struct.pack(">H", len(entry)) + entry for entry in (b"entry %d" % index for index in range(256)))
    yield "bundle", b"\xff" + bundle
    for choice in range(8):
        yield f"hashes-{choice}", bytes([choice]) + bytes(188 * 32)


def ssh_files():
    """Keys, signatures and attestations of OpenSSH, as text and as the bytes in it."""
    for file in found(FIXTURES / "ssh", "*.pub", "*.sig", "*.pem", "*.empty-attestation"):
        content = file.read_bytes()
        yield file.name, content
        if file.suffix == ".pub":
            yield f"{file.name}-blob", base64.b64decode(content.split()[1])
        elif file.suffix == ".sig":
            yield f"{file.name}-blob", base64.b64decode(b"".join(content.splitlines()[1:-1]))


def statement():
    """What a builder says of an artifact whose SHA-256 is all zeros."""
    uri = "git+https://code.example/firmware/gateway@refs/tags/v7"
    return json.dumps(dict(
        _type="https://in-toto.io/Statement/v1", predicateType="https://slsa.dev/provenance/v1",
        subject=[dict(name="gateway.efi", digest=dict(sha256="00" * 32))],
        predicate=dict(
            buildDefinition=dict(
                buildType="https://builder.example/image/v1", externalParameters=dict(path="image.yml"),
                internalParameters=dict(actor="alice"), resolvedDependencies=[dict(uri=uri, digest=dict(gitCommit="7f" * 20))],
            ),
            runDetails=dict(builder=dict(id="https://builder.example/hosted"), metadata=dict(invocationId="run 4711")),
        ),
    ))


def run(*command):
    words = [word for part in command for word in (part if isinstance(part, list) else [part])]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(words)}\n{done.stdout}")


def to_be_signed():
    """Bytes to be signed, of a CoRIM and of a file, in it and beside it."""
    def sig_structure(header, payload):
        return b"\x84\x6aSignature1" + cbor_bytes(header) + b"\x40" + cbor_bytes(payload)

    meta = cbor_bytes(bytes.fromhex("a100a1006178"))
    for file in found(CORPUS / "corim", "seed-*"):
        if file.stat().st_size < 60_000:
            header = bytes.fromhex("a3012603") + cbor_text("application/rim+cbor") + b"\x08" + meta
            yield file.name, sig_structure(header, file.read_bytes())
    yield "detached", sig_structure(bytes.fromhex("a10126"), b"a file")
    yield "envelope", sig_structure(bytes.fromhex("a201261901022f"), bytes(32))


def main(attest):
    seed_files("event_log", found(BOOTS, "*/eventlog.bin") + found(CHANGES, "fw-*/eventlog.bin", "own-uki/eventlog.bin"))
    seed_files("ima_list", found(BOOTS, "*/ima.*") + found(FIXTURES, "ima-signatures/*.sig"))
    seed_files("tpm", found(BOOTS, "*/*.attest", "*/*.sig", "*/*.pub", "*/*.pem") + found(FIXTURES, "signatures/*.sig", "signatures/*.der"))
    seed_files("certificate", found(BOOTS, "*/*.crt", "*/*.pem", "*/ek-ca/*.pem", "*/*.pub"))
    for target in ("userspace_log", "cel"):
        seed_files(target, found(CHANGES, "*/userspace.log"))
        for name, log in canonical_event_logs():
            seed(target, name, log)
    for target in ("eat", "token"):
        for name, token in [*tokens(), *keys()]:
            seed(target, name, token)
    for name, collection in collections():
        seed("collection", name, collection)
    for file in found(SEEDS / "claims", "*"):
        seed("claims", file.name, file.read_bytes())
    for file in found(SEEDS / "pe", "*"):
        seed("pe", file.name, file.read_bytes())
        for base, part in ((0, 0), (0, 4), (1, 2)):
            choice = base | part << 1
            seed("predict", f"{part}-{file.name}", bytes([choice]) + file.read_bytes())
    seed("predict", "cmdline", bytes([16 << 1]) + b"/vmlinuz root=/dev/sda2 ro quiet")
    seed("predict", "rename", bytes([32 << 1 | 16]) + b"vmlinuz\nvmlinuz-6.1.0-31")
    for name, overlay in overlays():
        seed("overlay", name, overlay)
    for target, samples in (("note", notes()), ("tile", tiles())):
        for name, sample in samples:
            seed(target, name, sample)
    for name, value in uefi_values((BOOTS / "sb-grub/eventlog.bin").read_bytes()):
        seed("uefi_values", name, value)
    for name, evidence in whole_evidence():
        seed("logs_of_a_bad_boot", name, evidence)
    seed("policy", "policy", 'format = "attest-policy/1"\nmust_judge = [0, 4, 7]\nclock_unsafe = "refuse"\n')
    judged = dict(document_sha256="", required_found=[], by_path=[], measured_keys=[], reasons=[])
    banks = [dict(alg="sha256", padded=False, pcrs=[[10, "sha256:" + "00" * 32]])]
    checkpoint = dict(
        ak_name="000b", reset_count=1, restart_count=0, selection=[["sha256", 1024]], entries=3, bytes=325, hash_size=20,
        covered=3, banks=banks, boot_aggregate="missing", judged=judged,
    )
    seed("policy", "checkpoint", json.dumps(checkpoint))
    for name, content in ssh_files():
        seed("ssh", name, content)
    seed("provenance", "statement", statement())
    envelope = dict(
        payloadType="application/vnd.in-toto+json", payload=base64.b64encode(statement().encode()).decode(),
        signatures=[dict(keyid="", sig=base64.b64encode(bytes(64)).decode())],
    )
    seed("provenance", "envelope", json.dumps(envelope))
    for file in found(SEEDS / "release", "*"):
        seed("release", file.name, file.read_bytes())
    seed("corim", "endorsements", endorsements())
    documents(attest)
    for file in found(SEEDS / "pe", "*"):
        seed("forms", file.name, file.read_bytes())
    for name, content in to_be_signed():
        seed("forms", name, content)


main(sys.argv[1:])
