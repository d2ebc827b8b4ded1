"""Whether code only moved: entries that another checkout's code made, and whose code there is the same as here, module names apart."""

import json
import os
import subprocess
import sys
from pathlib import Path

from distill_helpers.checks import InputError
from distill_helpers.course.records.files import canonical

# today's rule, by which the code of both checkouts is read
RULE = ("sources", "tables", "hashes")
SCRIPT = """
import importlib, importlib.util, json, sys
from pathlib import Path
out, sys.stdout = sys.stdout, sys.stderr
from distill_helpers import course
from distill_helpers.course import records

wanted, root = set(json.load(sys.stdin)), Path(course.__file__).parent
found = []
for path in sorted(root.rglob("*.py")):
    text = path.read_text(encoding="utf-8")
    if "SETTINGS" in text and "\\nNAME" in text and "\\ndef run(" in text:
        name = ".".join([course.__name__, *path.relative_to(root).with_suffix("").parts])
        module = importlib.import_module(name)
        for setting in module.SETTINGS:
            plain = {k: int(v) if isinstance(v, float) and v.is_integer() else v for k, v in setting.items()}
            key = json.dumps(plain, sort_keys=True, ensure_ascii=False)
            if key in wanted:
                own = records.entry_hash(name, setting) if hasattr(records, "entry_hash") else records.hashes(name)["code_hash"]
                found.append((key, own, name, setting))
for name in json.loads(sys.argv[1]) if found else ():
    file = Path(sys.argv[2]) / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"distill_helpers.course.records.{name}", file)
    sys.modules[spec.name] = rule = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(rule)
print(json.dumps([(key, own, name, rule.entry_hash(name, setting)) for key, own, name, setting in found]), file=out)
"""


def known_there(before: Path, settings: list[dict]) -> dict:
    """{(setting, its hash by that checkout's own rule): [(its module there, its hash by today's rule)]}, for these settings of any record.

    Raises InputError when the checkout's code cannot be read.
    """
    command = [sys.executable, "-c", SCRIPT, json.dumps(RULE), str(Path(__file__).parent)]
    paths = os.pathsep.join([str(before), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(command, input=json.dumps(sorted({canonical(s) for s in settings})), cwd=before, capture_output=True, text=True,
                          encoding="utf-8", env=os.environ | {"PYTHONPATH": paths}, check=False)  # fmt: skip
    if done.returncode:
        raise InputError(f"before must be a checkout whose records can be read, but {str(before)!r} failed: {done.stderr[-500:]}")
    found = {}
    for key, own, name, today in json.loads(done.stdout):
        found.setdefault((key, own), []).append((name, today))
    return found
