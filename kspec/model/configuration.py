"""The arguments of a layer as Keras's `get_config` has them, in a spec's notation."""

from __future__ import annotations

from typing import Any

_LAYER_WORDS = frozenset({"name", "trainable", "dtype"})
"""What every layer has beside its own arguments."""


def kind_of(operation: Any) -> str:
    """The class of an operation; all models are of one kind, however they were made."""
    from kspec.model.backend import load_keras

    if isinstance(operation, load_keras().Model):
        return "model"
    return f"{type(operation).__module__}.{type(operation).__qualname__}"


def policy_name(operation: Any) -> str:
    """The name of a layer's dtype policy; empty for what has none."""
    policy = getattr(operation, "dtype_policy", None)
    return str(getattr(policy, "name", "") or "")


def arguments_of(operation: Any) -> dict[str, Any]:
    """All arguments of a layer or function, as plain data; none where its class does not tell them."""
    try:
        config = operation.get_config()
    except MemoryError:
        raise
    except Exception:  # a class of one's own may have arguments that it does not save
        return {}
    policy = policy_name(operation)
    found = {str(key): _plain(value, policy) for key, value in config.items() if key not in _LAYER_WORDS}
    rank, alpha = found.pop("lora_rank", None), found.pop("lora_alpha", None)
    if rank is not None and getattr(operation, "lora_enabled", False):  # as a spec's word has it
        found["lora"] = rank if alpha in (None, rank) else {"rank": rank, "lora_alpha": alpha}
    return found


def _plain(value: Any, policy: str) -> Any:
    """A part of a configuration: objects as `{Name: {…}}`, without the words of layers that say nothing new."""
    if isinstance(value, dict):
        if isinstance(value.get("class_name"), str) and "config" in value:
            return _object(value["class_name"], value["config"], policy)
        return {str(key): _plain(item, policy) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, policy) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return _plain(value.tolist(), policy) if hasattr(value, "tolist") else str(value)


def _object(name: str, config: Any, policy: str) -> Any:
    if name == "__tuple__" or not isinstance(config, dict):
        return _plain(config, policy)
    if name.endswith("DTypePolicy") and set(config) == {"name"}:
        return config["name"]
    inner = {key: _plain(item, policy) for key, item in config.items() if key != "name"}
    if inner.get("trainable") is True:
        del inner["trainable"]
    if inner.get("dtype") == policy:
        del inner["dtype"]
    return {name: inner}
