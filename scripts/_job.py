"""What every script of the workflow does first: send the log where the rule says."""

import logging
import sys
import traceback

from segmill.progress import configure_logging, log


def begin(snakemake) -> None:
    """Log to the rule's log file; an uncaught error goes there with its traceback, too."""
    path = snakemake.log[0] if snakemake.log else None
    configure_logging(path)
    logging.captureWarnings(True)
    for line in describe(snakemake):
        log.info(line)

    def report(kind, error, trace):
        log.error("%s", "".join(traceback.format_exception(kind, error, trace)))
        print(f"{kind.__name__}: {error}\nThe log is {path}", file=sys.stderr)

    sys.excepthook = report


def describe(snakemake):
    """What the job reads and where it writes."""
    yield f"rule {snakemake.rule} {dict(snakemake.wildcards.items())}"
    yield "reads " + (", ".join(map(str, snakemake.input)) or "no file")
    yield "writes " + ", ".join(map(str, snakemake.output))
