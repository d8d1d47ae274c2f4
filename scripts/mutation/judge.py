"""Asks the tests about each mutant: those that are near it or noticed its neighbours first, the slow ones last."""

import collections
import concurrent.futures
import os
import re
import subprocess

# Tests that take longer than this, as they are, run only against what all the others let pass.
SLOW = 0.3
# So many tests that noticed other mutants of the file are asked before all.
NEIGHBOURS = 10


class Judge:
    def __init__(self, build, programs, measured=True, quick=False):
        self.build, self.quick = build, quick
        # The library's own tests first: they are nearest.
        programs = sorted(programs, key=lambda p: p[0] != build.package.replace("-", "_"))
        self.programs = [path for _, path in programs]
        self.slow = {path: self.measure(name, path) if measured else [] for name, path in programs}
        self.noticed = collections.defaultdict(collections.Counter)

    def measure(self, name, path):
        """The slow tests of a program; all of them must pass as they are."""
        command = [path, "-Zunstable-options", "--report-time"]
        environment = self.build.environment | {"RUSTC_BOOTSTRAP": "1", "PROPTEST_CASES": "32"}
        done = subprocess.run(command, cwd=self.build.tree / self.build.package, env=environment, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{done.stdout}\n{name}: the tests fail as they are")
        times = re.findall(r"^test (\S+).* \.\.\. ok <([\d.]+)s>$", done.stdout, re.MULTILINE)
        return [test for test, seconds in times if float(seconds) > SLOW]

    def fail_as_they_are(self, filters):
        """Those of the filters whose tests fail without any mutant: nothing that they say of one counts."""
        return [words for words in sorted(filters) if any(self.build.run(path, 0, list(words)) for path in self.programs)]

    def stages(self, mutant):
        file = mutant.file
        if mutant.near:
            for path in self.programs:
                yield path, list(mutant.near)
        for path in self.programs:
            near = [test for (program, test), _ in self.noticed[file].most_common(NEIGHBOURS) if program == path]
            if near:
                yield path, ["--exact", *near]
        module = "::".join(file.split("/src/")[1].removesuffix(".rs").removesuffix("/mod").split("/")[:2])
        skipped = {path: [word for test in self.slow[path] for word in ("--skip", test)] for path in self.programs}
        yield self.programs[0], [module, *skipped[self.programs[0]]]
        for path in self.programs:
            yield path, skipped[path]
        for path in self.programs:
            if self.slow[path] and not self.quick:
                yield path, ["--exact", *self.slow[path]]

    def one(self, mutant):
        """What noticed the mutant, or None."""
        for path, words in self.stages(mutant):
            if noticed := self.build.run(path, mutant.number, words):
                if noticed not in ("timeout", "crash"):
                    self.noticed[mutant.file][path, noticed] += 1
                return noticed
        return None

    def all(self, mutants, tell):
        """Tells of each mutant what noticed it, as soon as it is known."""
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            running = {pool.submit(self.one, mutant): mutant for mutant in mutants}
            for done in concurrent.futures.as_completed(running):
                tell(running[done], done.result())
