"""Pushed events at rest: `base` says what there is to ask, `installed` answers which store this installation has."""
