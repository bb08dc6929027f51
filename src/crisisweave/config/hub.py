"""A model on a hub, pinned by its commit."""

from __future__ import annotations

from pydantic import Field

from crisisweave.config.strict import StrictModel
from crisisweave.errors import ConfigError


class HubModel(StrictModel):
    """A model on a hub."""

    repository: str
    revision: str | None = Field(pattern=r"^[0-9a-f]{40}$")
    """The whole commit hash, so that the same name always means the same weights. Null where the project
    could not see it: until the user fills it in, nothing is fetched or loaded."""

    def encoder_name(self, said_in: str) -> str:
        """The model by the name under which it is fetched.

        Args:
            said_in: file and key that hold this model, for the message.

        Raises:
            ConfigError: its revision is not filled in.
        """
        if self.revision is None:
            raise ConfigError(
                f"{said_in}.revision is null; fill in the commit hash of {self.repository} that you want, "
                "as its page on the hub shows it"
            )
        return f"hub:{self.repository}@{self.revision}"
