"""A Chromium for the browser tests: python -m distill_helpers.course.browser finds one, or gets one, or says how to.

In order: one that is there; playwright's own download; Debian's package, as root. Where none of these is to be had, one line
says which tests are left out and how to get them; with CI=true that is an error. DISTILL_BROWSER names one ("none": go without).
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
APPLICATIONS = ("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome", "/Applications/Chromium.app/Contents/MacOS/Chromium")
LEFT_OUT = ("The browser tests (tests/notebooks/test_browser.py) are left out: there is no Chromium, and none could be installed ({why}). "
            "To have them: {how}, then make test.")  # fmt: skip
PATIENCE = 900  # seconds for one attempt to install


def find() -> str | None:
    """The path of a Chromium that starts, or None."""
    given = os.environ.get("DISTILL_BROWSER")
    if given:
        return None if given == "none" else given if starts(given) else None
    candidates = [shutil.which(name) for name in NAMES] + [path for path in APPLICATIONS if Path(path).exists()] + [playwrights_own()]
    return next((path for path in candidates if path and starts(path)), None)


def starts(path: str) -> bool:
    """Whether the program runs at all: a stub that asks for a snap, or one whose libraries are missing, does not."""
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and "chrom" in done.stdout.lower()


def playwrights_own() -> str | None:
    """Where playwright keeps a Chromium, when it has downloaded one."""
    code = "from playwright.sync_api import sync_playwright as s\nwith s() as p: print(p.chromium.executable_path)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    path = done.stdout.strip()
    return path if path and Path(path).exists() else None


def superuser() -> bool:
    """Whether packages of the system may be installed without asking."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def attempts() -> list[tuple[str, list[list[str]]]]:
    """What to try where there is none, in order: a name, and its commands."""
    ours = [sys.executable, "-m", "playwright"]
    apt = [["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "chromium"]]
    root = superuser() and shutil.which("apt-get")
    return [("playwright install", [[*ours, "install", "chromium"], *([[*ours, "install-deps", "chromium"]] if root else [])]),
            *([("apt-get", apt)] if root else [])]  # fmt: skip


def install(say=print) -> tuple[str | None, str]:
    """(path or None, why not): find a Chromium, or try to install one, each way once."""
    found, failures = find(), []
    if found or os.environ.get("DISTILL_BROWSER"):
        return found, f"DISTILL_BROWSER is {os.environ.get('DISTILL_BROWSER')!r}"
    for name, commands in attempts():
        say(f"No Chromium for the browser tests yet; trying {name} ...")
        for command in commands:
            problem = run(command)
            if problem:
                failures.append(f"{name}: {problem}")
                break
            found = find()
            if found:
                return found, ""
        else:
            failures.append(f"{name}: what it installed does not start")
    if not superuser():
        failures.append("apt-get: needs root")
    return None, "; ".join(failures)


def run(command) -> str:
    """Why a command failed, in a few words, or an empty string."""
    environment = {"PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT": "10000"} | os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, env=environment, stdin=subprocess.DEVNULL)
    except FileNotFoundError:
        return "not there"
    except subprocess.TimeoutExpired:
        return f"not done after {PATIENCE} s"
    if done.returncode == 0:
        return ""
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return next((line for line in lines if "rror" in line or line.startswith("E:")), lines[-1] if lines else f"status {done.returncode}")[:160]


def reason(why: str = "none was found") -> str:
    """The one line that says what is left out, and how to have it."""
    how = "apt-get install chromium" if superuser() else "sudo apt-get install chromium, or install Google Chrome"
    return LEFT_OUT.format(why=why, how=how)


def main() -> int:
    """0 when there is a browser, or when there need not be one; 1 without one in CI."""
    path, why = install()
    print(f"Browser tests: {path}" if path else reason(why))
    return 1 if path is None and os.environ.get("CI") == "true" else 0


if __name__ == "__main__":
    sys.exit(main())
