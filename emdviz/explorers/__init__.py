"""Interactive figures, drawn in the browser; the only place that imports ipywidgets or anywidget."""
