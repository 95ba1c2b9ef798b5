"""The one exception of this child process: a program cannot be written as TorchScript."""

from builder.models.exported.problems import Problem


class Refused(Exception):  # noqa: N818  a refusal is no error of ours
    """Why, problem by problem; the parent process says it of the file."""

    def __init__(self, *problems: Problem, hint: str = "") -> None:
        """Keep the problems apart."""
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems
        self.hint = hint
