from pathlib import PurePosixPath

from builder.artifact.staging import Licence, Part, Presence
from builder.artifact.supply.notice import notice, stage_licences

PARTS = (
    Part("fmt", "9.1", "", "MIT", Presence.HEADERS, 0, (Licence("LICENSE", b"take it\n"),)),
    Part("operators of your own", "", "", "", Presence.LINKED, 4, ()),
)


def test_every_part_is_named_with_its_licence_and_its_text_follows() -> None:
    assert notice(PARTS).splitlines() == [
        "This library holds code of the following parts, under the licences that are named here.",
        "",
        "fmt 9.1                MIT                         by its headers",
        "operators of your own  not known to build-runtime  linked",
        "",
        "=" * 80,
        "fmt: LICENSE",
        "=" * 80,
        "",
        "take it",
    ]


def test_the_files_beside_are_exactly_the_texts_of_the_notice() -> None:
    staged = {
        it.path.as_posix(): it.read()
        for it in stage_licences(PARTS, PurePosixPath("NOTICE"), PurePosixPath("licenses"))
    }
    assert staged == {"NOTICE": notice(PARTS).encode(), "licenses/fmt/LICENSE": b"take it\n"}
