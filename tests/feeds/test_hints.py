"""Files that are nearly right: the message says what they seem to be, and what it says to write works."""

import pytest
from csv_files import START_S, all_rows_of, refusal

from feeds.files import file
from feeds.recorded import csv
from pipeline.errors import InputError, RxtapeError

ROW = f"{START_S},SPY,10"
FILES = {
    "a comma for decimals": (f"time,symbol,price\n{ROW}\n", {"decimal": ","}, "leave out --delimiter, and --decimal ,", {}),
    "another delimiter": (f"time,symbol,price\n{ROW}\n", {"delimiter": "tab"}, "leave out --delimiter", {}),
    "a bar for a semicolon": (
        f"time;symbol;price\n{ROW.replace(',', ';')}\n", {"delimiter": "|"}, "write --delimiter ';'", {"delimiter": ";"},
    ),
    "a slip of the pen": (f"time,symbol,Px.\n{ROW}\n", {"columns": {"prise": "Px."}}, "did you mean price?", {"columns": {"price": "Px."}}),
    "a time of a day": (
        "Date,Time,symbol,price\n2013-10-07,09:30:00,SPY,10\n", {"tz": "UTC"}, "write --columns time=Date+Time",
        {"tz": "UTC", "columns": {"time": "Date+Time"}},
    ),
    "a date in digits": (
        "date,symbol,price\n20240304,SPY,10\n", {"tz": "UTC"}, "it needs --time-format %Y%m%d", {"tz": "UTC", "time_format": "%Y%m%d"},
    ),
    "decimals after a comma": (f"time;symbol;price\n{START_S};SPY;10,0\n", {}, "need --decimal ,", {"decimal": ","}),
}  # fmt: skip


@pytest.mark.parametrize("case", FILES)
def test_what_the_message_says_to_write_works(tmp_path, case):
    text, wrong, said, right = FILES[case]
    (path := tmp_path / "ticks.csv").write_text(text)
    assert said in str(refusal(path, **wrong))
    (row,) = all_rows_of(csv(path, **right))[0]
    assert (row["symbol"], row["price"]) == ("SPY", 10.0)


@pytest.mark.parametrize(
    ("cell", "decimal", "said"),
    [
        ("$100", ".", "it has a currency sign"),
        ("100 €", ".", "it has a currency sign"),
        ('"1,100.00"', ".", "separators of thousands"),
        ("1.100,00", ".", "points between thousands: remove those from the file, and give --decimal ,"),
        ("1.100,00", ",", "points between thousands: remove those from the file"),
        ("1.100.000", ".", "points between thousands"),
    ],
)
def test_a_cell_that_a_person_reads_as_a_number_says_why_it_is_none(tmp_path, cell, decimal, said):
    (path := tmp_path / "ticks.csv").write_text(f"time;symbol;price\n{START_S};SPY;{cell}\n")
    assert said in str(refusal(path, decimal=decimal))


@pytest.mark.parametrize("name", ["ticks.csv", "ticks.jsonl"])
@pytest.mark.parametrize(("text", "said"), [('[{"time": 1, "price": 2}]', "jq -c '.[]'"), ('{"time": 1}', "ticks.jsonl")])
def test_json_is_told_from_csv(tmp_path, name, text, said):
    (path := tmp_path / name).write_text(text)
    with pytest.raises(RxtapeError) as found:
        file(path)
    assert said in str(found.value)


def test_a_comment_before_the_header_is_named(tmp_path):
    (path := tmp_path / "ticks.csv").write_text(f"\n# exported, by X\ntime,symbol,price\n{ROW}\n")
    with pytest.raises(InputError, match=r"Line 2 is a comment, and the header comes first: remove such lines, as in: grep -v '\^#'"):
        file(path)


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=,", "sep=\t"])
@pytest.mark.parametrize("header", [True, False])
def test_the_line_that_spreadsheets_read_is_passed_over(tmp_path, first, header):
    sign = first.strip('"')[-1]
    text = f"{first}\n" + ("time,symbol,price\n" if header else "") + f"{ROW}\n{START_S + 1},IBM,11\n"
    (path := tmp_path / "ticks.csv").write_text(text.replace(",", sign))
    told = {} if header else {"names": ["time", "symbol", "price"], "header": False}
    rows, refused = all_rows_of(csv(path, **told))
    assert ([row["symbol"] for row in rows], [row["line"] for row in rows], refused) == (["SPY", "IBM"], [2 + header, 3 + header], [])


def test_text_of_another_encoding_says_how_to_convert_it(tmp_path):
    for text in (f"time,symbol,price,größe\n{ROW},1\n", f"time,symbol,price\n{ROW.replace('SPY', 'SPÄ')}\n"):
        (path := tmp_path / "ticks.csv").write_bytes(text.encode("latin-1"))
        assert "iconv -f latin1 -t utf-8" in str(refusal(path))
