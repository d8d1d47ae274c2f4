"""A copy of the tree that holds many mutants, built once, each of them run by its number."""

import json
import os
import pathlib
import resource
import shutil
import subprocess

from .source import functions, weave

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# The library's own tests and those that judge more than one module. What starts processes, or compiles, is left out.
TARGETS = {
    "attest-core": ["--lib", "--test", "lies", "--test", "boots_*", "--test", "causes", "--test", "predict", "--test", "corpus"],
    "attest-server": ["--lib", "--test", "server", "--test", "signer", "--test", "authority"],
}
SWITCH = """
/// Which mutant runs.
#[doc(hidden)]
pub fn mutant() -> u32 {
    static MUTANT: std::sync::OnceLock<u32> = std::sync::OnceLock::new();
    *MUTANT.get_or_init(|| std::env::var("MUTANT").ok().and_then(|number| number.parse().ok()).unwrap_or(0))
}
"""
# Tests of a mutant that allocates without end, or never ends, are stopped.
MEMORY = 4 << 30
SECONDS = 120


class Build:
    def __init__(self, package, mutants):
        self.package, self.mutants = package, {m.number: m for m in mutants}
        self.dropped = set()
        self.home = ROOT / "target" / "mutation" / package
        self.tree = self.home / "tree"
        self.environment = os.environ | {
            "ATTEST_SHARED": os.environ.get("ATTEST_SHARED", str(ROOT.parent / "shared")),
            "CARGO_INCREMENTAL": "0",
            "CARGO_PROFILE_DEV_DEBUG": "0",
            # Built once, run thousands of times.
            "CARGO_PROFILE_DEV_OPT_LEVEL": "1",
            "CARGO_TARGET_DIR": str(self.home / "target"),
            "CARGO_TERM_COLOR": "never",
            "PROPTEST_FAILURE_PERSISTENCE": "off",
            # What a compiler or lint denies in a mutant is no matter, only what it cannot compile.
            "RUSTFLAGS": "--cap-lints=allow",
        }
        self.owners = {}
        # Where `const` stands before functions of other files that call what is no longer constant.
        self.plain = {}

    def copy(self):
        shutil.rmtree(self.tree, ignore_errors=True)
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        for name in filter(None, subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.split(b"\0")):
            source, target = ROOT / os.fsdecode(name), self.tree / os.fsdecode(name)
            if source.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)
        switch = self.tree / self.package / "src" / "lib.rs"
        switch.write_text(switch.read_text() + SWITCH)

    def write(self):
        """Weaves what was not dropped into the copy; files that need no change keep their time."""
        for file in {m.file for m in self.mutants.values()}:
            original = (ROOT / file).read_text()
            some = [m for m in self.mutants.values() if m.file == file and m.number not in self.dropped]
            woven, self.owners[file] = weave(original, some)
            if file.endswith("/src/lib.rs"):
                woven += SWITCH
            if (self.tree / file).read_text() != woven:
                (self.tree / file).write_text(woven)
        for file, places in self.plain.items():
            text = (ROOT / file).read_text()
            for at in places:
                text = text[:at] + " " * len("const") + text[at + len("const") :]
            (self.tree / file).write_text(text)

    def cargo(self, *words):
        done = subprocess.run(
            ["cargo", *words, "-p", self.package, "--message-format=json"], cwd=self.tree, env=self.environment, capture_output=True, text=True
        )
        messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        return done.returncode == 0, messages, done.stderr

    def blamed(self, messages):
        """The mutants in whose lines an error stands."""
        numbers = set()
        for message in messages:
            if message.get("reason") == "compiler-message" and message["message"]["level"] == "error":
                spans = list(message["message"]["spans"])
                while spans:
                    span = spans.pop()
                    lines = self.owners.get(span["file_name"], [])
                    for line in range(span["line_start"], span["line_end"] + 1):
                        numbers.add(lines[line - 1] if line <= len(lines) else None)
                    if span["expansion"]:
                        spans.append(span["expansion"]["span"])
        return numbers - {None}

    def constant_callers(self, messages):
        """Notes the constant functions of other files that cannot be constant any more; whether there is a new one."""
        known = sum(map(len, self.plain.values()))
        woven = {m.file for m in self.mutants.values()}
        for message in messages:
            error = message.get("message")
            if message.get("reason") != "compiler-message" or (error["code"] or {}).get("code") != "E0015":
                continue
            for span in error["spans"]:
                if span["is_primary"] and span["file_name"] not in woven:
                    text = (ROOT / span["file_name"]).read_text()
                    at = sum(map(len, text.splitlines(keepends=True)[: span["line_start"] - 1])) + span["column_start"] - 1
                    holders = [f for f in functions(text) if f.const is not None and f.holds(at, at)]
                    self.plain.setdefault(span["file_name"], set()).update(f.const for f in holders[-1:])
        return sum(map(len, self.plain.values())) > known

    def compile(self, targets):
        """Builds the tests without the mutants that do not compile, and returns their programs: (name, path)."""
        self.copy()
        self.write()
        while True:
            good, messages, errors = self.cargo("check", "--lib")
            if good:
                good, messages, errors = self.cargo("test", "--no-run", *targets)
            if good:
                break
            if self.constant_callers(messages):
                self.write()
                continue
            blamed = self.blamed(messages)
            if not blamed:
                texts = [m["message"]["rendered"] for m in messages if m.get("reason") == "compiler-message" and m["message"]["level"] == "error"]
                raise SystemExit("\n".join(texts[:5]) + errors)
            print(f"{len(blamed)} mutants do not compile", flush=True)
            self.dropped |= blamed
            self.write()
        return self.programs(messages)

    def alone(self, mutant, targets):
        """Builds the tests with one mutant in place of the text: for what is in no function. None if it does not compile."""
        path = self.tree / mutant.file
        before, original = path.read_text(), (ROOT / mutant.file).read_text()
        switch = SWITCH if mutant.file.endswith("/src/lib.rs") else ""
        path.write_text(original[: mutant.start] + mutant.put + original[mutant.end :] + switch)
        good, messages, _ = self.cargo("test", "--no-run", *targets)
        path.write_text(before)
        return self.programs(messages) if good else None

    @staticmethod
    def programs(messages):
        made = [m for m in messages if m.get("reason") == "compiler-artifact" and m.get("executable") and m["profile"]["test"]]
        return [(m["target"]["name"], m["executable"]) for m in made]

    def run(self, program, number, words):
        """Runs a program's tests against a mutant: the first test that fails, `timeout`, `crash`, or None."""
        process = subprocess.Popen(
            [program, *words],
            cwd=self.tree / self.package,
            env=self.environment | {"MUTANT": str(number), "PROPTEST_CASES": "32", "RUST_BACKTRACE": "0"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            preexec_fn=limit,
        )
        try:
            for line in process.stdout:
                if line.rstrip().endswith("... FAILED"):
                    return line.removeprefix("test ").split(" ...")[0]
            code = process.wait()
        finally:
            process.kill()
            process.wait()
        if code == 0:
            return None
        return "timeout" if code == -24 else "crash"


def limit():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
