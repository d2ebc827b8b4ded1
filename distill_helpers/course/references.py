"""Papers that the lessons cite, from one BibTeX file: ``dh.reading("hinton2014distilling", "lee2013pseudo")``."""

import html
import re
from functools import cache
from pathlib import Path

from distill_helpers.checks import InputError, needed, one_of

FILE = Path(__file__).with_name("references.bib")
REQUIRED = ("author", "title", "year")


def reading(*keys: str) -> None:
    """Show a list of papers: authors, title, venue, year. Raises InputError for no keys, and for a key that references.bib does not have."""
    if not keys:
        raise InputError("keys must name at least one paper, but none was given.")
    for key in keys:
        one_of("key", key, tuple(references()))
    lines = [cited(references()[key]) for key in keys]
    plain = "\n".join("- " + re.sub(r"<[^>]+>", "", html.unescape(line)) for line in lines)
    listed = "".join(f"<li>{line}</li>" for line in lines)
    needed("IPython.display").display({"text/html": f'<ul class="reading">{listed}</ul>', "text/plain": plain}, raw=True)


@cache
def references() -> dict[str, dict[str, str]]:
    """{key: {field: text}} of references.bib."""
    return parse(FILE.read_text(encoding="utf-8"))


def parse(text: str) -> dict[str, dict[str, str]]:
    """The entries of a BibTeX file that writes each field on a line of its own, in braces.

    Raises InputError for a key that stands twice, a field or entry of another form, and an entry without author, title, year or venue.
    """
    found = {}
    for entry in re.split(r"^(?=@)", text, flags=re.MULTILINE):
        if not entry.strip():
            continue
        match = re.fullmatch(r"@\w+\{([\w:-]+),\n((?:  \w+ = \{.*\},\n)+)\}\s*", entry)
        if not match:
            raise InputError(f"references.bib must hold entries with one field in braces a line, but has {entry.strip().splitlines()[0]!r} …")
        key, fields = match[1], dict(re.findall(r"  (\w+) = \{(.*)\},\n", match[2]))
        if key in found:
            raise InputError(f"references.bib must hold each key once, but has {key!r} twice.")
        missing = [name for name in REQUIRED if not fields.get(name)] + ([] if {"booktitle", "journal"} & set(fields) else ["booktitle"])
        if missing:
            raise InputError(f"references.bib must give {', '.join(missing)} for {key!r}.")
        found[key] = fields
    return found


def cited(fields: dict[str, str]) -> str:
    """One paper as HTML, linked to arXiv where it has a number there."""
    names = fields["author"].split(" and ")
    authors = ", ".join(names[:-1] + ["et al."] if names[-1] == "others" else names)
    title = f"<em>{html.escape(fields['title'])}</em>"
    if "eprint" in fields:
        title = f'<a href="https://arxiv.org/abs/{fields["eprint"]}">{title}</a>'
    return f"{html.escape(authors)}: {title}, {html.escape(fields.get('booktitle') or fields['journal'])}, {fields['year']}"
