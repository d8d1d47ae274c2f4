"""DSSE as securesystemslib (PyPI) does it, for attest-core/tests/dsse_python.rs.

    dsse.py make FOLDER     signs FOLDER/payload as PAYLOAD_TYPE with keys of its own: KIND.pem and KIND.json for each kind, and all.json
    dsse.py verify FOLDER   judges each FOLDER/*.case (an envelope and a key in PEM): one line each, its name and `good` or why not
"""

import json
import pathlib
import sys

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.signer import CryptoSigner, SSlibKey

PAYLOAD_TYPE = "application/vnd.in-toto+json"


def make(folder):
    payload = (folder / "payload").read_bytes()
    private = {
        "ed25519": ed25519.Ed25519PrivateKey.generate(),
        "p256": ec.generate_private_key(ec.SECP256R1()),
        "p384": ec.generate_private_key(ec.SECP384R1()),
        "p521": ec.generate_private_key(ec.SECP521R1()),
    }
    every = Envelope(payload, PAYLOAD_TYPE, {})
    for kind, key in private.items():
        pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (folder / f"{kind}.pem").write_bytes(pem)
        one = Envelope(payload, PAYLOAD_TYPE, {})
        for envelope in (one, every):
            envelope.sign(CryptoSigner(key))
        (folder / f"{kind}.json").write_text(json.dumps(one.to_dict()))
    (folder / "all.json").write_text(json.dumps(every.to_dict(), indent=2))


def judge(case):
    key = SSlibKey.from_crypto(load_pem_public_key(case["key"].encode()))
    # Its signatures are looked up by keyid, which DSSE makes a hint.
    for signature in case["envelope"]["signatures"]:
        signature["keyid"] = key.keyid
    try:
        Envelope.from_dict(case["envelope"]).verify([key], 1)
        return "good"
    except Exception as error:
        return f"{type(error).__name__}: {error}".replace("\n", " ")


def verify(folder):
    for file in sorted(folder.glob("*.case")):
        print(file.stem, judge(json.loads(file.read_text())))


{"make": make, "verify": verify}[sys.argv[1]](pathlib.Path(sys.argv[2]))
