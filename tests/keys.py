"""Keys of the tests."""

from __future__ import annotations

from hub.settings import MasterKey

MASTER_KEY = MasterKey(kid="test", secret=b"the master key of all the tests!")
