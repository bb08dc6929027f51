"""Pairs of text and image by what is known of them; light, because the report reads it too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


def by_group(table: pd.DataFrame) -> dict[str, NDArray[Any]]:
    """Group → similarities (n,) as float64; groups without a pair are left out.

    Args:
        table: `pair` (own or random), `concordant` (null where it is not known) and `similarity`.
    """
    concordant = table["concordant"].astype("boolean")
    of_group = {
        "own": table["pair"] == "own",
        "concordant": concordant.fillna(False),
        "discordant": (~concordant).fillna(False),
        "random": table["pair"] == "random",
    }
    values = table["similarity"].to_numpy(dtype=np.float64)
    found = {name: values[chosen.to_numpy(dtype=bool)] for name, chosen in of_group.items()}
    return {name: group for name, group in found.items() if group.size}
