"""Tables as tidy HTML, the same every time."""

from distill_helpers.checks import needed


def table(frame, caption: str = "", formats: dict | str | None = None):
    """A pandas DataFrame as a Styler without random ids and without its index; formats as in ``Styler.format``."""
    styler = needed("pandas.io.formats.style").Styler(frame, uuid="t", cell_ids=False).hide(axis="index")
    styler = styler.set_table_styles([{"selector": "td, th", "props": "text-align: left; padding: 2px 10px;"}])
    if formats is not None:
        styler = styler.format(formats) if isinstance(formats, dict) else styler.format(precision=int(formats))
    return styler.set_caption(caption) if caption else styler
