"""The values of constants, as far as anything is computed with them."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Opaque:
    """A constant that nothing computes with. `key` is its name in the source.

    `value` is a tensor or an object as the archive has it, or the text of a device.
    """

    key: str
    value: object = field(default=None, compare=False)


Literal = Opaque | tuple["Literal", ...] | complex | float | int | bool | str | None
