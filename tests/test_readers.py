"""Every format in: good files with all their fields, bad ones with the line that is wrong, and what names the files."""

import csv
import io
import json
import sys
import time
import tracemalloc
from itertools import count, islice
from pathlib import Path

import pytest

from index.errors import BadRecord, NoSuchPath
from index.papers import Paper
from index.readers import arxiv, read_file, read_papers

FIXTURES = Path(__file__).parent / "fixtures" / "readers"

SHIPS = "Lighthouse Nets: Guiding Small Ships With Large Maps"
SHIPS_TEXT = "Toy ships get lost near harbours. A net of 40 lamps brings 9 of 10 ships home, and no ship hits a rock."
SHEEP = "Counting Sheep Without Falling Asleep"
SHEEP_TEXT = "Shepherds doze off after 12 sheep. A whistle after every fifth sheep keeps them awake for a whole flock."
ADA_AND_BO = ("Ada Byron", "Bo Ek")
LIGHT = "https://example.org/light"
DOI = "10.1234/light.1"
ARXIV = "2101.00001"
ABS = "https://arxiv.org/abs/2101.00001"


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def outcome(path: Path) -> list[str | int | None]:
    """For every record its title, or the line at which it is bad."""
    return [record.title if isinstance(record, Paper) else record.line for record in read_file(path)]


def problem(path: Path) -> BadRecord:
    """The one bad record of a file."""
    (bad,) = [record for record in read_file(path) if isinstance(record, BadRecord)]
    return bad


def ships(**fields: object) -> Paper:
    return Paper(SHIPS, SHIPS_TEXT, **fields)  # type: ignore[arg-type]


def sheep(**fields: object) -> Paper:
    return Paper(SHEEP, SHEEP_TEXT, **fields)  # type: ignore[arg-type]


known = {"year": 2021, "authors": ADA_AND_BO, "doi": DOI, "arxiv": ARXIV}


@pytest.mark.parametrize(
    ("name", "papers"),
    [
        pytest.param("plain.jsonl", [ships(id="light-1", url=LIGHT, **known), sheep()], id="json-lines"),
        pytest.param("plain.json", [ships(id="light-1", url=LIGHT, **known), sheep()], id="json-list"),
        pytest.param("wrapped.json", [ships(id="light-1", url=LIGHT, **known), sheep()], id="json-list-in-an-object"),
        pytest.param(
            "csl.json",
            [
                ships(url=LIGHT, **{**known, "authors": ("Ada Byron", "Ek, Bo and Friends")}),
                sheep(year=2019, authors=("Jan van den Berg",)),
            ],
            id="csl-json",
        ),
        pytest.param(
            "zotero.csv",
            [
                ships(url="http://arxiv.org/abs/2101.00001", **known),
                Paper(
                    'Counting "Sheep" Without Falling Asleep',
                    "Shepherds doze off after 12 sheep.\nA whistle after every fifth sheep, \n"
                    '"tweet", keeps them awake for a whole flock.',
                    year=2019,
                ),
            ],
            id="zotero-csv",
        ),
        pytest.param(
            "table.tsv",
            [
                ships(
                    year=2021, authors=("Ada Byron", "Bo O'Ek"), url="https://arxiv.org/pdf/2101.00001v2", arxiv="2101.00001v2"
                ),
                sheep(authors=("Ada Byron", "Bo Ek", "Cy Oz")),
            ],
            id="tsv",
        ),
        pytest.param(
            "arxiv-snapshot.json",
            [
                ships(url=ABS, **{**known, "authors": ("Ada Byron", "Bo Ek Jr")}),
                sheep(year=2019, authors=("J. van den Berg",), url="https://arxiv.org/abs/cs/0101001", arxiv="cs/0101001"),
            ],
            id="arxiv-snapshot",
        ),
        pytest.param(
            "openalex.jsonl",
            [ships(url=LIGHT, **{**known, "doi": "10.48550/arxiv.2101.00001"}), sheep(url="https://openalex.org/W2")],
            id="openalex",
        ),
        pytest.param(
            "semanticscholar.jsonl",
            [ships(url="https://www.semanticscholar.org/paper/aa11", **known), sheep()],
            id="semantic-scholar",
        ),
        pytest.param(
            "papers.bib",
            [
                ships(
                    year=2021,
                    authors=("Ada Byron", "Harbour School, Ltd.", "Jan van den Berg"),
                    url="https://example.org/light_house",
                    doi="10.1234/light_1",
                    arxiv=ARXIV,
                ),
                Paper(
                    "Counting Sheep Without Falling Asleep à la Łukasz",
                    r"Shepherds doze off after 12 sheep, which is 30\% of a flock.",
                    year=2019,
                    authors=("Pál Erdős", "Bo Müller"),
                ),
            ],
            id="bibtex",
        ),
        pytest.param(
            "papers.ris",
            [
                ships(url="http://arxiv.org/abs/2101.00001", **{**known, "authors": ("Ada Byron", "Bo Ek Jr")}),
                sheep(year=2019, authors=("Bo Ek",)),
            ],
            id="ris",
        ),
        pytest.param("table.parquet", [ships(url=ABS, **known), sheep()], id="parquet"),
        pytest.param("page-glued.txt", [ships(), sheep()], id="trending-page-glued"),
        pytest.param("page-dated.txt", [ships(), sheep()], id="trending-page-dated"),
    ],
)
def test_every_field_of_a_good_file(name, papers):
    if name.endswith(".parquet"):
        pytest.importorskip("pyarrow")
    assert list(read_file(FIXTURES / name)) == [paper.also_in((name,)) for paper in papers]


# One good, one bad, one good record in every format: the bad one is named by its line, the others come through.

GOOD = "Shepherds count sheep. They stay awake until dawn."


def json_lines(*records: object) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def plain(title: object, abstract: object) -> dict[str, object]:
    return {"title": title, "abstract": abstract}


def arxiv_record(title: object, abstract: object) -> dict[str, object]:
    return {"id": "2101.00001", "title": title, "abstract": abstract, "versions": [], "authors_parsed": []}


def openalex_work(title: object, abstract: object) -> dict[str, object]:
    words = {word: [place] for place, word in enumerate(str(abstract).split())}
    return {"title": title, "abstract_inverted_index": words if abstract else abstract, "authorships": []}


def scholar_paper(title: object, abstract: object) -> dict[str, object]:
    return {"paperId": "a1", "title": title, "abstract": abstract}


def csl_item(title: object, abstract: object) -> dict[str, object]:
    return {"id": "x", "title": title, "abstract": abstract, "issued": {"date-parts": [[2020]]}}


def json_list(*records: object) -> str:
    return json.dumps(records, indent=1)


def table(*records: tuple[object, object]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([("title", "abstract"), *records])
    return out.getvalue()


def bibtex(*records: tuple[str | None, str | None]) -> str:
    return "".join(
        f"@misc{{key{n},\n"
        + "".join(f"  {name} = {{{value}}},\n" for name, value in zip(("title", "abstract"), record, strict=True) if value)
        + "}\n"
        for n, record in enumerate(records)
    )


def ris(*records: tuple[str | None, str | None]) -> str:
    return "".join(f"TY  - JOUR\nTI  - {title or ''}\nAB  - {abstract or ''}\nER  - \n" for title, abstract in records)


FORMATS = [
    pytest.param("x.jsonl", lambda *r: json_lines(*(plain(*x) for x in r)), 2, id="json-lines"),
    pytest.param("x.json", lambda *r: json_list(*(plain(*x) for x in r)), 6, id="json-list"),
    pytest.param("x.json", lambda *r: json.dumps({"items": [plain(*x) for x in r]}), 1, id="json-on-one-line"),
    pytest.param("x.json", lambda *r: json_list(*(csl_item(*x) for x in r)), 14, id="csl-json"),
    pytest.param("x.json", lambda *r: json_lines(*(arxiv_record(*x) for x in r)), 2, id="arxiv-snapshot"),
    pytest.param("x.jsonl", lambda *r: json_lines(*(openalex_work(*x) for x in r)), 2, id="openalex"),
    pytest.param("x.json", lambda *r: json.dumps({"results": [openalex_work(*x) for x in r]}), 1, id="openalex-answer"),
    pytest.param("x.jsonl", lambda *r: json_lines(*(scholar_paper(*x) for x in r)), 2, id="semantic-scholar"),
    pytest.param("x.csv", table, 3, id="csv"),
    pytest.param("x.bib", bibtex, 5, id="bibtex"),
    pytest.param("x.ris", ris, 5, id="ris"),
]


@pytest.mark.parametrize(("name", "make", "line"), FORMATS)
@pytest.mark.parametrize(
    ("title", "abstract", "words"),
    [
        pytest.param(None, GOOD, "no title", id="no-title"),
        pytest.param("Bad", None, "no abstract for 'Bad'", id="no-abstract"),
        pytest.param("Bad", "N/A", "no abstract for 'Bad', only 'N/A'", id="not-applicable"),
        pytest.param("Bad", "None", "only 'None'", id="none"),
        pytest.param("Bad", "null", "only 'null'", id="null"),
        pytest.param("Bad", "-", "only '-'", id="dash"),
        pytest.param("Bad", "No abstract available.", "only 'No abstract", id="none-available"),
    ],
)
def test_a_record_that_lacks_something_costs_only_itself(tmp_path, name, make, line, title, abstract, words):
    path = write(tmp_path, name, make(("First", GOOD), (title, abstract), ("Last", GOOD)))
    assert outcome(path) == ["First", line, "Last"]
    assert words in str(problem(path))
    assert str(problem(path)).startswith(f"{path}, line {line}: ")


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        pytest.param(
            "x.jsonl",
            json_lines(plain("First", GOOD)) + '{"title": "Bad", "abstract\n' + json_lines(plain("Last", GOOD)),
            ["First", 2, "Last"],
            id="json-lines",
        ),
        pytest.param(
            "x.json",
            json_list(plain("First", GOOD), plain("Bad", GOOD), plain("Last", GOOD)).replace('"Bad",', '"Bad" oops'),
            ["First", 6, "Last"],
            id="json-list",
        ),
        pytest.param(
            "x.json",
            json.dumps([plain("First", GOOD), plain("Bad", GOOD), plain("Last", GOOD)]).replace('"Bad",', '"Bad",,'),
            ["First", 1, "Last"],
            id="json-on-one-line",
        ),
        pytest.param(
            "x.json",
            json_lines(arxiv_record("First", GOOD)) + '{"id": 1, "title"\n' + json_lines(arxiv_record("Last", GOOD)),
            ["First", 2, "Last"],
            id="arxiv-snapshot",
        ),
        pytest.param(
            "x.csv",
            f'title,abstract\nFirst,{GOOD}\nBad,"{GOOD}\nLast,"{GOOD}"\n',
            ["First", 3, "Last"],
            id="csv-quote-not-closed",
        ),
        pytest.param(
            "x.csv",
            f'title,abstract\nFirst,{GOOD}\nBad,"{GOOD}\n\nIts second line\nLast,{GOOD}\n',
            ["First", 3, "Last"],
            id="csv-quote-not-closed-over-lines",
        ),
        pytest.param("x.csv", f"title,abstract\nBad,one, two\nLast,{GOOD}\n", [2, "Last"], id="csv-too-many-columns"),
        pytest.param(
            "x.bib",
            bibtex(("First", GOOD)) + "\n@misc{bad,\n  title = {Bad,\n  year = 2020\n}\n\n" + bibtex(("Last", GOOD)),
            ["First", 6, "Last"],
            id="bibtex-brace-not-closed",
        ),
        pytest.param(
            "x.bib",
            bibtex(("First", GOOD)) + "@misc{bad\n  title = {Bad}\n}\n" + bibtex(("Last", GOOD)),
            ["First", 5, "Last"],
            id="bibtex-no-comma",
        ),
        pytest.param(
            "x.ris",
            ris(("First", GOOD)) + "TY  - JOUR\nTI  - Bad\n" + ris(("Last", GOOD)),
            ["First", 5, "Last"],
            id="ris-no-end",
        ),
        pytest.param(
            "x.ris",
            ris(("First", GOOD)) + f"TI  - Bad\nAB  - {GOOD}\nER  - \n" + ris(("Last", GOOD)),
            ["First", 5, "Last"],
            id="ris-no-start",
        ),
        pytest.param("x.txt", f"Subscribe\nFirst\n{GOOD}\nBad\nLast\n{GOOD}\n", ["First", 4, "Last"], id="trending-page"),
    ],
)
def test_a_broken_record_in_the_middle_costs_only_itself(tmp_path, name, content, expected):
    assert outcome(write(tmp_path, name, content)) == expected


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        pytest.param("x.jsonl", json_lines(plain("First", GOOD), plain("Cut", GOOD))[:-20], 2, id="json-lines"),
        pytest.param("x.json", json_list(plain("First", GOOD), plain("Cut", GOOD))[:-20], 6, id="json-list"),
        pytest.param(
            "x.json", json_lines(arxiv_record("First", GOOD), arxiv_record("Cut", GOOD))[:-90], 2, id="arxiv-snapshot"
        ),
        pytest.param("x.csv", table(("First", GOOD), ("Cut", "Sheep, and more\nsheep"))[:-5], 3, id="csv-in-quotes"),
        pytest.param("x.csv", table(("First", GOOD), ("Cut", ""))[:-2], 3, id="csv-before-the-abstract"),
        pytest.param("x.bib", bibtex(("First", GOOD), ("Cut", GOOD))[:-8], 5, id="bibtex"),
        pytest.param("x.ris", ris(("First", GOOD), ("Cut", GOOD))[:-8], 5, id="ris"),
        pytest.param("x.txt", f"Subscribe\nFirst\n{GOOD}\nCut\n", 4, id="trending-page"),
    ],
)
def test_a_file_that_breaks_off_gives_what_came_before(tmp_path, name, content, line):
    assert outcome(write(tmp_path, name, content)) == ["First", line]


@pytest.mark.parametrize("name", sorted(path.name for path in FIXTURES.iterdir()))
def test_a_file_cut_anywhere_is_read_or_reported(tmp_path, name):
    if name.endswith(".parquet"):
        pytest.importorskip("pyarrow")
    data = (FIXTURES / name).read_bytes()
    for size in range(0, len(data), 7):
        records = list(read_file(write(tmp_path, name, data[:size])))
        assert records
        assert all(isinstance(record, Paper | BadRecord) for record in records)


@pytest.mark.parametrize(
    ("name", "make"),
    [
        pytest.param("x.jsonl", lambda title: json.dumps(plain(title, GOOD), ensure_ascii=False) + "\n", id="json-lines"),
        pytest.param("x.json", lambda title: json.dumps([plain(title, GOOD)], ensure_ascii=False), id="json"),
        pytest.param("x.csv", lambda title: f"title,abstract\n{title},{GOOD}\n", id="csv"),
        pytest.param("x.bib", lambda title: bibtex((title, GOOD)), id="bibtex"),
        pytest.param("x.ris", lambda title: ris((title, GOOD)), id="ris"),
        pytest.param("x.txt", lambda title: f"Subscribe{title}\n{GOOD}\n", id="trending-page"),
    ],
)
@pytest.mark.parametrize(
    "encode",
    [
        pytest.param(lambda text: text.encode(), id="utf-8"),
        pytest.param(lambda text: text.encode("utf-8-sig"), id="utf-8-with-mark"),
        pytest.param(lambda text: text.encode("cp1252"), id="windows-1252"),
        pytest.param(lambda text: text.encode("utf-16"), id="utf-16"),
        pytest.param(lambda text: b"\xfe\xff" + text.encode("utf-16-be"), id="utf-16-big-endian"),
        pytest.param(lambda text: text.replace("\n", "\r\n").encode(), id="crlf"),
        pytest.param(lambda text: text.replace("\n", "\r").encode(), id="cr"),
    ],
)
def test_encodings_and_line_endings(tmp_path, name, make, encode):
    assert outcome(write(tmp_path, name, encode(make("Étude “naïve” … müde")))) == ["Étude “naïve” … müde"]


def test_a_windows_byte_far_into_a_utf8_file(tmp_path):
    lines = [json.dumps(plain(f"Étude {n}", GOOD), ensure_ascii=False).encode() for n in range(2000)]
    path = write(tmp_path, "x.jsonl", b"\n".join([*lines, json.dumps(plain("M?de", GOOD)).encode().replace(b"?", b"\xfc")]))
    titles = outcome(path)
    assert titles[0] == "Étude 0"
    assert titles[-1] == "Müde"


@pytest.mark.parametrize(
    "content", [b"", b"\n \n", b"\xef\xbb\xbf", b"\xff\xfe"], ids=["empty", "blank", "mark", "utf-16-mark"]
)
@pytest.mark.parametrize("name", ["x.jsonl", "x.csv", "x.bib", "x.parquet", "x"])
def test_an_empty_file(tmp_path, name, content):
    assert str(problem(write(tmp_path, name, content))) == f"{tmp_path / name}: the file is empty"


@pytest.mark.parametrize("name", ["x.jsonl", "x.csv", "x.bib", "x.ris", "x.txt", "x.parquet", "x.pdf"])
def test_a_binary_file(tmp_path, name):
    bad = problem(write(tmp_path, name, b"%PDF-1.7\n" + bytes(range(256)) * 10))
    assert bad.line is None
    assert "expected " in bad.reason
    assert bad.reason.endswith("found a binary file")


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        pytest.param("x.jsonl", "hello\n", "expected JSON Lines (an object such as", id="json-lines-text"),
        pytest.param("x.jsonl", '"hello"\n', "expected an object, found", id="json-lines-string"),
        pytest.param("x.jsonl", '{"name": "A", "text": "B"}\n', "no title among 'name', 'text'", id="json-lines-other-fields"),
        pytest.param("x.json", "hello\n", "expected JSON (a list of objects", id="json-text"),
        pytest.param("x.json", "[1]", "expected an object, found 1; a file of JSON (a list", id="json-numbers"),
        pytest.param("x.json", "[]", "holds no papers; expected JSON (a list", id="json-empty-list"),
        pytest.param(
            "x.csv", "name,text\na,b\n", "no column 'title' among 'name', 'text'; expected CSV", id="csv-other-columns"
        ),
        pytest.param("x.csv", "title,text\na,b\n", "no column 'abstract'", id="csv-no-abstract"),
        pytest.param("x.csv", "title,abstract\n", "holds no papers; expected CSV", id="csv-only-names"),
        pytest.param("x.bib", "hello\n", "expected BibTeX (entries such as @article", id="bibtex-text"),
        pytest.param("x.ris", "hello\n", "expected RIS (records from `TY  - `", id="ris-text"),
        pytest.param("x.txt", "hello\n", "expected a saved trending-papers page (header", id="trending-page-text"),
        pytest.param("x.md", "# hello\n", "one of: the arXiv metadata snapshot, OpenAlex works", id="unknown-ending"),
    ],
)
def test_another_shape_than_expected(tmp_path, name, content, expected):
    bad = problem(write(tmp_path, name, content))
    assert bad.line == 1
    assert expected in bad.reason


@pytest.mark.parametrize("name", sorted({path.name for path in FIXTURES.iterdir()} - {"table.parquet"}))
def test_the_content_tells_the_format_whatever_the_ending(tmp_path, name):
    renamed = write(tmp_path, "renamed.dat", (FIXTURES / name).read_bytes())
    assert outcome(renamed) == outcome(FIXTURES / name)


class TestFields:
    @pytest.mark.parametrize(
        ("given", "doi"),
        [
            pytest.param("10.1234/a.b", "10.1234/a.b", id="plain"),
            pytest.param("https://doi.org/10.1234/a.b", "10.1234/a.b", id="address"),
            pytest.param("http://dx.doi.org/10.1234/a.b", "10.1234/a.b", id="old-address"),
            pytest.param("doi: 10.1234/a.b.", "10.1234/a.b", id="prefix-and-full-stop"),
            pytest.param("pending", None, id="no-doi"),
        ],
    )
    def test_dois(self, tmp_path, given, doi):
        (paper,) = read_file(write(tmp_path, "x.jsonl", json_lines({**plain("A", GOOD), "doi": given})))
        assert paper.doi == doi

    def test_a_doi_that_only_the_address_has(self, tmp_path):
        address = "https://doi.org/10.1234/a.b"
        (paper,) = read_file(write(tmp_path, "x.jsonl", json_lines({**plain("A", GOOD), "url": address})))
        assert (paper.doi, paper.url) == ("10.1234/a.b", address)

    @pytest.mark.parametrize(
        ("fields", "arxiv_id"),
        [
            pytest.param({"arxiv": "2101.00001"}, "2101.00001", id="plain"),
            pytest.param({"arxiv_id": "arXiv:2101.00001v3 [cs.SH]"}, "2101.00001v3", id="prefix-version-class"),
            pytest.param({"arXiv ID": "hep-th/9901001"}, "hep-th/9901001", id="old-style"),
            pytest.param({"id": "2101.00001"}, "2101.00001", id="as-id"),
            pytest.param({"id": "http://arxiv.org/abs/2101.00001v1"}, "2101.00001v1", id="address-as-id"),
            pytest.param({"url": "https://arxiv.org/pdf/2101.00001.pdf"}, "2101.00001", id="pdf-address"),
            pytest.param({"doi": "10.48550/arXiv.2101.00001"}, "2101.00001", id="doi"),
            pytest.param({"id": "paper/1234567"}, None, id="another-id"),
            pytest.param({"id": "17", "url": "https://example.org/2101.00001"}, None, id="another-address"),
        ],
    )
    def test_arxiv_ids(self, tmp_path, fields, arxiv_id):
        (paper,) = read_file(write(tmp_path, "x.jsonl", json_lines({**plain("A", GOOD), **fields})))
        assert paper.arxiv == arxiv_id

    @pytest.mark.parametrize(
        ("given", "url"),
        [
            pytest.param({"url": " https://example.org/a "}, "https://example.org/a", id="address"),
            pytest.param({"url": "javascript:alert(1)"}, None, id="script"),
            pytest.param({"doi": "10.1234/a"}, "https://doi.org/10.1234/a", id="from-the-doi"),
            pytest.param({"arxiv": "2101.00001"}, ABS, id="from-the-arxiv-id"),
        ],
    )
    def test_addresses(self, tmp_path, given, url):
        (paper,) = read_file(write(tmp_path, "x.jsonl", json_lines({**plain("A", GOOD), **given})))
        assert paper.url == url

    @pytest.mark.parametrize(
        ("given", "year"),
        [
            pytest.param(2020, 2020, id="number"),
            pytest.param(2020.0, 2020, id="float"),
            pytest.param("2020", 2020, id="text"),
            pytest.param("5 May 2020", 2020, id="date"),
            pytest.param("2020-05-05T00:00:00Z", 2020, id="iso-date"),
            pytest.param("soon", None, id="word"),
            pytest.param(12020, None, id="too-large"),
            pytest.param(None, None, id="null"),
        ],
    )
    def test_years(self, tmp_path, given, year):
        (paper,) = read_file(write(tmp_path, "x.jsonl", json_lines({**plain("A", GOOD), "year": given})))
        assert paper.year == year

    @pytest.mark.parametrize(
        ("given", "authors"),
        [
            pytest.param(["Ada Byron", "Ek, Bo"], ADA_AND_BO, id="list"),
            pytest.param("Ada Byron; Bo Ek", ADA_AND_BO, id="semicolons"),
            pytest.param("Byron, Ada; Ek, Bo", ADA_AND_BO, id="last-names-first"),
            pytest.param("Ada Byron, Bo Ek", ADA_AND_BO, id="commas"),
            pytest.param("Byron, Ada and Ek, Bo", ADA_AND_BO, id="last-names-first-and"),
            pytest.param("Ada Byron, Bo Ek, and Cy Oz", ("Ada Byron", "Bo Ek", "Cy Oz"), id="commas-and-and"),
            pytest.param("Byron, Ada", ("Ada Byron",), id="one-last-name-first"),
            pytest.param("Bo Ek, Jr.", ("Bo Ek, Jr.",), id="generation"),
            pytest.param("['Ada Byron' \"Bo O'Ek\"]", ("Ada Byron", "Bo O'Ek"), id="list-as-text"),
            pytest.param([{"name": "Ada Byron"}, {"family": "Ek", "given": "Bo"}, {}, None], ADA_AND_BO, id="objects"),
            pytest.param(7, (), id="number"),
        ],
    )
    def test_authors(self, tmp_path, given, authors):
        (paper,) = read_file(write(tmp_path, "x.jsonl", json_lines({**plain("A", GOOD), "authors": given})))
        assert paper.authors == authors

    def test_half_a_character_is_not_kept(self, tmp_path):
        (paper,) = read_file(write(tmp_path, "x.jsonl", r'{"title": "A \ud800", "abstract": "Sheep \udc00 sleep."}'))
        assert paper.abstract == "Sheep ? sleep."
        assert len(paper.digest) == 32

    def test_the_other_fields_of_a_record_may_have_any_shape(self, tmp_path):
        odd = {"authors_parsed": [7, []], "versions": {}, "update_date": [], "doi": {}}
        (paper,) = read_file(write(tmp_path, "x.json", json_lines({**arxiv_record("A", GOOD), **odd})))
        assert (paper.authors, paper.year, paper.doi) == ((), None, None)


class TestBibtex:
    def test_the_same_key_twice_is_two_papers(self, tmp_path):
        text = bibtex(("First", GOOD)) + bibtex(("Last", GOOD))
        assert outcome(write(tmp_path, "x.bib", text)) == ["First", "Last"]

    def test_of_a_field_given_twice_the_first_counts(self, tmp_path):
        text = f"@misc{{k, title = {{First}}, title = {{Second}}, abstract = {{{GOOD}}}}}"
        assert outcome(write(tmp_path, "x.bib", text)) == ["First"]

    @pytest.mark.parametrize(
        ("fields", "arxiv_id"),
        [
            pytest.param("eprint = {2101.00001}, archiveprefix = {arXiv}", "2101.00001", id="archiveprefix"),
            pytest.param("eprint = {2101.00001}, eprinttype = {arxiv}", "2101.00001", id="biblatex"),
            pytest.param("eprint = {2101.00001}", "2101.00001", id="eprint-alone"),
            pytest.param("eprint = {2101.00001}, archiveprefix = {HAL}", None, id="another-archive"),
            pytest.param("url = {http://arxiv.org/abs/2101.00001}", "2101.00001", id="address"),
        ],
    )
    def test_eprints(self, tmp_path, fields, arxiv_id):
        (paper,) = read_file(write(tmp_path, "x.bib", f"@misc{{k, title = {{A}}, abstract = {{{GOOD}}}, {fields}}}"))
        assert paper.arxiv == arxiv_id


def test_openalex_puts_words_that_repeat_in_their_places(tmp_path):
    work = {**openalex_work("A", ""), "abstract_inverted_index": {"sheep": [1, 3], "the": [0, 2], "sleep.": [4]}}
    (paper,) = read_file(write(tmp_path, "x.jsonl", json_lines(work)))
    assert paper.abstract == "the sheep the sheep sleep."


def test_csv_with_semicolons(tmp_path):
    assert outcome(write(tmp_path, "x.csv", 'Title;Abstract\nA;"One; two, three."\n')) == ["A"]


def test_csv_with_a_field_of_megabytes(tmp_path):
    assert outcome(write(tmp_path, "x.csv", f"title,abstract,text\nA,{GOOD},{'x' * 3_000_000}\n")) == ["A"]


def test_ris_abstract_in_several_lines_and_tags(tmp_path):
    text = "TY  - JOUR\nTI  - A\nAB  - One sheep.\nTwo sheep.\nAB  - Three sheep.\nER  -\n"
    (paper,) = read_file(write(tmp_path, "x.ris", text))
    assert paper.abstract == "One sheep. Two sheep. Three sheep."


class TestParquet:
    @pytest.fixture(autouse=True)
    def _needs_pyarrow(self):
        pytest.importorskip("pyarrow")

    def write(self, path: Path, **columns: list[object]) -> Path:
        import pyarrow as pa
        import pyarrow.parquet

        pyarrow.parquet.write_table(pa.table(columns), path, row_group_size=2, compression="none", use_dictionary=False)
        return path

    def test_a_bad_row_is_named_by_its_number(self, tmp_path):
        path = self.write(tmp_path / "x.parquet", Title=["First", "Bad", None, "Last"], summary=[GOOD, "N/A", GOOD, GOOD])
        records = list(read_file(path))
        assert [str(r) if isinstance(r, BadRecord) else r.title for r in records] == [
            "First",
            f"{path}: row 2: there is no abstract for 'Bad', only 'N/A'",
            f"{path}: row 3: there is no title",
            "Last",
        ]

    def test_other_columns(self, tmp_path):
        bad = problem(self.write(tmp_path / "x.parquet", name=["A"], text=["B"]))
        assert "no column 'title' among 'name', 'text'; expected Parquet (a table" in bad.reason

    def test_a_damaged_part_costs_only_itself(self, tmp_path):
        path = self.write(tmp_path / "x.parquet", title=["A", "B", "C", "D"], abstract=[GOOD] * 4)
        data = path.read_bytes()
        path.write_bytes(b"PAR1" + b"\xff" * 40 + data[44:])
        *_, third, fourth = records = list(read_file(path))
        assert isinstance(records[0], BadRecord)
        assert "rows 1 to 2" in records[0].reason
        assert (third.title, fourth.title) == ("C", "D")

    def test_a_file_that_breaks_off(self, tmp_path):
        data = self.write(tmp_path / "x.parquet", title=["A"], abstract=[GOOD]).read_bytes()
        assert "damaged" in problem(write(tmp_path, "x.parquet", data[:-20])).reason

    def test_the_first_bytes_tell_the_format_whatever_the_ending(self, tmp_path):
        assert outcome(self.write(tmp_path / "x.dat", title=["A"], abstract=[GOOD])) == ["A"]


@pytest.mark.parametrize(
    ("name", "module", "command"),
    [
        pytest.param("papers.bib", "bibtexparser", "`pip install 'bibtexparser>=2.1'`", id="bibtex"),
        pytest.param("papers.ris", "rispy", "`pip install rispy`", id="ris"),
        pytest.param("table.parquet", "pyarrow", "`pip install paper-assistant[parquet]`", id="parquet"),
    ],
)
def test_a_library_that_is_not_installed_is_named_with_its_remedy(monkeypatch, name, module, command):
    for loaded in [*(m for m in sys.modules if m.startswith(f"{module}.")), module]:
        monkeypatch.setitem(sys.modules, loaded, None)
    bad = problem(FIXTURES / name)
    assert f"needs {module}" in bad.reason
    assert command in bad.reason


class TestStreaming:
    def test_the_first_record_of_an_endless_snapshot(self, tmp_path):
        path = write(tmp_path, "snapshot.json", json_lines(*(arxiv_record(f"A {n}", GOOD) for n in range(1000))))
        with path.open("r+b") as file:
            file.truncate(1 << 33)  # a hole of 8 GB that takes no room on disk
        started = time.monotonic()
        assert [paper.title for paper in islice(read_papers([path]), 3)] == ["A 0", "A 1", "A 2"]
        assert time.monotonic() - started < 5

    def test_a_snapshot_takes_the_same_memory_however_long_it_is(self, tmp_path):
        path = tmp_path / "snapshot.json"
        with path.open("w") as file:
            file.writelines(json_lines(arxiv_record(f"A {n}", GOOD * 20)) for n in range(8_000))
        tracemalloc.start()
        assert sum(1 for _ in arxiv.read(path)) == 8_000
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 1_000_000 < path.stat().st_size / 8

    def test_nothing_is_read_before_it_is_asked_for(self, tmp_path):
        papers = read_papers([FIXTURES / "plain.jsonl", write(tmp_path, "gone.jsonl", json_lines(plain("A", GOOD)))])
        assert isinstance(next(papers), Paper)
        (tmp_path / "gone.jsonl").unlink()
        assert isinstance(list(papers)[-1], BadRecord)


class TestPaths:
    @pytest.fixture
    def folder(self, tmp_path):
        number = count(1)
        for name in ("b.jsonl", "a.JSONL", "deep/er/c.csv", "notes.md", "deep/image.png"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            title = f"Paper {next(number)}"
            write(tmp_path, name, table((title, GOOD)) if name.endswith("csv") else json_lines(plain(title, GOOD)))
        return tmp_path

    def test_a_folder_stands_for_the_known_files_in_it(self, folder):
        assert [paper.sources for paper in read_papers([folder])] == [("a.JSONL",), ("b.jsonl",), ("c.csv",)]

    def test_what_is_hidden_in_a_folder_is_left_alone(self, folder):
        (folder / ".index").mkdir()
        write(folder, ".index/manifest.json", "{}")
        write(folder, ".hidden.jsonl", "")
        assert all(isinstance(record, Paper) for record in read_papers([folder]))
        assert [paper.title for paper in read_papers([FIXTURES / ".." / "readers" / "plain.jsonl"])] == [SHIPS, SHEEP]

    def test_globs(self, folder):
        assert [paper.sources for paper in read_papers([folder / "*.jsonl"])] == [("b.jsonl",)]
        assert [paper.sources for paper in read_papers([f"{folder}/**/*.csv"])] == [("c.csv",)]

    def test_a_file_named_twice_is_read_once(self, folder):
        assert len(list(read_papers([folder, folder / "b.jsonl", folder / "b*"]))) == 3

    def test_a_file_is_read_whatever_its_ending(self, folder):
        assert [paper.title for paper in read_papers([folder / "notes.md"])] == ["Paper 4"]

    @pytest.mark.parametrize("missing", ["nowhere", "nowhere/*.jsonl", "b.jsonl/x"])
    def test_a_path_that_names_nothing(self, folder, missing):
        with pytest.raises(NoSuchPath, match="there is no such file or folder"):
            next(read_papers([folder / "b.jsonl", folder / missing]))

    def test_a_folder_without_papers(self, tmp_path):
        (bad,) = read_papers([tmp_path])
        assert str(bad).startswith(f"{tmp_path}: no file in this folder ends in .bib, ")

    def test_one_bad_file_does_not_stop_the_next(self, tmp_path):
        write(tmp_path, "a.jsonl", b"\x00\x01")
        write(tmp_path, "b.jsonl", json_lines(plain("A", GOOD)))
        bad, good = read_papers([tmp_path])
        assert (bad.path.name, good.title) == ("a.jsonl", "A")
