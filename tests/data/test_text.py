"""Text: what is bundled, its cut without a shared stretch, files of one's own, vocabularies and blocks."""

import hashlib
import json
import pickle
import sys

import pytest
import torch
from mutation import RED, Checks

from distill_helpers.checks import InputError
from distill_helpers.data.text import (
    CharacterVocabulary,
    SubwordVocabulary,
    bundling,
    cut_text,
    pydoc,
    pydoc_text,
    pydoc_topics,
    token_blocks,
    train_subwords,
)
from distill_helpers.data.text.repeats import STRETCH

of = Checks("distill_helpers.data.text", red=(*RED, pytest.fail.Exception, IndexError))
ABC = CharacterVocabulary("abc")


def stretches(text, length=STRETCH):
    joined = " ".join(text.split())
    return {joined[i : i + length] for i in range(len(joined) - length + 1)}


# ---- what is bundled -----------------------------------------------------------------------------------------------------------


def test_the_bundled_text_is_whole():
    topics = pydoc_topics()
    assert len(topics) == 79 and sum(map(len, topics.values())) == 464_970
    assert len(set().union(*topics.values())) == 103 and topics["assert"].startswith('The "assert" statement\n')
    assert bundling.packed({"b": "é", "a": "x"}) == bundling.packed({"a": "x", "b": "é"})  # the same bytes each time
    assert hashlib.sha256(pydoc.BUNDLED.read_bytes()).hexdigest() == pydoc.SHA256
    licence = (pydoc.BUNDLED.parent / "pydoc_topics.LICENSE.txt").read_text(encoding="utf-8")
    assert "PYTHON SOFTWARE FOUNDATION LICENSE VERSION 2" in licence
    assert "pydoc_topics.json.gz" in (pydoc.BUNDLED.parent / "NOTICE.md").read_text(encoding="utf-8")


def test_a_damaged_file_is_named(tmp_path, monkeypatch):
    (tmp_path / "pydoc_topics.json.gz").write_bytes(pydoc.BUNDLED.read_bytes()[:-1])
    monkeypatch.setattr(pydoc, "BUNDLED", tmp_path / "pydoc_topics.json.gz")
    with pytest.raises(InputError, match="pydoc_topics.json.gz is damaged"):
        pydoc_topics()


def test_no_two_of_the_six_parts_share_text():
    found, topics = pydoc_text(), pydoc_topics()
    parts = [part for role in found for part in role]
    names = [name for part in parts for name in part]
    assert len(names) == len(set(names)) == 79 and set(names) == set(topics)
    seen, sizes = set(), []
    for part in parts:
        here = set().union(*(stretches(text) for text in part.values()))
        assert here.isdisjoint(seen)
        seen |= here
        sizes.append(sum(map(len, part.values())))
    assert sum(sizes) == 375_091
    for size, share in zip(sizes, pydoc.SHARES, strict=True):
        assert abs(size / 375_091 - share) < 0.01
    # cut by topic alone they would share a good deal
    whole = [set().union(*(stretches(topics[name]) for name in part)) for part in parts]
    assert len(whole[3] & set().union(*whole[:3], *whole[4:])) > 10_000


def test_a_caller_changes_a_copy():
    pydoc_text().student.train.clear()
    assert len(pydoc_text().student.train) > 10


@of("repeats")
def repeats_are_left_out_of_the_longer_text(module):
    shared = "these words stand here and they stand in another place as well"
    short, long = f"A heading\n\n{shared}", f"A heading\n\nAn opening of its own.\n\n  {shared.replace(' ', chr(10))}  \n\nAn end of its own."
    assert module.without_repeats({"long": long, "short": short}, 30) == {
        "short": short, "long": "A heading\n\nAn opening of its own.\n\nAn end of its own."
    }  # fmt: skip
    assert module.without_repeats({"a": shared, "b": shared}, 30) == {"a": shared}
    assert module.without_repeats({"a": shared, "b": shared}, 100) == {"a": shared, "b": shared}
    assert module.without_repeats({"a": f"{shared}\n\n{shared}"}, 30) == {"a": f"{shared}\n\n{shared}"}  # its own repeats are its own


@of("repeats")
def short_paragraphs_in_a_row_are_a_stretch_too(module):
    lines = "\n\n".join(["one two three", "four five six", "seven eight nine", "ten eleven twelve"])
    kept = module.without_repeats({"a": lines, "b": f"zero\n\n{lines}"}, 30)
    assert kept["a"] == lines and stretches(kept["b"], 30).isdisjoint(stretches(lines, 30))


# ---- files of one's own --------------------------------------------------------------------------------------------------------


def written(tmp_path, content):
    (tmp_path / "mine.txt").write_bytes(content)
    return tmp_path / "mine.txt"


@of("files")
def a_file_is_read_as_it_is(module):
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), "\ufeffOne é\r\ntwo\rthree\n".encode())
        assert module.read_text(path) == module.read_text(str(path)) == "One é\ntwo\nthree\n"
        with pytest.raises(InputError, match=r"mine.txt' has byte 0xff at offset 5: invalid start byte"):
            module.read_text(written(Path(folder), "é é".encode() + b"\xff more"))
        with pytest.raises(InputError, match=r"mine.txt' has byte 0xc3 at offset 2: unexpected end of data"):
            module.read_text(written(Path(folder), b"ab\xc3"))
        with pytest.raises(InputError, match="mine.txt' is empty"):
            module.read_text(written(Path(folder), b""))
        with pytest.raises(InputError, match="mine.txt' is empty"):
            module.read_text(written(Path(folder), b"\xef\xbb\xbf \n"))
        with pytest.raises(InputError, match="absent.txt' is not there"):
            module.read_text(Path(folder) / "absent.txt")
        with pytest.raises(InputError, match="is a folder"):
            module.read_text(folder)


@of("files")
def a_text_is_cut_at_the_ends_of_lines(module):
    text = "".join(f"line {i:02d}\n" for i in range(100))
    parts = module.cut_text(text, name="mine")
    assert "".join(part["mine"] for part in parts) == text
    assert [len(part["mine"]) for part in parts] == [640, 80, 80] and all(part["mine"].startswith("line") for part in parts)
    uneven = module.cut_text(text, (1, 1, 2))
    assert [len(part["text"]) for part in uneven] == [200, 200, 400]


def test_what_cannot_be_cut_is_named():
    with pytest.raises(InputError, match="lines enough for three parts, but 9 characters in 1 lines"):
        cut_text("one line.")
    with pytest.raises(InputError, match="shares must be three numbers"):
        cut_text("a\nb\nc\n", (1, 1))
    with pytest.raises(InputError, match=r"shares\[1\] must be greater than 0"):
        cut_text("a\nb\nc\n", (1, 0, 1))


# ---- vocabularies and blocks ---------------------------------------------------------------------------------------------------


@of("characters")
def characters_are_tokens(module):
    made = module.CharacterVocabulary.of(["cab", "bd"])
    assert made.characters == "abcd" and made.size == 5 and made.padding == 0
    assert made.encode("dab").tolist() == [4, 1, 2] and made.encode("dab").dtype == torch.int64 and made.encode("").tolist() == []
    assert made.decode(made.encode("abcd")) == "abcd" and made.decode(torch.tensor([0, 2, 0, 1, 0])) == "ba"
    with pytest.raises(InputError, match="'x' at place 2 is none of its 4"):
        made.encode("abx")
    with pytest.raises(InputError, match="tokens must be from 0 to 4, but 1 to 5"):
        made.decode(torch.tensor([1, 5]))
    for wrong in ("", "aa", 3):
        with pytest.raises(InputError, match="characters must be a string of one or more, each once"):
            module.CharacterVocabulary(wrong)


def test_a_vocabulary_is_a_value():
    assert pickle.loads(pickle.dumps(ABC)) == ABC == CharacterVocabulary("abc") != CharacterVocabulary("abd")
    assert pickle.loads(pickle.dumps(ABC)).encode("cab").tolist() == [3, 1, 2]


@of("blocks")
def every_token_but_the_first_is_asked_for_once(module):
    pool = module.token_blocks({"one": "abcab", "two": "c", "three": "ca", "none": ""}, ABC, 3, "mine")
    assert pool.tokens.tolist() == [[1, 2, 3], [1, 0, 0], [3, 0, 0]]
    assert pool.labels.tolist() == [[2, 3, 1], [2, -100, -100], [1, -100, -100]]
    assert (pool.classes, pool.vocabulary, pool.ignore_index, pool.name) == (4, 4, -100, "mine")
    texts = ["abcabcab", "cc", "b", "bacab" * 3]
    for length in (1, 2, 5, 100):
        pool = module.token_blocks(texts, ABC, length)
        asked = [row[row != -100] for row in pool.labels]
        assert ABC.decode(torch.cat(asked)) == "".join(text[1:] for text in texts) and pool.tokens.shape[1] == length
        # at every place the label is what follows the input in its text
        inputs = [row[: len(one)] for row, one in zip(pool.tokens, asked, strict=True)]
        assert ABC.decode(torch.cat(inputs)) == "".join(text[:-1] for text in texts)


@of("blocks")
def texts_that_say_nothing_are_named(module):
    for texts in ([], ["a", ""], {}):
        with pytest.raises(InputError, match="at least one of two tokens"):
            module.token_blocks(texts, ABC, 3)
    with pytest.raises(InputError, match="one string was given; put it into a list"):
        module.token_blocks("abc", ABC, 3)
    with pytest.raises(InputError, match="texts must be strings, but int"):
        module.token_blocks([3], ABC, 3)
    with pytest.raises(InputError, match="length must be at least 1"):
        module.token_blocks(["abc"], ABC, 0)


@of.each
def test_each_is_as_it_should_be(name, check):
    check(of.original(name))


FAULTS = [
    ("repeats", "shorter texts lose what they share", "key=lambda name: (len(texts[name]), name)", "key=lambda name: (-len(texts[name]), name)"),
    ("repeats", "each paragraph by itself", 'joined = " ".join(f"{tail} {paragraph}".split())', 'joined = " ".join(paragraph.split())'),
    ("repeats", "white space as it is", 'joined = " ".join(f"{tail} {paragraph}".split())', 'joined = f"{tail} {paragraph}"'),
    ("files", "bytes that are no UTF-8 passed over", 'content.decode("utf-8")', 'content.decode("utf-8", "replace")'),
    ("files", "a mark at the beginning kept", '.removeprefix("\\ufeff")', ""),
    ("files", "cut within lines", 'text.rfind("\\n", 0, int(len(text) * part / sum(shares))) + 1', "int(len(text) * part / sum(shares)) + 3"),
    ("characters", "padding is a character", "enumerate(self.characters, 1)", "enumerate(self.characters)"),
    ("blocks", "labels not shifted", "tokens[1:], IGNORED", "tokens[:-1], IGNORED"),
    ("blocks", "labels at the padding", "tokens[1:], IGNORED", "tokens[1:], vocabulary.padding"),
    ("blocks", "the last block left out", "-(-max(len(tokens) - 1, 0) // length)", "max(len(tokens) - 1, 0) // length"),
]


@of.planted(FAULTS)
def test_a_planted_fault_is_found(name, old, new):
    assert of.gone_red(name, old, new)


# ---- parts of words ------------------------------------------------------------------------------------------------------------


def test_without_its_package_subwords_say_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(InputError, match=r"needs the package tokenizers: pip install 'distill-helpers\[course\]'"):
        train_subwords(["abc"], 300)
    with pytest.raises(InputError, match="needs the package tokenizers"):
        SubwordVocabulary("{}")


def test_subwords_are_learnt_and_give_every_text_back():
    pytest.importorskip("tokenizers")
    texts = ["the cat sat on the mat\n", "the hat of the cat\n"] * 3
    made = train_subwords(texts, 270)
    assert made == train_subwords(iter(texts), 270) and made.size == 270 and made.padding == 0
    assert json.loads(made.content)["model"]["vocab"]["<padding>"] == 0
    for text in (*texts, "  Größe…\n\n\tif x:\n", "<padding>x"):
        tokens = made.encode(text)
        assert tokens.dtype == torch.int64 and (made.decode(tokens) == text or "<padding>" in text)
    assert len(made.encode(texts[0])) < len(texts[0]) / 2 and len(made.encode("xyz")) == 3
    again = pickle.loads(pickle.dumps(made))
    assert again == made and torch.equal(again.encode("the cat"), made.encode("the cat"))
    pool = token_blocks(texts, made, 4)
    assert pool.classes == made.size and made.decode(pool.tokens[0]) == made.decode(made.encode(texts[0])[:4])


def test_subwords_without_texts_or_room_are_refused():
    with pytest.raises(InputError, match="size must be at least 257"):
        train_subwords(["abc"], 256)
    with pytest.raises(InputError, match="texts must hold at least one character"):
        train_subwords(["", ""], 300)
