"""What a schema file says, as plain objects. Versions are inclusive pairs of integers."""

from dataclasses import dataclass, field

MAX_VERSION = 32767


class SchemaError(Exception):
    """A schema file that breaks a rule; the text names file, line and rule."""


@dataclass
class Field:
    name: str
    type_name: str
    is_array: bool
    versions: tuple[int, int]
    nullable_from: int | None = None  # first version that allows null
    tag: int | None = None
    ignorable: bool = False
    inflexible: bool = False  # keeps the old length prefix in flexible versions
    default: str | None = None
    struct: "Struct | None" = None
    line: int = 0  # of the schema file

    @property
    def is_optional(self) -> bool:
        return self.nullable_from is not None or self.type_name == "records"


@dataclass
class Struct:
    name: str
    versions: tuple[int, int]
    fields: list[Field] = field(default_factory=list)

    @property
    def tagged(self) -> list[Field]:
        return sorted((f for f in self.fields if f.tag is not None), key=lambda f: f.tag)


@dataclass
class Message:
    kind: str  # request, response, header, data, metadata, tiered, <family>_key, <family>_value
    name: str  # the struct's name, for example FetchRequest
    stem: str  # the file's name, for example fetch_request
    versions: tuple[int, int]
    place: str = ""  # file:line of its head
    key: int | None = None
    stable: int | None = None  # last version that Kafka calls stable
    flexible: int | None = None  # first flexible version
    listeners: list[str] = field(default_factory=list)
    forwardable: bool = False
    comment: list[str] = field(default_factory=list)
    body: Struct | None = None
    structs: list[Struct] = field(default_factory=list)  # nested ones, each after those it uses

    @property
    def api(self) -> str:
        """The API's name: the struct's without Request or Response."""
        return self.name.removesuffix("Request").removesuffix("Response")

    @property
    def last_stable(self) -> int:
        return self.versions[1] if self.stable is None else self.stable
