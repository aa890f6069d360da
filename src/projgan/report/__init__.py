"""Reports a person reads, made from run directories."""

from projgan.report.contents import Report, build_report
from projgan.report.plain import to_plain
from projgan.report.writing import write_report

__all__ = ["Report", "build_report", "to_plain", "write_report"]
