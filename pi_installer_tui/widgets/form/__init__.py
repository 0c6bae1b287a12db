"""Forms made from settings models. `Form` shows a model, `Draft` holds what was touched, `ROWS` is the table from a
field's kind to its widget."""

from __future__ import annotations

from pi_installer_tui.widgets.form.draft import Draft
from pi_installer_tui.widgets.form.form import Form, Invalid

__all__ = ["Draft", "Form", "Invalid"]
