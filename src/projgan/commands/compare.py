"""`projgan compare`."""

from projgan.commands.paths import GivenPath, NewPath
from projgan.commands.printing import Json, Overwrite, dumps, show
from projgan.commands.progress import counted


def compare(*runs: GivenPath, out: NewPath, overwrite: Overwrite = False, json: Json = False) -> None:
    """Put several runs into one report: results with intervals over seeds, curves, images, cost, protocol.

    Runs that differ in their seed only are seeds of one method. Runs of other data and numbers of unlike
    protocol are refused.

    Parameters
    ----------
    runs
        Run directories; what `projgan evaluate` measured of them is in the report.
    out
        Folder for `report.html`, `report.md` with its pictures, and `report.json`.
    overwrite
        Write over files that somebody else made.
    json
        Print what `report.json` holds.
    """
    from projgan.storage.run_directory import refuse_no_run

    for run in runs:
        refuse_no_run(run)
    from projgan.report import build_report, to_plain, write_report

    report = build_report(runs, counted("sampling", " images"))
    written = write_report(report, out, overwrite)
    show(dumps(to_plain(report)) if json else "\n".join(map(str, written)))
