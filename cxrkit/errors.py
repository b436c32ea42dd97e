"""Every failure a user can meet: its code, its exit status and the one shape of its message.

    CxrkitError
    ├── ItemFault           one file is unusable: quarantined, the rest goes on   (exit 3)
    ├── InputRefused        input, options or layout refused, nothing written     (exit 4)
    ├── IntegrityFailure    our own output is not what was written                (exit 5)
    ├── ResourceExhausted   disk, memory or descriptors; safe to resume           (exit 6)
    ├── Locked              another run holds the output                          (exit 8)
    └── GateFailed          a quality or leakage limit was passed                 (exit 9)

A message is one line: code and name, path, what was observed and expected, one remedy. It holds no
report text and no value of a DICOM element.
"""

NAMES = {
    "E101": "missing-archive",
    "E102": "missing-table",
    "E103": "bad-table",
    "E104": "options-differ",
    "E105": "output-not-empty",
    "E106": "missing-package",
    "E107": "bad-option",
    "E108": "bad-labels",
    "E109": "bad-split",
    "E201": "unreadable",
    "E202": "missing-file",
    "E203": "not-a-file",
    "E207": "changed-during-run",
    "E210": "empty-file",
    "E211": "too-many-pixels",
    "E212": "not-an-image",
    "E213": "unsupported-encoding",
    "E214": "truncated-image",
    "E215": "no-pixels",
    "E216": "blank-image",
    "E217": "wrong-extension",
    "E218": "git-lfs-pointer",
    "E219": "web-page",
    "E220": "wrong-checksum",
    "E221": "wrong-size",
    "E222": "duplicate-file",
    "E223": "unnamed-file",
    "E231": "bad-mask",
    "E232": "bad-run-length",
    "E240": "no-lung-found",
    "E241": "mask-below-limit",
    "E250": "wrong-encoding",
    "E251": "report-too-long",
    "E252": "bad-xml",
    "E301": "worker-died",
    "E302": "out-of-memory",
    "E303": "timed-out",
    "E304": "too-many-quarantined",
    "E399": "internal-error",
    "E501": "damaged-output",
    "E502": "damaged-journal",
    "E503": "wrong-weights",
    "E504": "conservation",
    "E505": "foreign-weights",
    "E506": "other-architecture",
    "E601": "disk-full",
    "E602": "descriptors-exhausted",
    "E801": "locked",
    "E901": "non-finite-loss",
    "E902": "copy-differs",
    "E903": "false-claims",
    "E904": "leakage",
}


class CxrkitError(Exception):
    """A failure with a code, a place and a remedy; `str()` is the line shown to the user."""

    exit_code = 1

    def __init__(self, code: str, path: str, observed: str, expected: str, remedy: str) -> None:
        self.code = code
        self.path = path
        self.observed = observed
        self.expected = expected
        self.remedy = remedy
        super().__init__(code, path, observed, expected, remedy)

    def __str__(self) -> str:
        text = (
            f"{self.code} {NAMES[self.code]}: {self.path}: {self.observed} "
            f"(expected {self.expected}). Remedy: {self.remedy}."
        )
        return one_line(text)


class ItemFault(CxrkitError):
    """One file is unusable; it is quarantined and the rest goes on."""

    exit_code = 3


class InputRefused(CxrkitError):
    """Input, options or layout refused before anything was written."""

    exit_code = 4


class IntegrityFailure(CxrkitError):
    """A checksum, a count or our own state is not what was written."""

    exit_code = 5


class ResourceExhausted(CxrkitError):
    """Disk, memory or descriptors ran out; the run can be resumed."""

    exit_code = 6


class Locked(CxrkitError):
    """Another run holds the output."""

    exit_code = 8


class GateFailed(CxrkitError):
    """A quality or leakage limit was passed."""

    exit_code = 9


def one_line(text: str) -> str:
    """The text with control characters, line breaks included, written as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
