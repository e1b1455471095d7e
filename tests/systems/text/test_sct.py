import torch

from dipole.systems.text.sct import Bank, in_batches


def test_a_bank_keeps_the_last_and_its_size():
    bank = Bank(dim=2, size=4)
    first = bank.vectors
    bank.enter(torch.ones(3, 2))
    assert torch.equal(bank.vectors[:1], first[3:])
    assert torch.equal(bank.vectors[1:], torch.ones(3, 2))


def test_an_epoch_is_full_batches_of_different_rows():
    rows = torch.tensor([list(batch) for batch in in_batches(200, epochs=2, seed=0)])
    assert rows.shape == (6, 64)
    assert all(len(epoch.unique()) == 192 for epoch in (rows[:3], rows[3:]))
