import pytest
from pydantic import BaseModel, model_serializer
from pydantic_core import PydanticSerializationError

import stepladder.cli.main as main


class Stopped(BaseModel):
    @model_serializer
    def _stop(self):
        raise KeyboardInterrupt


def test_an_interruption_that_a_library_wraps_is_an_interruption(monkeypatch):
    with pytest.raises(PydanticSerializationError):
        Stopped().model_dump()
    monkeypatch.setattr(main, "command", lambda **_: Stopped().model_dump())
    with pytest.raises(KeyboardInterrupt):
        main._execute()


def test_another_error_is_raised_as_it_is(monkeypatch):
    def fail(**_):
        raise ValueError("x") from KeyError("y")

    monkeypatch.setattr(main, "command", fail)
    with pytest.raises(ValueError, match="x"):
        main._execute()
