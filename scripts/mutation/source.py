"""Finds functions in Rust source, and lets one build hold many mutants of each."""

import re
from dataclasses import dataclass

# What hides braces and the word `fn`: comments, strings, characters. A lifetime is no character.
HIDDEN = re.compile(
    r"""//[^\n]*|/\*|b?c?r(?P<hash>\#*)"(?:.|\n)*?"(?P=hash)|[bc]?"(?:\\(?:.|\n)|[^"\\])*"|b?'(?:\\[^\n]+?|[^\\'\n])'|'\w+""", re.VERBOSE
)


def blank(text):
    """The text with all that is no code as spaces, the same length and lines."""
    out, at = [], 0
    while found := HIDDEN.search(text, at):
        start, end = found.span()
        if found.group() == "/*":
            depth, end = 1, start + 2
            while depth and (mark := re.compile(r"/\*|\*/").search(text, end)):
                depth += 1 if mark.group() == "/*" else -1
                end = mark.end()
        out.append(text[at:start])
        # A raw string's prefix may be the end of a name: `for"` is none in practice, so names are not looked behind.
        out.append(re.sub(r"[^\n]", " ", text[start:end]))
        at = end
    return "".join(out) + text[at:]


@dataclass(frozen=True)
class Function:
    keyword: int  # where `fn` stands
    const: int | None  # where `const` stands, if it does
    open: int  # the body's braces
    close: int
    is_opaque: bool  # whether it returns `impl …`, a type that only one body can have

    def holds(self, start, end):
        return self.open < start and end <= self.close


def functions(text):
    """All functions with a body, the outer ones before the inner ones."""
    code = blank(text)
    found = []
    for head in re.finditer(r"(?:\b(const)\s+(?:unsafe\s+)?)?\b(fn)\s+\w+", code):
        depth, at, returns = 0, head.end(), None
        while at < len(code) and not (depth == 0 and code[at] in "{;"):
            depth += (code[at] in "([") - (code[at] in ")]")
            # What the parameters return is no matter.
            if returns is None and depth == 0 and code[at] == ")":
                returns = at
            at += 1
        if at >= len(code) or code[at] == ";":
            continue
        end, depth = at + 1, 1
        while depth:
            depth += (code[end] == "{") - (code[end] == "}")
            end += 1
        const = head.start(1) if head.group(1) else None
        is_opaque = re.search(r"->.*\bimpl\b", code[returns or head.end() : at], re.DOTALL) is not None
        found.append(Function(head.start(2), const, at, end - 1, is_opaque))
    return found


@dataclass
class Mutant:
    """One change of one place: what is between `start` and `end` of the file becomes `put`."""

    number: int
    file: str
    name: str
    start: int
    end: int
    put: str
    # Filters of the tests that are asked first, if it is known which should notice.
    near: tuple = ()


def weave(text, mutants):
    """The file with every mutant in it, chosen by `crate::mutant()`; and for each of its lines the mutant whose line it is, or None.

    The body of a function stands once for each mutant and once as it is. Mutants outside any function, or in one that returns an opaque
    type, are left out.
    """
    bodies = {}
    known = functions(text)
    for mutant in mutants:
        inner = [f for f in known if f.holds(mutant.start, mutant.end)]
        if inner and not any(f.is_opaque for f in inner):
            bodies.setdefault(max(inner, key=lambda f: f.open), []).append(mutant)
    # A function within another that has mutants too goes with the outer one.
    outermost = [f for f in bodies if not any(o is not f and o.open < f.open and f.close < o.close for o in bodies)]
    pieces, at = [], 0
    for function in sorted(outermost, key=lambda f: f.open):
        inside = [m for f, some in bodies.items() if function.open <= f.open and f.close <= function.close for m in some]
        body = text[function.open + 1 : function.close]
        if function.const is not None:
            pieces.append((text[at : function.const], None))
            at = function.const + len("const")
        pieces.append((text[at : function.open] + "{ match crate::mutant() {\n", None))
        for mutant in inside:
            before, after = text[function.open + 1 : mutant.start], text[mutant.end : function.close]
            pieces.append((f"{mutant.number} => {{\n{before}{mutant.put}{after}\n}}\n", mutant.number))
        pieces.append((f"_ => {{{body}}}\n", None))
        pieces.append(("} }", None))
        at = function.close + 1
    pieces.append((text[at:], None))
    owners = []
    for piece, owner in pieces:
        owners.extend([owner] * piece.count("\n"))
    return "".join(piece for piece, _ in pieces), owners
