"""Two processes normalise as one does: outputs, gradients and running statistics."""

import os
import socket
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch import multiprocessing as spawning

from cxrkit.errors import InputRefused
from cxrkit.models.sa_unet import SAUNet
from cxrkit.training import distributed
from cxrkit.training.distributed import Group, SpanningBatchNorm

pytestmark = pytest.mark.slow  # many networks, or many processes

SIZES = (3, 2)  # samples of the two processes; unequal, so that counts matter
SECONDS = 120
FAR = 1000.0  # a mean large beside its variance: one sum of squares in float32 loses all of it


def network() -> nn.Module:
    torch.manual_seed(1)
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 2, 3),
        nn.BatchNorm2d(2, momentum=None),
    )  # fmt: skip
    for layer in net:
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 2)
            nn.init.uniform_(layer.bias, -1, 1)
    return net


def batch() -> Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.rand(sum(SIZES), 1, 10, 12, generator=generator)


def target() -> Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.rand(sum(SIZES), 2, 6, 8, generator=generator)


def learn(net: nn.Module, x: Tensor, y: Tensor) -> dict[str, Tensor]:
    """Outputs of two steps, gradients (summed over both) and what the network remembers."""
    x = x.clone().requires_grad_()
    for _ in range(2):
        out = net(x)
        (((out - y) ** 3).sum() / y[0].numel()).backward()
    gradients = {f"gradient of {k}": p.grad for k, p in net.named_parameters()}
    state = {k: v.clone() for k, v in net.state_dict().items()}
    return {"out": out.detach(), "x": x.grad, **gradients, **state}


def process(rank: int, folder: str, port: int) -> None:
    torch.set_num_threads(1)
    os.environ |= {
        "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
    }  # fmt: skip
    first = sum(SIZES[:rank])
    own = slice(first, first + SIZES[rank])
    with distributed.group("cpu") as group:
        net = network()
        distributed.synchronise(net, group)
        found = learn(net, batch()[own], target()[own])
        found["eval"] = net.eval()(batch()[own]).detach()
        net.train()
        layer = SpanningBatchNorm(nn.BatchNorm2d(2, eps=1e-3))
        with torch.no_grad():
            found["far"] = layer(FAR + target()[own])
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found["half"] = net(batch()[own]).detach()
        group.wait()
        found["mean"] = torch.tensor(distributed.mean(torch.tensor(float(rank)), group))
        bad = torch.tensor(float("nan") if rank else 1.0)
        found["bad"] = torch.tensor(distributed.mean(bad, group))
        found["group"] = torch.tensor([group.rank, group.size])
    found["over"] = torch.tensor(torch.distributed.is_initialized())
    torch.save(found, Path(folder) / f"{rank}.pt")


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Tensor]]:
    """What each of two processes has found."""
    folder = tmp_path_factory.mktemp("processes")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = spawning.start_processes(
        process, (str(folder), port), nprocs=2, join=False, start_method="spawn"
    )
    try:
        for _ in range(2):  # a join returns when one process has ended
            if started.join(timeout=SECONDS):
                break
    finally:
        for one in started.processes:
            one.kill()
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


@pytest.fixture(scope="module")
def alone() -> dict[str, Tensor]:
    return learn(network(), batch(), target())


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_outputs_are_those_of_the_whole_batch(
    two: list[dict[str, Tensor]], alone: dict[str, Tensor]
) -> None:
    close(torch.cat([found["out"] for found in two]), alone["out"])


def test_gradients_of_the_input_are_those_of_the_whole_batch(
    two: list[dict[str, Tensor]], alone: dict[str, Tensor]
) -> None:
    close(torch.cat([found["x"] for found in two]), alone["x"])


def test_gradients_of_weights_add_up_to_those_of_the_whole_batch(
    two: list[dict[str, Tensor]], alone: dict[str, Tensor]
) -> None:
    names = [k for k in alone if k.startswith("gradient of ")]
    assert len(names) == 8
    # Of the largest: the bias of a convolution before batch norm has none but rounding.
    scale = max(alone[name].abs().max() for name in names)
    for name in names:
        close(sum(found[name] for found in two) / scale, alone[name] / scale)


def test_running_statistics_are_those_of_the_whole_batch_in_both(
    two: list[dict[str, Tensor]], alone: dict[str, Tensor]
) -> None:
    for name in ("running_mean", "running_var", "num_batches_tracked"):
        for found in two:
            for layer in (1, 4):
                close(found[f"{layer}.{name}"], alone[f"{layer}.{name}"])


def test_one_process_on_its_share_would_differ(alone: dict[str, Tensor]) -> None:
    part = learn(network(), batch()[:3], target()[:3])
    assert not torch.allclose(part["out"], alone["out"][:3], atol=1e-2)
    assert not torch.allclose(part["1.running_mean"], alone["1.running_mean"], atol=1e-4)


def test_a_mean_far_from_zero_costs_no_digits(two: list[dict[str, Tensor]]) -> None:
    expected = nn.BatchNorm2d(2, eps=1e-3)(FAR + target()).detach()
    found = torch.cat([found["far"] for found in two])
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=0)


def test_half_precision_stays_half(two: list[dict[str, Tensor]]) -> None:
    assert {found["half"].dtype for found in two} == {torch.bfloat16}


def test_inference_needs_no_other_process(
    two: list[dict[str, Tensor]], alone: dict[str, Tensor]
) -> None:
    for rank, found in enumerate(two):
        net = network()
        net.load_state_dict({k: v for k, v in found.items() if k in net.state_dict()})
        first = sum(SIZES[:rank])
        close(found["eval"], net.eval()(batch()[first : first + SIZES[rank]]).detach())


def test_a_mean_is_over_the_processes_and_shows_what_is_not_finite(
    two: list[dict[str, Tensor]],
) -> None:
    assert [found["mean"].item() for found in two] == [0.5, 0.5]
    assert all(found["bad"].isnan() for found in two)


def test_the_group_is_told_and_taken_down(two: list[dict[str, Tensor]]) -> None:
    assert [found["group"].tolist() for found in two] == [[0, 2], [1, 2]]
    assert not any(found["over"] for found in two)


def test_names_and_objects_stay_so_that_checkpoints_and_optimisers_fit() -> None:
    net = SAUNet(width=4)
    before = dict(net.named_parameters()) | dict(net.named_buffers())
    distributed.synchronise(net, Group(0, 2))
    after = dict(net.named_parameters()) | dict(net.named_buffers())
    assert list(after) == list(before) and all(after[k] is before[k] for k in before)
    kinds = {type(m) for m in net.modules() if isinstance(m, nn.BatchNorm2d)}
    assert kinds == {SpanningBatchNorm}
    fresh = SAUNet(width=4)
    fresh.load_state_dict(net.state_dict())


def test_one_process_alone_is_a_group_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in distributed.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    with distributed.group("cpu") as group:
        assert group == Group(0, 1)
        group.wait()
        net = network()
        distributed.synchronise(net, group)
        assert not any(isinstance(m, SpanningBatchNorm) for m in net.modules())
        assert distributed.mean(torch.tensor(2.5), group) == 2.5
    with distributed.unsynchronised(net, True):
        pass


def test_half_of_torchruns_variables_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "0")
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with pytest.raises(InputRefused, match=r"E107 .*no WORLD_SIZE"), distributed.group("cpu"):
        pass


def test_more_processes_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in distributed.VARIABLES:
        monkeypatch.setenv(name, "1")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(InputRefused, match=r"E107 .*one per GPU: 1"), distributed.group("cuda"):
        pass


def test_one_process_of_a_run_is_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    assert distributed.is_first()
    monkeypatch.setenv("RANK", "0")
    assert distributed.is_first()
    monkeypatch.setenv("RANK", "1")
    assert not distributed.is_first()
