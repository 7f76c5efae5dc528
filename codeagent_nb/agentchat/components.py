"""Writes agents, and what they are made of, as JSON, and makes them from it: AutoGen's component configuration.

A config is what a constructor is called with, argument by argument; `component_registry.py` says of which classes.
Nothing else can be made from one: no name in a config is imported. What it says is done, though: it chooses the
sandbox, the folders and who is asked, so load only what you would run.
"""

import json
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import PydanticSerializationError, to_json

from codeagent_nb.agentchat.config_secrets import refuse_secrets
from codeagent_nb.log.redaction import Secrets

if TYPE_CHECKING:
    from codeagent_nb.agentchat.component_registry import Component

__all__ = ["ComponentModel", "dump_component", "load_component"]

VERSION = 1
T = TypeVar("T")


class ComponentModel(BaseModel):
    """A component as a value, with AutoGen's fields.

    Args:
        provider: Which class; one of the names in the table.
        component_type: What it is, e.g. `agent`; checked if given.
        version: Of this format; checked if given.
        component_version: Of the class's arguments; checked if given.
        description: For people.
        label: For people.
        config: The constructor's arguments. What is absent has the constructor's default.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    provider: str
    component_type: str | None = None
    version: int | None = None
    component_version: int | None = None
    description: str | None = None
    label: str | None = None
    config: dict[str, Any]


def dump_component(component: object) -> ComponentModel:
    """Return what a component was made with.

    Raises:
        ValueError: Something cannot be written, or must not be, as keys must not; the message names the argument.
    """
    return _dump(component, "", Secrets(os.environ))


def load_component(expected: type[T], model: ComponentModel | Mapping[str, Any]) -> T:
    """Make the component that a config describes.

    Args:
        expected: What it must be; `object` is anything.
        model: What `dump_component` returned, or the same as a dict.

    Raises:
        ValueError: It describes nothing we know, nothing that can be made, or something else than `expected`.
        OSError: It names a file or folder that is not there.
    """
    made = _load(model, "", "")
    if not isinstance(made, expected):
        raise ValueError(f"the config describes a {type(made).__name__}, not a {expected.__name__}")  # noqa: TRY004
    return made


def _dump(component: object, path: str, secrets: Secrets) -> ComponentModel:
    from codeagent_nb.agentchat.component_registry import entry_of

    entry = entry_of(component)
    if entry is None:
        where = f"argument {path.removesuffix('.')!r}: " if path else ""
        raise ValueError(f"{where}a {type(component).__name__} cannot be written: it is not one of {_known()}")
    secrets = getattr(getattr(component, "log", None), "secrets", secrets)  # an agent has seen more
    arguments = entry.read(component)
    entry.refuse_unwritable(arguments, path)
    parts = {name: _dump_part(arguments[name], path + name, secrets) for name in entry.parts}
    plain = {name: value for name, value in arguments.items() if name in entry.schema.model_fields}
    return ComponentModel(
        provider=entry.provider,
        component_type=entry.kind,
        version=VERSION,
        component_version=VERSION,
        description=(entry.made.__doc__ or "").partition("\n")[0],
        label=entry.made.__name__,
        config=_written(entry, {**plain, **parts}, path, secrets),
    )


def _dump_part(part: Any, path: str, secrets: Secrets) -> Any:
    if part is None:
        return None
    if isinstance(part, Sequence):
        return [_dump(item, f"{path}[{index}].", secrets).model_dump() for index, item in enumerate(part)]
    return _dump(part, f"{path}.", secrets).model_dump()


def _written(entry: "Component", arguments: Mapping[str, Any], path: str, secrets: Secrets) -> dict[str, Any]:
    """Return arguments as JSON has them; by way of the schema that reads them, so that what is written can be read."""
    try:
        config = entry.schema.model_validate(arguments)
    except ValidationError as error:
        raise ValueError(
            f"a {entry.made.__name__} with such arguments cannot be written: {_faults(error, path)}"
        ) from None
    written: dict[str, Any] = {}
    for name in arguments:
        try:
            part = config.model_dump(mode="json", include={name})
            json.dumps(part, allow_nan=False)
        except ValueError as error:
            raise ValueError(f"argument {path + name!r} cannot be written as JSON: {error}") from None
        written |= part
    refuse_secrets(written, path, secrets)
    return written


def _load(model: object, kind: str, path: str) -> object:
    model = _checked(model, path)
    entry = _entry(model, kind, path)
    for name in sorted(entry.unwritable.keys() & model.config.keys()):
        raise ValueError(f"config field {path + name!r} cannot be given in a config: {entry.unwritable[name]}")
    try:
        config = entry.schema.model_validate_json(to_json(model.config), strict=True)
    except (ValidationError, PydanticSerializationError) as error:
        faults = _faults(error, path) if isinstance(error, ValidationError) else str(error)
        raise ValueError(f"the config of a {entry.made.__name__} is wrong: {faults}") from None
    arguments = {name: getattr(config, name) for name in config.model_fields_set}
    for name, part_kind in entry.parts.items():
        if name in arguments:
            arguments[name] = _load_part(arguments[name], part_kind, path + name)
    try:
        return entry.make(arguments)
    except (ValueError, TypeError) as error:
        raise ValueError(f"no {entry.made.__name__} can be made from its config{_at(path)}: {error}") from error


def _load_part(part: Any, kind: str, path: str) -> Any:
    if part is None:
        return None
    if isinstance(part, Sequence):
        return [_load(item, kind, f"{path}[{index}].") for index, item in enumerate(part)]
    return _load(part, kind, f"{path}.")


def _checked(model: object, path: str) -> ComponentModel:
    try:
        checked = ComponentModel.model_validate(model)
    except ValidationError as error:
        raise ValueError(f"not a component config{_at(path)}: {_faults(error, path)}") from None
    for name in ("version", "component_version"):
        if getattr(checked, name) not in (None, VERSION):
            given = getattr(checked, name)
            raise ValueError(f"{path}{name} must be {VERSION}, not {given}: no other version is written")
    return checked


def _entry(model: ComponentModel, kind: str, path: str) -> "Component":
    from codeagent_nb.agentchat.component_registry import TABLE

    entry = TABLE.get(model.provider)
    if entry is None:
        raise ValueError(f"{path}provider {model.provider!r} is unknown; it must be one of {_known()}")
    if model.component_type not in (None, entry.kind) or kind not in ("", entry.kind):
        wanted = kind or model.component_type
        raise ValueError(f"{path}provider {model.provider!r} is of the type {entry.kind!r}; wanted is {wanted!r}")
    return entry


def _known() -> str:
    from codeagent_nb.agentchat.component_registry import TABLE

    return ", ".join(TABLE)


def _at(path: str) -> str:
    return f" at {path.removesuffix('.')!r}" if path else ""


def _faults(error: ValidationError, path: str) -> str:
    """Return what is wrong where, without the values: they may be keys."""
    return "; ".join(f"{path}{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
