"""What the headless tests of every explorer check."""

import json
import re

import pytest
import traitlets


def check_refused(explorer, trait, value, text):
    """A bad value raises an error that says ``text``, and changes nothing."""
    before = json.dumps(explorer.get_state())
    with pytest.raises(traitlets.TraitError, match=text):
        setattr(explorer, trait, value)
    assert json.dumps(explorer.get_state()) == before


def check_self_contained(path):
    """A saved page asks for no other file, and no class name ends its script."""
    page = path.read_text(encoding="utf-8")
    assert not re.search(r"https?:|//cdn|@import|\bsrc=|<link|\bimport\b.*from", page)
    assert page.count("</script>") == 1
