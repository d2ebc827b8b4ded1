"""The course's own kernel: an IPython kernel that is kind to busy machines and says the same of itself on every machine.

JupyterLab writes what a kernel says of itself into an open notebook, and marks the notebook as changed where that differs from
the file. A plain kernel names its Python's patch version, so a notebook looks changed on nearly every machine but its author's.
"""

import distill_helpers  # noqa: F401  (before torch: it chooses how threads wait)

NAME = "distill-course"
LANGUAGE = {
    "name": "python", "version": "3", "mimetype": "text/x-python", "file_extension": ".py",
    "codemirror_mode": {"name": "ipython", "version": 3}, "pygments_lexer": "ipython3", "nbconvert_exporter": "python",
}  # fmt: skip
KERNELSPEC = {"display_name": "Distillation course", "language": "python", "name": NAME}
SPECIFICATION = {
    "argv": ["python", "-m", "distill_helpers.course.kernel", "-f", "{connection_file}"],  # "python" is read as the server's own Python
    "display_name": KERNELSPEC["display_name"], "language": KERNELSPEC["language"], "interrupt_mode": "signal",
    "env": {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}, "metadata": {"debugger": True},
}  # fmt: skip


def main():
    """Start the kernel, as JupyterLab does with the connection file's name."""
    from ipykernel.ipkernel import IPythonKernel
    from ipykernel.kernelapp import IPKernelApp

    class CourseKernel(IPythonKernel):
        language_info = LANGUAGE

    IPKernelApp.launch_instance(kernel_class=CourseKernel)


if __name__ == "__main__":
    main()
