"""JSON element by element."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmill.datasets import json_stream
from segmill.datasets.json_stream import stream_elements
from segmill.errors import IntegrityError

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None)
@given(
    head=st.dictionaries(st.text(), values, max_size=3),
    first=st.lists(values, max_size=6),
    second=st.lists(values, max_size=6),
    ascii_only=st.booleans(),
    indent=st.sampled_from([None, 1]),
    chunk=st.sampled_from([1, 3, 17, 1000]),
)
def test_elements_and_their_places(
    tmp_path_factory, head, first, second, ascii_only, indent, chunk
):
    content = {**head, "a": first, "tail": [1, 2], "b": second, "end": 12}
    path = tmp_path_factory.mktemp("json") / "x.json"
    raw = json.dumps(content, ensure_ascii=ascii_only, indent=indent).encode()
    path.write_bytes(raw)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_stream, "CHUNK", chunk)
        found = list(stream_elements(path, ("a", "b")))
    for key, expected in (("a", first), ("b", second)):
        own = [element for element in found if element.key == key]
        assert [element.value for element in own] == expected
        for element in own:
            piece = raw[element.offset : element.offset + element.length]
            assert json.loads(piece) == element.value
    assert [e.key for e in found] == sorted(e.key for e in found)


@pytest.mark.parametrize(
    ("raw", "part"),
    [
        (b"", "byte 0"),
        (b"[1, 2]", "found '['"),
        (b'{"a": 3}', "an array a, found 3"),
        (b'{"a": [1 2]}', "byte 9"),
        (b'{"a": [{"x": 1}, {"x": ]}', "byte 17"),
        (b'{"a": [1, 2]', "found ''"),
        (b'{"a": [1, 2], 5: 6}', "a key, found 5"),
        (b'{"a": ["\xff"]}', "UTF-8"),
        (b'{"a": ' + b"[" * 100_000, "byte"),
    ],
)
def test_damage_is_named_with_its_place(tmp_path, raw, part):
    path = tmp_path / "x.json"
    path.write_bytes(raw)
    with pytest.raises(IntegrityError) as caught:
        list(stream_elements(path, ("a",)))
    (problem,) = caught.value.problems
    assert problem.file == str(path)
    assert part in str(problem)


def test_a_missing_file(tmp_path):
    with pytest.raises(IntegrityError, match="expected a JSON file, found FileNotFoundError"):
        list(stream_elements(tmp_path / "x.json", ("a",)))


def test_memory_does_not_grow_with_the_file(tmp_path):
    path = tmp_path / "x.json"
    element = json.dumps({"x": [1.5] * 100})
    path.write_text('{"a": [' + ",".join([element] * 25_000) + "]}")
    assert path.stat().st_size > 10 * json_stream.CHUNK
    longest = 0
    buffer = json_stream._Buffer(path, path.open("rb"))
    with buffer._file:
        for _ in buffer.elements(("a",)):
            longest = max(longest, len(buffer._text))
    assert longest < 3 * json_stream.CHUNK
