"""Layers for sequences: recurrent networks, attention, transformers, embeddings."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from tests.coverage.layers import filled
from tests.coverage.values import Coverage, integers, numbers


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.plain = nn.RNN(5, 6)
        self.relu = nn.RNN(5, 6, nonlinearity="relu", num_layers=2)
        self.gated = nn.GRU(5, 6, batch_first=True)
        self.stacked = nn.GRU(5, 6, num_layers=2, bidirectional=True)
        self.long = nn.LSTM(5, 6, batch_first=True)
        self.both = nn.LSTM(5, 6, num_layers=2, bidirectional=True, dropout=0.1)
        self.projected = nn.LSTM(5, 6, proj_size=3)

    def forward(self, x: Tensor, state: Tensor) -> list[Tensor]:
        long, (hidden, cell) = self.long(x)
        both, (last, kept) = self.both(x)
        short, (ended, _) = self.projected(x)
        stacked, top = self.stacked(x)
        return [
            self.plain(x)[0], self.plain(x, state)[0], self.relu(x)[1], self.gated(x)[0], self.gated(x)[1],
            stacked, top, long, hidden, cell, both, last, kept, short, ended,
        ]  # fmt: skip


class Cells(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.plain = nn.RNNCell(5, 6)
        self.relu = nn.RNNCell(5, 6, nonlinearity="relu")
        self.gated = nn.GRUCell(5, 6)
        self.long = nn.LSTMCell(5, 6)

    def forward(self, x: Tensor) -> list[Tensor]:
        hidden = torch.zeros(x.size(1), 6)
        cell = torch.zeros(x.size(1), 6)
        plain = hidden
        for step in range(x.size(0)):
            hidden, cell = self.long(x[step], (hidden, cell))
            plain = self.plain(x[step], plain) + self.relu(x[step], plain)
            plain = self.gated(x[step], plain)
        return [hidden, cell, plain]


class Packed(nn.Module):
    """Sequences of different lengths, with the operators below `torch.nn.utils.rnn`."""

    def __init__(self) -> None:
        super().__init__()
        self.long = nn.LSTM(5, 6, batch_first=True, bidirectional=True)
        self.gated = nn.GRU(5, 6, batch_first=True)

    def forward(self, x: Tensor, lengths: Tensor) -> list[Tensor]:
        lengths, order = torch.sort(lengths, descending=True)
        data, sizes = torch._pack_padded_sequence(x.index_select(0, order), lengths, True)
        state = torch.zeros(2, x.size(0), 6)
        answered, hidden, cell = torch.lstm(
            data, sizes, [state, state], self.long._flat_weights, True, 1, 0.0, False, True
        )
        padded, counts = torch._pad_packed_sequence(answered, sizes, True, 0.0, x.size(1))
        again, last = torch.gru(
            data, sizes, state[:1], self.gated._flat_weights, True, 1, 0.0, False, False
        )
        return [padded, counts, hidden, cell, again, last]


class PackedSequences(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.long = nn.LSTM(5, 6, batch_first=True)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        answered, _ = self.long(packed)
        return pad_packed_sequence(answered, batch_first=True)[0]


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.heads = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: Tensor, mask: Tensor) -> list[Tensor]:
        q = x.reshape(x.size(0), x.size(1), 2, 4).transpose(1, 2)
        answered, weights = self.heads(x, x, x)
        masked, _ = self.heads(x, x, x, key_padding_mask=mask, need_weights=False)
        return [
            F.scaled_dot_product_attention(q, q, q), F.scaled_dot_product_attention(q, q, q, is_causal=True),
            F.scaled_dot_product_attention(q, q, q, attn_mask=torch.zeros(x.size(1), x.size(1))),
            answered, weights if weights is not None else answered, masked,
        ]  # fmt: skip


class Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, activation="gelu")
        self.encoder = nn.TransformerEncoder(layer, 2)
        self.decoder = nn.TransformerDecoder(
            nn.TransformerDecoderLayer(8, 2, 16, batch_first=True), 1
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        seen = self.encoder(x)
        return [seen, self.decoder(x, seen)]


class Embeddings(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.plain = nn.Embedding(20, 4)
        self.padded = nn.Embedding(20, 4, padding_idx=0)
        self.summed = nn.EmbeddingBag(20, 4, mode="sum")
        self.mean = nn.EmbeddingBag(20, 4, mode="mean")
        self.highest = nn.EmbeddingBag(20, 4, mode="max")

    def forward(self, words: Tensor, offsets: Tensor) -> list[Tensor]:
        flat = words.flatten()
        return [
            self.plain(words), self.padded(words), self.summed(words), self.mean(flat, offsets), self.highest(words),
            F.embedding(words, self.plain.weight), F.one_hot(words.long(), 20),
            F.embedding_bag(flat, self.plain.weight, offsets, mode="sum", per_sample_weights=torch.ones(flat.size(0))),
        ]  # fmt: skip


SUITE = (
    Coverage("recurrent", lambda: filled(Recurrent()), lambda: [(numbers(7, 3, 5), numbers(1, 3, 6))]),
    Coverage("recurrent_cells", lambda: filled(Cells()), lambda: [(numbers(4, 3, 5),)]),
    Coverage("recurrent_packed", lambda: filled(Packed()), lambda: [(numbers(3, 7, 5), torch.tensor([4, 7, 2]))]),
    Coverage("packed_sequence_type", lambda: filled(PackedSequences()), lambda: [(numbers(3, 7, 5), torch.tensor([4, 7, 2]))]),
    Coverage("attention", lambda: filled(Attention()), lambda: [(numbers(2, 5, 8), integers(2, 5, below=2, dtype=torch.bool))]),
    Coverage("transformer", lambda: filled(Transformer()), lambda: [(numbers(2, 5, 8),)]),
    Coverage(
        "embedding", lambda: filled(Embeddings()),
        lambda: [(integers(3, 4, below=20), torch.tensor([0, 5, 9])), (integers(3, 4, below=20, dtype=torch.int32), torch.tensor([0, 5, 9], dtype=torch.int32))],
    ),
)  # fmt: skip
