"""Reading each format, and refusing what cannot be read with the reason."""

import gzip
import time

import pytest

from app.ingest.document import UnreadableDocument
from app.ingest.parsing import MAX_TITLE_CHARACTERS, parse
from app.rag.chunking import Section
from tests.support.documents import blank_pdf, docx, encrypted_pdf, pdf, pdf_bomb, with_columns, zip_bomb

MARKDOWN = """\
Intro.

# Guide *to* [ragspan](https://example.com)

## Install

```sh
# not a heading
make up
```

Setext
------
Text under it.

> # quoted, not a section

# Second
"""
HTML = """<!doctype html><html><head><title> The  Title </title><style>p {}</style></head><body>
<nav>Home</nav><script>alert(1)</script><h1>Big</h1><p>Hello <b>bold</b> and
new&nbsp;line.<br>After break.</p><ul><li>One</li><li>Two <i>x</i></li></ul>
<h2>Sub <em>part</em></h2><div>Loose text<p>in p</p>tail</div>
<table><tr><th>Name</th><th>Value</th></tr><tr><td>a</td><td>1</td></tr></table>
<pre>  keep
    this</pre><p hidden>unseen</p></body></html>"""


def sections(name: str, content: bytes) -> list[tuple[str, str]]:
    return [(section.location, section.text.strip()) for section in parse(name, content).sections]


def test_markdown_is_cut_at_its_headings() -> None:
    document = parse("guide.md", MARKDOWN.encode())
    assert document.title == "Guide to ragspan"
    found = {section.location: section.text for section in document.sections}
    assert list(found) == ["", "Guide to ragspan > Install", "Guide to ragspan > Setext", "Second"]
    assert found["Guide to ragspan > Install"].startswith("# Guide *to*")
    assert "# not a heading" in found["Guide to ragspan > Install"]
    assert "Text under it." in found["Guide to ragspan > Setext"]
    assert "quoted" in found["Guide to ragspan > Setext"]
    assert "".join(section.text for section in document.sections).rstrip() == MARKDOWN.rstrip()


def test_front_matter_gives_the_title_and_is_no_text() -> None:
    document = parse("a.md", b'---\ntags: [x]\ntitle: "Nice name"\n---\n\n# Head\nBody\n')
    assert document.title == "Nice name"
    assert [section.location for section in document.sections] == ["Head"]


def test_html_is_what_a_reader_sees() -> None:
    document = parse("page.html", HTML.encode())
    assert document.title == "The Title"
    big, sub = document.sections
    assert (big.location, sub.location) == ("Big", "Big > Sub part")
    assert "Hello bold and new line.\nAfter break." in big.text
    assert "One\nTwo x" in big.text
    assert "Loose text\n\nin p\ntail" in sub.text
    assert "Name\tValue" in sub.text
    assert "a\t1" in sub.text
    assert "  keep\n    this" in sub.text
    for hidden in ("alert", "Home", "p {}", "unseen"):
        assert hidden not in big.text + sub.text


def test_a_pdf_has_a_section_for_each_page_with_text() -> None:
    assert sections("a.pdf", pdf("First (page)", " ", "Third")) == [("page 1", "First (page)"), ("page 3", "Third")]


def test_a_word_document_is_cut_at_its_headings_with_its_tables() -> None:
    paragraphs = (("Heading 1", "Report"), ("Normal", "Intro."), ("Heading 2", "Numbers"), ("Normal", "Below."))
    content = docx(*paragraphs, table=(("Year", "Sum"), ("2026", "7")))
    assert parse("a.docx", content).title == "Report"
    assert sections("a.docx", content) == [
        ("Report", "Report\n\nIntro."),
        ("Report > Numbers", "Numbers\n\nBelow.\n\nYear\tSum\n2026\t7"),
    ]


def test_a_wide_cell_says_its_text_once_and_a_tall_one_in_each_of_its_rows() -> None:
    content = docx(table=(("Wide", "", "b"), ("Tall", "c", "d"), ("", "e", "f")), merged=((0, 0, 0, 1), (1, 0, 2, 0)))
    assert sections("a.docx", content) == [("", "Wide\tb\nTall\tc\td\nTall\te\tf")]


def test_a_word_document_costs_what_its_size_says() -> None:
    """One cell that claims a hundred million columns took all memory; the style of each paragraph took milliseconds."""
    wide = docx(*[("Heading 2", "Part"), ("Normal", "Text.")] * 200, table=(("x", ""),), merged=((0, 0, 0, 1),))
    began = time.process_time()
    assert len(sections("a.docx", with_columns(wide, 10**8))) == 200
    assert time.process_time() - began < 2


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_is_read_in_its_encoding_with_any_line_ends(encoding: str) -> None:
    content = "gr\u00fc\u00dfe\r\n\u4f60\u597d\rend".encode(encoding)
    assert parse("a.txt", content).sections == (Section(text="gr\u00fc\u00dfe\n\u4f60\u597d\nend"),)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.txt", b"", "empty"),
        ("a.txt", b" \n\t", "no text"),
        ("a.txt", "gr\u00fc\u00dfe".encode("latin-1"), "Byte 2 is not UTF-8"),
        ("a.txt", b"\xff\xfea", "UTF-16"),
        ("a.txt", b"a\x00b", "NUL"),
        ("a.txt", pdf("text"), "is a PDF"),
        ("a.md", b"\x89PNG\r\n", "PNG"),
        ("a.html", gzip.compress(b"x"), "gzip"),
        ("a.html", b"<html><script>only()</script></html>", "no text"),
        ("a.pdf", b"plain text", "none"),
        ("a.pdf", b"%PDF-1.4\nrubbish", "broken"),
        ("a.pdf", pdf("text")[:300], "broken"),
        ("a.pdf", blank_pdf(), "text recognition"),
        ("a.pdf", encrypted_pdf("text", "secret"), "encrypted"),
        ("a.docx", b"plain text", "none"),
        ("a.docx", docx(("Normal", "x"))[:-50], "none"),
        ("a.docx", zip_bomb(1024 * 2**10), "broken"),
        ("a.xlsx", b"x", "allowed are .txt"),
        ("README", b"x", "No suffix"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(name: str, content: bytes, reason: str) -> None:
    with pytest.raises(UnreadableDocument, match=reason):
        parse(name, content)


def test_files_that_unpack_to_a_flood_are_refused() -> None:
    with pytest.raises(UnreadableDocument, match="unpacks to"):
        parse("a.docx", zip_bomb(300 * 2**20))
    with pytest.raises(UnreadableDocument, match="no text"):  # pypdf stops unpacking a stream at 75 MB
        parse("a.pdf", pdf_bomb(300 * 2**20))


def test_a_pdf_that_only_forbids_printing_is_read() -> None:
    assert sections("a.pdf", encrypted_pdf("Open to all", "")) == [("page 1", "Open to all")]


def test_suffixes_are_known_in_any_case() -> None:
    assert sections("READ.ME.TXT", b"text") == [("", "text")]


def test_titles_and_headings_are_kept_within_bounds() -> None:
    document = parse("a.md", b"# " + b"long " * 10_000 + b"\n\ntext")
    assert len(document.title) <= MAX_TITLE_CHARACTERS
    assert len(document.sections[0].location) <= 120


def test_deeply_nested_html_is_read() -> None:
    assert sections("a.html", b"<div>" * 20_000 + b"deep" + b"<b>" * 1000 + b"er") == [("", "deeper")]


@pytest.mark.parametrize("name", ["a\x00b\ud800.txt", "x" * 5000 + ".txt"], ids=["NUL and half a character", "long"])
def test_a_title_that_is_the_files_name_can_be_stored(name: str) -> None:
    title = parse(name, b"text").title
    assert title in {"a\ufffdb\ufffd", "x" * 200}
