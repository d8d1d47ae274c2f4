"""Signed files held against Python's cwt: `forms.py FOLDER` verifies each `*.case` (JSON) and prints its name and `good` or `bad`.

A case has a COSE_Sign1, a key (PEM), its algorithm, and for a detached payload the payload, each in base64 but the last two."""

import base64
import json
import pathlib
import sys

from cwt import COSE, COSEKey


def judge(case):
    key = COSEKey.from_pem(case["key"], alg=case["alg"])
    detached = base64.b64decode(case["payload"]) if case["payload"] is not None else None
    payload = COSE.new().decode(base64.b64decode(case["message"]), key, detached_payload=detached)
    return payload == (detached if detached is not None else base64.b64decode(case["expected"]))


for path in sorted(pathlib.Path(sys.argv[1]).glob("*.case")):
    case = json.loads(path.read_text())
    try:
        good = judge(case)
    except Exception as error:
        good = False
        print(f"{path.stem}: {error}", file=sys.stderr)
    print(path.stem, "good" if good else "bad")
