import pytest

from projgan.errors import LONGEST_MESSAGE, UserError, reading, reason_of, shortened, visible


@pytest.mark.parametrize("escape", ["\x1b[31m", "\x07", "\x9b2J", "\u202e", "\r", "\n", "\udcff", "\x00"])
def test_what_a_terminal_obeys_is_shown(escape: str) -> None:
    shown = visible(f"é{escape}猫")
    assert shown.isprintable()
    assert shown.startswith("é\\")
    assert shown.endswith("猫")


def test_escapes_are_those_that_python_reads_back() -> None:
    assert visible("a\x1b\u202e\U000e0001") == "a\\x1b\\u202e\\U000e0001"
    assert visible("as it is") == "as it is"


def test_a_long_message_keeps_its_place_and_its_remedy() -> None:
    message = shortened(f"data.zip has a member named {'x' * 5000!r}, which is too long; do not trust it")
    assert message.startswith("data.zip has a member named 'xxx")
    assert message.endswith("xxx', which is too long; do not trust it")
    assert "…" in message
    assert len(message) <= LONGEST_MESSAGE
    sentence = "word " * 200
    assert len(shortened(sentence)) == LONGEST_MESSAGE
    assert shortened("short") == "short"


def test_a_long_quote_is_cut_and_what_stands_beside_it_is_not() -> None:
    quote = "a " * 200
    assert shortened(f"class '{quote}' is not there; known: cat") == (
        f"class '{quote[:79]}…{quote[-78:]}' is not there; known: cat"
    )


@pytest.mark.parametrize(
    "error", [KeyError("x"), AttributeError("y"), MemoryError(), RecursionError("z"), OSError(5, "io")]
)
def test_whatever_a_library_raises_is_one_line_with_the_place(error: Exception) -> None:
    with (
        pytest.raises(
            UserError, match=r"^f\.zip: cannot be read as an archive \(.+\); make it again$"
        ) as caught,
        reading("f.zip", "an archive", "make it again"),
    ):
        raise error
    assert caught.value.__cause__ is error


def test_an_error_for_people_and_an_interruption_pass() -> None:
    with pytest.raises(UserError, match=r"^mine$"), reading("f", "a", "b"):
        raise UserError("mine")
    with pytest.raises(KeyboardInterrupt), reading("f", "a", "b"):
        raise KeyboardInterrupt


def test_a_reason_is_a_few_words_on_one_line() -> None:
    assert reason_of(ValueError("one\n two\x1b")) == "one two\\x1b"
    assert reason_of(ValueError()) == "ValueError"
    assert reason_of(MemoryError()) == "it does not fit into memory"
    assert len(reason_of(ValueError("word " * 1000))) == 120
