"""Tables as tidy HTML, the same every time: a page's worth in sight, the rest behind "show all"."""

import hashlib

from distill_helpers.checks import InputError, needed

ROWS, COLUMNS = 12, 7  # as many as a page takes


class LongTable:
    """A table with more rows or columns than the page takes: the first of them in sight, all of them behind "show all".

    frame: the whole DataFrame. styler: the whole Styler.
    """

    def __init__(self, styler, short, frame):
        self.styler, self.short, self.frame = styler, short, frame

    def to_html(self) -> str:
        """What the notebook shows."""
        rows, columns = self.frame.shape
        return (f"{self.short.to_html()}<details><summary>show all: {rows} rows, {columns} columns</summary>"
                f"{self.styler.to_html()}</details>")  # fmt: skip

    def _repr_html_(self) -> str:
        return self.to_html()

    def __repr__(self) -> str:
        return f"<table of {self.frame.shape[0]} rows and {self.frame.shape[1]} columns>"


def table(frame, caption: str = "", formats: dict | str | int | None = None):
    """A pandas DataFrame, or a list of dicts, as a table without random ids and without its index.

    formats: {column: format}, as in ``Styler.format``, or a number of decimals for all; by default four significant digits. Columns of numbers
    stand on the right, so that digits align; what is missing is a dash. At most 12 rows and 7 columns are in sight; a longer table has "show all"
    beneath. Returns a Styler, or a LongTable.
    Raises InputError for something else than a table, and for formats of columns that are not there.
    """
    pd = needed("pandas")
    if isinstance(frame, (list, tuple)) and frame and all(isinstance(row, dict) for row in frame):
        frame = pd.DataFrame(frame)
    if not isinstance(frame, pd.DataFrame):
        raise InputError(f"frame must be a DataFrame or a list of dicts, but {type(frame).__name__} was given.")
    if isinstance(formats, dict) and (unknown := [str(column) for column in formats if column not in frame.columns]):
        raise InputError(f"formats must name columns of the table, but {', '.join(unknown)} are none.")
    styler = _styled(frame, caption, formats)
    if len(frame) <= ROWS and frame.shape[1] <= COLUMNS:
        return styler
    short = frame.iloc[:ROWS, :COLUMNS]
    kept = {column: form for column, form in formats.items() if column in short.columns} if isinstance(formats, dict) else formats
    return LongTable(_styled(frame, "", formats), _styled(short, caption, kept), frame)


def _styled(frame, caption, formats):
    kinds = needed("pandas.api.types")
    styler = needed("pandas.io.formats.style").Styler(frame, uuid="t", cell_ids=False).hide(axis="index")
    right = [f".col{place}" for place, kind in enumerate(frame.dtypes) if kinds.is_numeric_dtype(kind)]
    rules = [{"selector": "td, th", "props": "text-align: left; padding: 2px 10px;"}]
    if right:
        rules.append({"selector": ", ".join(right), "props": "text-align: right; font-variant-numeric: tabular-nums;"})
    styler = styler.set_table_styles(rules)
    if isinstance(formats, dict):
        styler = styler.format(formats, na_rep="–")
    elif formats is not None:
        styler = styler.format(precision=int(formats), na_rep="–")
    else:
        styler = styler.format({column: "{:.4g}" for column, kind in frame.dtypes.items() if kinds.is_float_dtype(kind)}, na_rep="–")
    styler = styler.set_caption(caption) if caption else styler
    return styler.set_uuid(hashlib.blake2b(styler.to_html().encode(), digest_size=4).hexdigest())  # its rules are for it alone
