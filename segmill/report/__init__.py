"""Tables, figures and the HTML report: functions from data files to files.

Modules are imported on demand (``segmill.report.tables``, ``segmill.report.curves`` ...), because
only the figures need matplotlib.
"""
