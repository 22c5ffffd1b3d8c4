"""The end of a run of a verb that needs no container, for people."""

from __future__ import annotations

from scrun.cli.run_view import TITLES, View
from scrun.workbench.run.report import Report, one_line


class ContainerlessView(View):
    """Shows what there is without a bundle and a job."""

    def conclude(self, report: Report) -> None:
        """Show the file that was made, and what an engine's user would see."""
        write = self.write
        write("")
        for line in report.diff or []:
            write(line, "bold" if line[:3] in ("+++", "---") else "green")
        for note in report.notes:
            write(f"note: {note}", "yellow")
        if report.diff or report.notes:
            write("")
        user = report.container.user.name
        write(f"Lua {report.dialect}, {TITLES[report.backend]}, no job, user {user}", "dim")
        if report.work_dir:
            write(f"kept          {report.work_dir}")
        for line in report.user_sees() or ["nothing of this"]:
            write(f"podman shows  {one_line(line)}")
