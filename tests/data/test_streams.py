"""Streams: the same sequence after a kill at any moment, with any number of workers and ranks; damaged shards; flat memory."""

import hashlib
import io
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import tarfile
import time

import numpy as np
import pytest
import torch

from distill_helpers.checks import InputError
from distill_helpers.course.paths import repository
from distill_helpers.data import Stream, shard_index, write_shards
from distill_helpers.data.order import StreamOrder, keyed_permutation, positions_of, views_at

N, PER_SHARD, BATCH, EPOCHS, BLOCK = 110, 17, 4, 3, 30
PIXELS = torch.arange(N).view(N, 1, 1, 1).expand(N, 1, 3, 3).to(torch.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("streams") / "numbered"
    write_shards(place, ((PIXELS[i], i % 5) for i in range(N)), PER_SHARD)
    return place


def opened(folder, **given):
    return Stream(folder, **{"classes": 5, "block": BLOCK, **given})


def copied(folder, to):
    """A copy of the shards without their indices, to be damaged."""
    to.mkdir()
    for path in folder.glob("*.tar"):
        (to / path.name).write_bytes(path.read_bytes())
    return to


# what is read


def test_a_stream_is_a_pool_of_what_was_written(folder):
    stream = opened(folder)
    assert len(stream) == N and len(list(folder.glob("*.tar"))) == 7 and stream.input_shape == (1, 3, 3)
    index = torch.tensor([[109, 0], [16, 17]])
    assert torch.equal(stream.inputs(torch.zeros_like(index), index), PIXELS[index].float() / 255)
    assert torch.equal(stream.labels, torch.arange(N) % 5)
    assert stream.to("meta").labels.device.type == stream.to("meta").inputs(index * 0, index).device.type == "meta"
    assert stream.fingerprint == opened(folder, block=7, name="other").fingerprint
    for given in (dict(classes=6), dict(views=2), dict(labels=None), dict(seed=1), dict(class_weights=[1, 1, 1, 1, 2])):
        assert opened(folder, **given).fingerprint != stream.fingerprint
    assert opened(folder, transform=double).inputs_fingerprint != opened(folder, transform=triple).inputs_fingerprint != stream.inputs_fingerprint


def double(x):
    return torch.as_tensor(x) * 2.0


def triple(x):
    return torch.as_tensor(x) * 3.0


def test_python_reads_the_shards_as_plain_tar_files(folder):
    with tarfile.open(folder / "000001.tar") as tar:
        names = tar.getnames()
        assert names[:2] == ["000000017.npy", "000000017.cls"] and len(names) == 2 * PER_SHARD
        assert tar.extractfile("000000020.cls").read() == b"0"
        assert np.array_equal(np.load(io.BytesIO(tar.extractfile("000000020.npy").read())), PIXELS[20].numpy())


def test_images_texts_and_functions_are_decoded(tmp_path):
    from PIL import Image

    rows = [np.random.default_rng(i).integers(0, 256, (4, 5, 3), dtype=np.uint8) for i in range(3)]
    samples = [{"__key__": f"a/{i}", "png": Image.fromarray(r), "json": {"kind": i, "at": [i, 2.5]}, "txt": f"{i / 2}"} for i, r in enumerate(rows)]
    write_shards(tmp_path / "s", samples, 2)
    every = torch.arange(3)
    stream = Stream(tmp_path / "s", labels="txt")
    assert torch.equal(stream.inputs(every * 0, every), torch.from_numpy(np.stack(rows)).permute(0, 3, 1, 2).float() / 255)
    assert stream.labels.tolist() == [0.0, 0.5, 1.0]
    assert Stream(tmp_path / "s", labels="json").labels["at"][1].tolist() == [2.5] * 3
    stream = Stream(tmp_path / "s", decode=lambda m: np.float32([len(m["txt"])]), labels=lambda m: json.loads(m["json"])["kind"], classes=3)
    assert stream.labels.tolist() == [0, 1, 2] and stream.inputs(every * 0, every).tolist() == [[3.0]] * 3


def test_views_of_a_stream_follow_from_seed_view_and_index(folder):
    noisy = lambda x: torch.as_tensor(x).float() + torch.rand(()) + random.random()
    stream = opened(folder, transform=noisy, views=3, seed=1)
    view, index = torch.meshgrid(torch.arange(3), torch.arange(4), indexing="ij")
    first = stream.inputs(view, index)
    assert torch.equal(first, opened(folder, transform=noisy, views=3, seed=1).inputs(view, index))
    assert first[..., 0, 0, 0].unique().numel() == 12
    position, inputs, _, index = next(iter(stream.batches(0, 6, start=12)))
    views = torch.from_numpy(views_at(np.arange(12, 18), 0, 3))
    assert position == 18 and torch.equal(inputs, stream.inputs(views, index)) and views.unique().numel() > 1


# the order


def test_an_order_is_a_permutation_in_every_epoch_and_mixes_within_blocks():
    order = StreamOrder([17, 3, 40, 25, 25], seed=4, block=32)
    epochs = order.index(np.arange(3 * 110)).reshape(3, 110)
    for epoch in epochs:
        assert sorted(epoch) == list(range(110))
    assert len({tuple(epoch) for epoch in epochs}) == 3 and tuple(epochs[0]) != tuple(StreamOrder([17, 3, 40, 25, 25], 5, 32).index(np.arange(110)))
    shuffled = np.arange(330)
    np.random.default_rng(0).shuffle(shuffled)
    assert np.array_equal(order.index(shuffled), epochs.flatten()[shuffled])  # position by position, in any order of asking


def test_every_place_is_as_likely_for_every_example_when_a_block_holds_all():
    counts = np.zeros((6, 6), int)
    for seed in range(3000):
        counts[np.arange(6), StreamOrder([2, 4], seed, 6).index(np.arange(6))] += 1
    assert abs(counts - 500).max() < 100  # five standard deviations are 102


def test_a_permutation_is_the_same_on_every_machine_and_version():
    numbers = keyed_permutation(10, 0, "a").tolist()
    assert numbers == [1, 9, 6, 4, 2, 5, 7, 8, 0, 3]
    digest = hashlib.sha256(StreamOrder([500, 400, 100], 3, 128).index(np.arange(2500)).astype("<i8").tobytes()).hexdigest()
    assert digest == "4ecddc66317d28dcb247ec41ab23f007a892b3c140c45d92bd5821f213a9b80d"


@pytest.mark.parametrize("world", [1, 2, 3])
def test_ranks_share_out_what_one_rank_reads(world):
    for start in (0, 5, 12):
        for step in range(4):
            parts = [positions_of(step, start, 4, rank, world) for rank in range(world)]
            assert all((part % world == rank).all() and len(part) == 4 for rank, part in enumerate(parts))
            assert sorted(np.concatenate(parts)) == list(range(start + step * 4 * world, start + (step + 1) * 4 * world))


def test_an_epoch_in_full_batches_is_the_loops_order(folder):
    stream = opened(folder)
    order = stream.order(seed=3, batch_size=8, epoch=1)
    assert order.shape == (13, 8) and order.unique().numel() == 104
    read = torch.cat([index for *_, index in stream.batches(3, 2, start=N, epochs=2)])
    assert torch.equal(order.flatten(), read[:104])
    assert torch.equal(stream.order(3, 8, 1), order) and not torch.equal(stream.order(3, 8, 2), order)
    few = stream.subset([0, 1, 2])
    assert few.order(0, 8, 0) is None and stream.order(0, 300, 0).shape == (1, 300)


# resuming


def lines_of(folder, start, workers, rank, world):
    """One line a batch: where to go on, and the hash of all that was read."""
    torch.set_num_threads(1)
    for position, inputs, labels, index in opened(folder).batches(9, BATCH, start, workers, rank, world, EPOCHS):
        content = b"".join(t.numpy().tobytes() for t in (inputs, labels, index))
        yield f"{position} {hashlib.sha256(content).hexdigest()[:16]}\n"


def read_and_log(folder, start, workers, rank, world, log):
    with open(log, "ab", buffering=0) as file:
        for line in lines_of(folder, start, workers, rank, world):
            file.write(line.encode())
            time.sleep(0.001)


def whole_lines(log):
    text = log.read_text() if log.exists() else ""
    return text[: text.rfind("\n") + 1].splitlines(keepends=True)


@pytest.mark.parametrize("world", [1, 2])
@pytest.mark.parametrize("workers", [0, 1, 2, 4])
def test_a_stream_goes_on_exactly_after_a_kill_at_any_moment(folder, tmp_path, workers, world):
    """Ten kills for each number of workers and ranks; every process begins from nothing but the last stored integer."""
    fork, draw = multiprocessing.get_context("fork"), random.Random(f"{workers}/{world}")
    for rank in range(world):
        wanted = list(lines_of(folder, 0, 0, rank, world))
        assert len(wanted) == EPOCHS * N // (BATCH * world)
        got, kills = [], 10 // world
        stops = sorted(draw.sample(range(len(wanted) - 4), kills))
        for stop in [*stops, None]:
            log = tmp_path / f"{rank}-{stop}"
            start = int(got[-1].split()[0]) if got else 0
            process = fork.Process(target=read_and_log, args=(folder, start, workers, rank, world, log))
            process.start()
            if stop is not None:
                deadline = time.monotonic() + 60
                while len(got) + len(whole_lines(log)) <= stop and process.is_alive() and time.monotonic() < deadline:
                    time.sleep(0.0005)
                time.sleep(draw.random() * 0.003)
                os.kill(process.pid, signal.SIGKILL)
            process.join()
            assert process.exitcode == (0 if stop is None else -signal.SIGKILL) or len(got) + len(whole_lines(log)) == len(wanted)
            got += whole_lines(log)
        assert got == wanted


def test_a_fresh_interpreter_reads_the_same(folder):
    """Nothing depends on what a process inherits: another hash seed, another set of generators, two workers."""
    code = (
        f"import sys; sys.path.insert(0, {os.path.dirname(__file__)!r}); import test_streams as t, pathlib; "
        f"print(''.join(t.lines_of(pathlib.Path({str(folder)!r}), {BATCH * 20}, 2, 0, 1)), end='')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=repository(), check=True)
    assert done.stdout.splitlines(keepends=True) == list(lines_of(folder, 0, 0, 0, 1))[20:]


def test_two_ranks_read_what_one_rank_reads_and_either_goes_on_for_the_other(folder):
    one = [index for *_, index in opened(folder).batches(9, 8, epochs=EPOCHS)]
    two = [[i for *_, i in opened(folder).batches(9, 4, rank=rank, world=2, epochs=EPOCHS)] for rank in (0, 1)]
    for step, index in enumerate(one):
        assert sorted(index.tolist()) == sorted(two[0][step].tolist() + two[1][step].tolist())
    for rank in (0, 1):
        assert [p for p, *_ in opened(folder).batches(9, 4, rank=rank, world=2, epochs=1)] == [8 * (step + 1) for step in range(N // 8)]
    later = [[i for *_, i in opened(folder).batches(9, 4, start=10 * 8, rank=rank, world=2, epochs=EPOCHS)] for rank in (0, 1)]
    assert all(torch.equal(a, b) for rank in (0, 1) for a, b in zip(later[rank], two[rank][10:], strict=True))


def test_reading_ahead_leaves_every_generator_as_it_was(folder):
    torch.manual_seed(3)
    before = torch.get_rng_state(), random.getstate()
    for workers in (0, 2):
        list(opened(folder, transform=double).batches(0, 50, workers=workers, epochs=1))
        assert torch.equal(torch.get_rng_state(), before[0]) and random.getstate() == before[1]


BAD_CALLS = {
    "batch_size": (dict(batch_size=0), "batch_size must be at least 1"),
    "start": (dict(start=-1), "start must be at least 0"),
    "workers": (dict(workers=1.5), "workers must be a whole number"),
    "rank": (dict(rank=2, world=2), "rank must be from 0 to world - 1 = 1, but 2 was given"),
    "epochs": (dict(epochs=0), "epochs must be at least 1"),
}


@pytest.mark.parametrize(("given", "words"), BAD_CALLS.values(), ids=BAD_CALLS)
def test_bad_calls_are_named_before_anything_is_read(folder, given, words):
    with pytest.raises(InputError, match=words):
        opened(folder).batches(**{"seed": 0, "batch_size": 4, **given})


# damage


def test_a_shard_that_is_cut_off_is_named(folder, tmp_path):
    whole = (folder / "000002.tar").read_bytes()
    for number, length in enumerate((len(whole) // 2, len(whole) - 10240 + 512, 700, 100)):
        place = copied(folder, tmp_path / str(number))
        (place / "000002.tar").write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"shard .*000002\.tar (is cut off|is damaged)"):
            opened(place)


def test_a_shard_cut_at_the_end_of_a_sample_is_not_taken_for_a_shorter_one(folder, tmp_path):
    place = copied(folder, tmp_path / "s")
    with tarfile.open(place / "000002.tar") as tar:
        last = tar.getmembers()[-3]
    content = (place / "000002.tar").read_bytes()
    (place / "000002.tar").write_bytes(content[: last.offset_data + 512])
    with pytest.raises(InputError, match=r"000002\.tar is cut off or damaged after '000000049.cls'"):
        opened(place)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_flipped_byte_is_named_with_its_key(folder, tmp_path, workers):
    place = tmp_path / "s"
    write_shards(place, ((PIXELS[i], i % 5) for i in range(N)), PER_SHARD)
    path = place / "000003.tar"
    about, content = path.stat(), bytearray(path.read_bytes())
    with tarfile.open(path) as tar:
        content[tar.getmember("000000055.npy").offset_data + 130] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))  # as damage by a disk: nothing else tells
    with pytest.raises(InputError, match=r"shard .*000003\.tar is damaged: the bytes of 000000055\.npy"):
        list(opened(place).batches(0, 10, workers=workers, epochs=1))


def test_an_index_is_made_again_where_it_is_missing_or_belongs_to_another_shard(folder, tmp_path):
    place = copied(folder, tmp_path / "s")
    stream = opened(place)
    index = shard_index.index_path(place / "000001.tar")
    assert index.exists() and stream.fingerprint == opened(folder).fingerprint
    (place / "000001.tar").write_bytes((folder / "000000.tar").read_bytes())
    other = opened(place)
    assert torch.equal(other.inputs(torch.zeros(1).long(), torch.tensor([17])), PIXELS[:1].float() / 255)
    assert other.fingerprint != stream.fingerprint and not list(place.glob("*.partial"))


@pytest.mark.parametrize("change", ["head", "samples", "cut", "empty"])
def test_a_damaged_index_is_refused(folder, tmp_path, change):
    place = copied(folder, tmp_path / "s")
    opened(place)
    index = shard_index.index_path(place / "000001.tar")
    content = index.read_bytes()
    new = {
        "head": content.replace(b'"samples": 17', b'"samples": 16'), "samples": content.replace(b"000000020", b"000000021"),
        "cut": content[:-30], "empty": b"",
    }[change]  # fmt: skip
    assert new != content
    index.write_bytes(new)
    with pytest.raises(InputError, match=r"the index .*000001\.tar\.index\.jsonl is damaged; delete it"):
        _ = opened(place).labels


def test_a_folder_that_cannot_be_written_is_said_and_read(folder, tmp_path, monkeypatch):
    place = copied(folder, tmp_path / "s")

    def refuse(*given):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(shard_index, "_write", refuse)
    with pytest.warns(UserWarning, match="cannot be written") as said:
        stream = opened(place)
    assert len(said) == 1 and "7 indices" in str(said[0].message)
    assert torch.equal(stream.labels, torch.arange(N) % 5)


def tar_of(path, *members):
    path.parent.mkdir(exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def npy(*shape, dtype=np.float32):
    content = io.BytesIO()
    np.save(content, np.ones(shape, dtype))
    return content.getvalue()


DAMAGED = {
    "a missing member": ([("a.npy", npy(2)), ("a.cls", b"0"), ("b.npy", npy(2))], "sample 'b' of shard .*0.tar has no member of extension 'cls'"),
    "a missing input": ([("a.npy", npy(2)), ("a.cls", b"0"), ("b.cls", b"0")], "sample 'b' of shard .*0.tar has no member of extension 'npy'"),
    "another shape": (
        [("a.npy", npy(2)), ("a.cls", b"0"), ("b.npy", npy(3)), ("b.cls", b"0")],
        r"sample 'b' of shard .*0.tar must be .*\[2\].*\[3\]",
    ),
    "another type": ([("a.npy", npy(2)), ("a.cls", b"0"), ("b.npy", npy(2, dtype=np.float16)), ("b.cls", b"0")], "sample 'b' .* torch.float16"),
    "no array": ([("a.npy", npy(2)), ("a.cls", b"0"), ("b.npy", b"hello"), ("b.cls", b"0")], "sample 'b' of shard .*0.tar cannot be decoded"),
    "no number": ([("a.npy", npy(2)), ("a.cls", b"0"), ("b.npy", npy(2)), ("b.cls", b"dog")], "sample 'b' .* has no label that can be read"),
    "a label too many": ([("a.npy", npy(2)), ("a.cls", b"0"), ("b.npy", npy(2)), ("b.cls", b"7")], "sample 'b' .*labels must be from 0 to 4"),
    "a key twice": ([("a.npy", npy(2)), ("b.npy", npy(2)), ("a.cls", b"0")], "key 'a' comes again"),
    "a member twice": ([("a.npy", npy(2)), ("a.npy", npy(2))], "sample 'a' has two members of extension 'npy'"),
    "no samples": ([("README", b"text")], "0.tar holds no samples"),
    "two inputs": ([("a.npy", npy(2)), ("a.png", b""), ("a.cls", b"0")], "decode must say which of the extensions cls, npy, png"),
    "pickled objects": ([("a.npy", b"\x80\x04."), ("a.cls", b"0")], "sample 'a' of shard .*0.tar cannot be decoded"),
}


@pytest.mark.parametrize(("members", "words"), DAMAGED.values(), ids=DAMAGED)
@pytest.mark.parametrize("workers", [0, 1])
def test_samples_that_do_not_fit_are_named_with_shard_and_key(tmp_path, members, words, workers):
    tar_of(tmp_path / "0.tar", *members)
    with pytest.raises(InputError, match=words) as caught:
        next(iter(opened(tmp_path).batches(0, 4, workers=workers)))
    assert "Traceback" not in str(caught.value)


def test_folders_and_files_that_are_no_shards_are_named(tmp_path):
    with pytest.raises(InputError, match="folder must hold shards"):
        Stream(tmp_path)
    (tmp_path / "a.tar").write_bytes(b"no tar file" * 100)
    with pytest.raises(InputError, match="a.tar is damaged or no tar file"):
        Stream(tmp_path)


# writing


def test_what_is_written_is_whole_or_not_there(tmp_path):
    def failing():
        yield torch.ones(2), 0
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError, match="the source broke"):
        write_shards(tmp_path / "s", failing(), 1)
    assert not list(tmp_path.iterdir())
    write_shards(tmp_path / "s", [(torch.ones(2), 0)])
    write_shards(tmp_path / "t", [(torch.ones(2), 0)])
    assert (tmp_path / "s" / "000000.tar").read_bytes() == (tmp_path / "t" / "000000.tar").read_bytes()


BAD_SAMPLES = {
    "none": ([], "samples must hold at least one sample"),
    "a tensor": ([torch.ones(2)], "samples must be pairs"),
    "a key twice": ([{"__key__": "a", "cls": 1}, {"__key__": "a", "cls": 1}], "'a' comes twice"),
    "keys of some": ([{"__key__": "a", "cls": 1}, {"cls": 1}], "all of them or none"),
    "a key with a dot": ([{"__key__": "a.b", "cls": 1}], "__key__ must be a name without dots"),
    "other extensions": ([{"cls": 1}, {"txt": "a"}], r"must have the same extensions, but '000000001' has \['txt'\]"),
    "half a class": ([{"cls": 1.5}], "000000000.cls cannot be float"),
    "objects": ([{"npy": np.array([{}])}], "000000000.npy cannot be ndarray"),
    "a number as text": ([{"txt": 5}], "000000000.txt was given int"),
    "an unknown extension": ([{"abc": 5}], "samples must hold bytes, or a value for npy"),
}


@pytest.mark.parametrize(("samples", "words"), BAD_SAMPLES.values(), ids=BAD_SAMPLES)
def test_samples_that_cannot_be_written_are_named(tmp_path, samples, words):
    with pytest.raises(InputError, match=words):
        write_shards(tmp_path / "s", samples)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_holds_something_is_not_overwritten(folder):
    with pytest.raises(InputError, match="folder must be new or empty"):
        write_shards(folder, [(torch.ones(2), 0)])


# memory


def test_the_indices_that_are_held_are_those_of_two_blocks(folder):
    stream = opened(folder, block=10)
    for _ in stream.batches(0, 5, epochs=2):
        assert sum(map(len, stream._recent.values())) <= 2 * 10 + PER_SHARD and stream._labels is None


def test_memory_stays_flat_when_the_data_grow_tenfold(tmp_path):
    """In one process of its own: the peak after 3 MB of data, and after 30 MB."""
    benchmark = repository() / "benchmarks" / "stream_memory.py"
    done = subprocess.run(
        [sys.executable, str(benchmark), "--folder", str(tmp_path), "--samples", "250", "--json"],
        capture_output=True, text=True, check=True, cwd=repository(),
    )  # fmt: skip
    small, large = json.loads(done.stdout)
    assert large["data MB"] > 9.5 * small["data MB"] > 25
    assert large["peak MB"] - small["peak MB"] < 0.15 * (large["data MB"] - small["data MB"])
