"""Which scenes there are, which label each shows, and the drawing of one.

The label rule (docs/demo.md): what people do decides first, then the state of what is damaged, then what a
sign, map or official tells; anything else is not humanitarian, whatever objects stand in the picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from crisisweave.datasets.demo import labels, scenes_damage, scenes_other, scenes_people
from crisisweave.datasets.demo.dice import Dice
from crisisweave.datasets.demo.events import Event
from crisisweave.datasets.demo.stage import Stage, Thing

_ALL = labels.SEVERITIES
_SEVERE = (labels.SEVERITIES[2],)
_MILD_UP = labels.SEVERITIES[1:]


@dataclass(frozen=True)
class Scene:
    """A way to show a label: where it can happen, with which severities, how it is drawn."""

    draw: Callable[[Stage, str], list[str]]
    hazards: tuple[str, ...] = ()
    """Empty: any."""
    severities: tuple[str, ...] = ()
    weight: float = 1.0

    @property
    def name(self) -> str:
        return self.draw.__name__


SCENES: dict[str, tuple[Scene, ...]] = {
    labels.INFRASTRUCTURE: (
        Scene(scenes_damage.flooded_house, ("flood", "hurricane"), _ALL, 3),
        Scene(scenes_damage.collapsed_house, ("earthquake",), _ALL, 3),
        Scene(scenes_damage.torn_roof, ("hurricane",), _ALL, 3),
        Scene(scenes_damage.burnt_house, ("wildfire",), _ALL, 4),
        Scene(scenes_damage.cracked_road, ("earthquake", "flood"), _ALL, 1),
        Scene(scenes_damage.broken_bridge, ("flood", "earthquake", "hurricane"), _SEVERE, 1),
        Scene(scenes_damage.fallen_pole, ("hurricane", "wildfire", "earthquake"), _MILD_UP, 1),
        Scene(scenes_damage.rubble_street, ("earthquake",), _SEVERE, 1.5),
    ),
    labels.VEHICLE: (
        Scene(scenes_damage.crushed_car, ("earthquake", "hurricane"), _ALL),
        Scene(scenes_damage.tree_on_car, ("hurricane", "flood"), _SEVERE),
        Scene(scenes_damage.burnt_car, ("wildfire",), _ALL),
        Scene(scenes_damage.flooded_car, ("flood", "hurricane"), _ALL),
    ),
    labels.AFFECTED: (
        Scene(scenes_people.queue),
        Scene(scenes_people.family_with_bundles),
        Scene(scenes_people.tent_camp),
        Scene(scenes_people.shelter_hall),
    ),
    labels.INJURED: (
        Scene(scenes_people.carried_on_stretcher),
        Scene(scenes_people.injured_on_ground),
        Scene(scenes_people.bandaged_people),
    ),
    labels.MISSING: (Scene(scenes_people.missing_poster),),
    labels.RESCUE: (
        Scene(scenes_people.boat_rescue, ("flood", "hurricane"), weight=2.5),
        Scene(scenes_people.passing_boxes),
        Scene(scenes_people.donation_table),
        Scene(scenes_people.aid_lorry),
        Scene(scenes_people.helicopter_rescue, weight=0.7),
        Scene(scenes_people.food_kitchen),
        Scene(scenes_people.fire_crew, ("wildfire",), weight=2.5),
        Scene(scenes_people.search_in_rubble, ("earthquake",), weight=2.5),
    ),
    labels.OTHER: (
        Scene(scenes_other.storm_map, ("hurricane",), weight=2.5),
        Scene(scenes_other.warning_map, weight=1.3),
        Scene(scenes_other.level_chart),
        Scene(scenes_other.road_closed, weight=1.3),
        Scene(scenes_other.press_conference),
        Scene(scenes_other.smoke_on_hills, ("wildfire",), weight=2.5),
        Scene(scenes_other.storm_front, ("flood", "hurricane")),
    ),
    labels.NOT_HUMANITARIAN: (
        Scene(scenes_other.cat_indoors, weight=1.3),
        Scene(scenes_other.dog_in_park, weight=0.8),
        Scene(scenes_other.meal, weight=1.5),
        Scene(scenes_other.football),
        Scene(scenes_other.meme_card, weight=1.5),
        Scene(scenes_other.advert),
        Scene(scenes_other.selfie, weight=1.2),
        Scene(scenes_other.whole_house, weight=1.4),
        Scene(scenes_other.whole_car, weight=1.2),
        Scene(scenes_other.sailing, weight=0.8),
        Scene(scenes_other.party, weight=0.8),
        Scene(scenes_other.concert, weight=0.7),
        Scene(scenes_other.moving_house, weight=0.8),
        Scene(scenes_other.parked_ambulance, weight=0.6),
    ),
}

AMBIGUOUS: dict[str, Callable[[Stage], list[str]]] = {
    "dark_street": scenes_other.dark_street,
    "crowd": scenes_other.crowd,
    "distant_town": scenes_other.distant_town,
}


@dataclass(frozen=True)
class Picture:
    """A finished picture and the truth about it."""

    image: Image.Image
    scene: str
    objects: list[Thing]
    captions: list[str]


def draw(raw_label: str, kind: str, severity: str | None, event: Event, dice: Dice) -> Picture:
    """Draw one picture of an event: a clear one of `raw_label`, or an ambiguous one of `kind`."""
    if kind != labels.CLEAR:
        stage = Stage(dice, event, light="night" if kind == "dark_street" else None)
        clauses = AMBIGUOUS[kind](stage)
        blur = {"dark_street": dice.between(2.2, 3.2), "distant_town": 1.0}.get(kind, 0.0)
        exposure = 1.4 if kind == "dark_street" else 1.0
        return Picture(
            stage.photograph(blur=blur, exposure=exposure), kind, stage.objects, stage.captions(clauses)
        )
    fitting = [
        scene
        for scene in SCENES[raw_label]
        if (not scene.hazards or event.hazard in scene.hazards)
        and (severity is None or severity in scene.severities)
    ]
    scene = dice.pick_weighted(fitting, [scene.weight for scene in fitting])
    return draw_scene(scene, severity, event, dice)


def draw_scene(scene: Scene, severity: str | None, event: Event, dice: Dice) -> Picture:
    """Draw a given scene; severity is null where the scene shows no damage."""
    stage = Stage(dice, event)
    clauses = scene.draw(stage, severity or "")
    # What fills an indoor stage is a screen, a card or a room: no daylight falls on it.
    return Picture(stage.photograph(screen=stage.indoor), scene.name, stage.objects, stage.captions(clauses))
