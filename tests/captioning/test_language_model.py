"""Our GPT-2 against the transformers library's, and its cache against itself."""

import pytest
import torch

from crisisweave.captioning.language_model import CausalLanguageModel
from crisisweave.captioning.published import clipcap_state
from crisisweave.config.captioner import LanguageModel
from crisisweave.encoders.torchvision_compat import prepare_torchvision

SHAPE = LanguageModel(layers=3, heads=4, width=32, positions=24, dropout=0.0)
VOCABULARY = 57


@pytest.fixture(scope="module")
def pair():
    """The library's randomly initialised GPT-2 and ours with its weights."""
    prepare_torchvision()
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=VOCABULARY, n_positions=24, n_embd=32, n_layer=3, n_head=4, bos_token_id=0, eos_token_id=0
    )
    reference = GPT2LMHeadModel(config).eval()
    for name, parameter in reference.named_parameters():
        if name.endswith("bias") or "ln_" in name:  # their start values, 0 and 1, would hide a mix-up
            torch.nn.init.normal_(parameter, mean=0.5, std=0.5)
    renamed = clipcap_state({f"gpt.{key}": value for key, value in reference.state_dict().items()})
    ours = CausalLanguageModel(SHAPE, VOCABULARY)
    ours.load_state_dict({key.removeprefix("language_model."): value for key, value in renamed.items()})
    return reference, ours.eval()


def test_logits_equal_the_librarys(pair):
    reference, ours = pair
    tokens = torch.randint(VOCABULARY, (5, 20), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = reference(tokens).logits
        found = ours.logits(ours.states(ours.wte(tokens)))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_logits_with_a_cache_equal_the_librarys_without(pair):
    reference, ours = pair
    embeddings = torch.randn((4, 12, 32), generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        expected = reference(inputs_embeds=embeddings).logits
        cache = ours.cache(4, 12)
        states = [ours.states(embeddings[:, :5], cache)]
        states += [ours.states(embeddings[:, t : t + 1], cache) for t in range(5, 12)]
        found = ours.logits(torch.cat(states, dim=1))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_selected_rows_of_the_cache_continue_their_own_sequence(pair):
    _, ours = pair
    embeddings = torch.randn((3, 6, 32), generator=torch.Generator().manual_seed(3))
    last = torch.randn((4, 1, 32), generator=torch.Generator().manual_seed(4))
    rows = torch.tensor([2, 0, 0, 1])
    with torch.no_grad():
        cache = ours.cache(3, 7)
        ours.states(embeddings, cache)
        cache.select(rows)
        found = ours.states(last, cache)[:, -1]
        expected = ours.states(torch.cat([embeddings[rows], last], dim=1))[:, -1]
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_a_filled_cache_refuses_several_positions_at_once(pair):
    _, ours = pair
    cache = ours.cache(1, 6)
    ours.states(torch.zeros(1, 3, 32), cache)
    with pytest.raises(ValueError, match="one position at a time"):
        ours.states(torch.zeros(1, 2, 32), cache)
