"""Remembers what an object was made with, all of it: what is listed by hand is forgotten. Knows no class."""

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from types import MappingProxyType
from typing import Any, TypeVar, cast

Init = TypeVar("Init", bound=Callable[..., None])


def remembers_arguments(init: Init) -> Init:
    """Keep every argument of a constructor, defaults included; `arguments_of` gives them."""
    signature = inspect.signature(init)

    @wraps(init)
    def remembering(self: object, /, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        vars(self)["_arguments"] = (signature, args, kwargs)

    return cast("Init", remembering)


def arguments_of(thing: object) -> Mapping[str, Any]:
    """Return what an object whose constructor remembers was made with, in the order of the signature."""
    signature, args, kwargs = vars(thing)["_arguments"]
    bound = signature.bind(thing, *args, **kwargs)
    bound.apply_defaults()
    return MappingProxyType(dict(list(bound.arguments.items())[1:]))  # without `self`
