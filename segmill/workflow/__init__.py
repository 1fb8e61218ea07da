"""What the Snakefile looks up: which files a target needs, which settings a job gets.

Everything here is plain Python on the checked configuration, free of Snakemake and of heavy
imports, so that planning thousands of jobs takes seconds and each lookup can be tested by itself.
"""

from segmill.workflow.code import CODE, stage_code
from segmill.workflow.reports import Lookup

__all__ = ["CODE", "Lookup", "stage_code"]
