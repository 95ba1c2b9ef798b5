from builder.foundation.fetching.mirrors import (
    Mirror,
    mirrors,
    parse_deb822,
    parse_one_line,
    render,
)

DEB822 = """\
# the main archive
Types: deb
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
"""


def test_the_main_archive_is_found_with_its_key_and_the_security_archive_is_not() -> None:
    key = ("Signed-By", "/usr/share/keyrings/debian-archive-keyring.gpg")
    assert mirrors(parse_deb822(DEB822)) == (Mirror("http://mirror.example/debian", (key,)),)


def test_one_line_sources_with_and_without_options() -> None:
    text = """
# deb http://commented.example/debian trixie main
deb [arch=amd64 signed-by=/a.gpg,/b.gpg] http://one.example/debian trixie main  # why
deb-src http://two.example/debian/ sid main contrib
deb cdrom:[Debian_12]/ bookworm
rubbish
"""
    assert mirrors(parse_one_line(text)) == (
        Mirror("http://one.example/debian", (("Signed-By", "/a.gpg /b.gpg"),)),
        Mirror("http://two.example/debian/"),
    )


def test_tabs_separate_as_well_as_spaces() -> None:
    assert mirrors(parse_one_line("deb\thttp://m.example/d\tsid\tmain")) == (
        Mirror("http://m.example/d"),
    )


def test_disabled_foreign_and_partial_archives_are_not_mirrors() -> None:
    text = """\
Enabled: no
URIs: http://a.example
Suites: trixie
Components: main

URIs: http://b.example
Suites: noble
Components: main

URIs: http://c.example
Suites: trixie
Components: contrib
"""
    assert mirrors(parse_deb822(text)) == ()


def test_debians_own_archive_comes_before_third_parties() -> None:
    text = (
        "deb http://third.example/php bookworm main\n"
        "deb http://own.example/debian bookworm main\n"
        "deb http://own.example/debian bookworm-updates main\n"
    )
    assert [mirror.uri for mirror in mirrors(parse_one_line(text))] == [
        "http://own.example/debian",
        "http://third.example/php",
    ]


def test_several_addresses_and_repeats() -> None:
    entry = {"uris": "http://a.example http://b.example", "suites": "sid", "components": "main"}
    assert len(mirrors([entry, entry])) == 2


def test_an_embedded_key_survives_the_round_trip() -> None:
    text = (
        "URIs: http://m.example\nSuites: sid\nComponents: main\n"
        "Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mDMEY\n"
    )
    (mirror,) = mirrors(parse_deb822(text))
    (again,) = mirrors(parse_deb822(render(mirror, ("sid",), "deb-src")))
    assert again == mirror
    assert dict(mirror.options)["Signed-By"].endswith("\n .\n mDMEY")


def test_only_source_packages_of_the_wanted_suites_are_asked_for() -> None:
    assert render(
        Mirror("http://m.example", (("Trusted", "yes"),)), ("trixie", "sid"), "deb-src"
    ) == (
        "Types: deb-src\nURIs: http://m.example\nSuites: trixie sid\n"
        "Components: main\nTrusted: yes\n"
    )
